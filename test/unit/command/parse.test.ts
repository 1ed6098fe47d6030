import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { joinArguments } from "../../../src/command/arguments.ts"
import { type Input, type Invocation, parseLine } from "../../../src/command/parse.ts"

function parsed(line: string, input: Input = "free"): Invocation {
  const result = parseLine(line, input)
  if (!result.ok) throw new Error(`${line}: ${result.message}`)
  return result.invocation
}

function wrong(line: string, input: Input = "free"): string {
  const result = parseLine(line, input)
  expect(result.ok, line).toBe(false)
  return result.ok ? "" : result.message
}

describe("a line", () => {
  it("has words separated by one or more spaces", () => {
    expect(parsed("get a")).toMatchObject({ command: { name: "get" }, alias: "a" })
    expect(parsed("  get   a  ")).toMatchObject({ alias: "a" })
    expect(parsed("prefix_get ab")).toMatchObject({ prefix: "ab" })
    expect(parsed("remove_all").command.name).toBe("remove_all")
  })

  it("has a content that begins after exactly one space and runs to the end", () => {
    expect(parsed("put a content").content).toBe("content")
    expect(parsed("put   a content").content).toBe("content")
    expect(parsed("put a  content").content).toBe(" content")
    expect(parsed("put a several words  and spaces ").content).toBe("several words  and spaces ")
    expect(parsed("put a ").content).toBe("")
    expect(parsed("put a  ").content).toBe(" ")
    expect(parsed("put a -x").content).toBe("-x")
    expect(parsed("put a - ").content).toBe("- ")
    expect(parsed('update a "quoted"').content).toBe('"quoted"')
    expect(parsed("get_update a\tb two\nlines\r\n").content).toBe("two\nlines\r\n")
    expect(parsed("get_update a\tb two").alias).toBe("a\tb")
    expect(parsed("remove_if a  x ").comparand).toBe(" x ")
  })

  it("of cas has a content of one word, and a comparand to the end", () => {
    expect(parsed("cas a new old content ")).toMatchObject({
      alias: "a",
      content: "new",
      comparand: "old content ",
    })
    expect(parsed("cas  a  new  old")).toMatchObject({ content: "new", comparand: " old" })
    expect(parsed("cas a new ")).toMatchObject({ content: "new", comparand: "" })
    expect(parsed("cas a new")).toMatchObject({
      content: "new",
      comparand: undefined,
      fromInput: "comparand",
    })
    expect(parsed("cas a - old")).toMatchObject({
      content: undefined,
      comparand: "old",
      fromInput: "content",
    })
    expect(wrong("cas a - -")).toContain("only one argument")
    expect(wrong("cas a -")).toContain("only one argument")
    expect(wrong("cas a")).toContain("content is missing")
  })

  it("leaves a content to standard input where that is free, or is asked for", () => {
    for (const line of ["put a", "put a -"]) {
      expect(parsed(line)).toMatchObject({ content: undefined, fromInput: "content" })
      expect(wrong(line, "commands")).toMatch(/missing|holds the commands/)
    }
    expect(parsed("put a -", "terminal").fromInput).toBe("content")
    expect(wrong("put a", "terminal")).toContain("missing")
    expect(parsed("remove_if a")).toMatchObject({ comparand: undefined, fromInput: "comparand" })
  })

  it("has an address before a reason only where it cannot be its first word", () => {
    const stop = (rest: string) => {
      const { address, reason } = parsed(`stop_node ${rest}`)
      return [address, reason]
    }
    expect(stop("enough")).toEqual([undefined, "enough"])
    expect(stop("  two words ")).toEqual([undefined, "two words"])
    expect(stop("node1:2836 new memory")).toEqual(["node1:2836", "new memory"])
    expect(stop("192.168.1.1:2836 why")).toEqual(["192.168.1.1:2836", "why"])
    expect(stop("192.168.1.1 why")).toEqual(["192.168.1.1", "why"])
    expect(stop("[::1]:2836  why")).toEqual(["[::1]:2836", "why"])
    expect(stop("maintenance: new memory")).toEqual([undefined, "maintenance: new memory"])
    expect(stop("12:30 is too late")).toEqual([undefined, "12:30 is too late"])
    expect(wrong("stop_node")).toContain("reason is missing")
    expect(wrong("stop_node 192.168.1.1:2836")).toContain("reason is missing")
    expect(parsed("node_status").address).toBeUndefined()
    expect(parsed("node_status node2").address).toBe("node2")
  })

  it("has times", () => {
    expect(parsed("expires_at a 2030-01-01T00:00:00Z").expiresMs).toBe(1_893_456_000_000)
    expect(parsed("expires_at a never").expiresMs).toBe(0)
    expect(parsed("expires_from_now a 1.5").expiresMs).toBe(1500)
    expect(wrong("expires_at a tomorrow")).toContain('"tomorrow"')
    expect(wrong("expires_from_now a -1")).toContain("seconds")
    expect(wrong("expires_at a")).toContain("expiry is missing")
  })

  it("that is wrong says what is", () => {
    expect(wrong("")).toContain("command is missing")
    expect(wrong("get")).toContain("alias is missing")
    expect(wrong("get a b")).toContain('too many arguments: "b"')
    expect(wrong("version x")).toContain("too many")
    expect(wrong(`get ${"x".repeat(1025)}`)).toContain("1024")
    expect(wrong("help nothing")).toContain('"nothing" is not a command')
    expect(wrong(`${"x".repeat(5000)} a`).length).toBeLessThan(150)
    expect(parsed("help put").topic?.name).toBe("put")
    expect(parsed("help").topic).toBeUndefined()
  })

  it("with another command's name suggests the right one", () => {
    const suggestions = [
      ["delete a", "remove <alias>"],
      ["node_stop", "stop_node"],
      ["blob_put a b", "put <alias> <content>"],
      ["pit a b", "put"],
      ["cluster_stats", "cluster_status"],
      ["quit", "exit"],
      ["GET a", "get <alias>"],
      ["prefix", "prefix_get"],
    ]
    for (const [line, expected] of suggestions) expect(wrong(line!)).toContain(`did you mean ${expected}`)
    for (const line of ["xyzzy", "x"]) expect(wrong(line)).toContain("help lists the commands")
  })

  it("gives every content back as it was written", () => {
    const word = fc.string({ minLength: 1, maxLength: 20 }).filter((s) => !s.includes(" "))
    fc.assert(
      fc.property(
        word,
        fc.string({ unit: "binary" }).filter((s) => s !== "-"),
        (alias, content) => {
          expect(parsed(`put ${alias} ${content}`)).toMatchObject({ alias, content })
          expect(parsed(`cas ${alias}  x${alias} ${content}`)).toMatchObject({
            content: `x${alias}`,
            comparand: content,
          })
        },
      ),
      { seed: 2 },
    )
  })

  it("never throws", () => {
    const inputs: Input[] = ["free", "terminal", "commands"]
    const names = fc.constantFrom(
      "put",
      "cas",
      "stop_node",
      "expires_at",
      "expires_from_now",
      "help",
      "node_status",
      "",
    )
    fc.assert(
      fc.property(names, fc.string(), fc.constantFrom(...inputs), (name, rest, input) => {
        const result = parseLine(`${name} ${rest}`, input)
        if (!result.ok) expect(result.message).not.toBe("")
      }),
      { seed: 3, numRuns: 500 },
    )
  })
})

describe("options of a command", () => {
  it("stand anywhere behind its name, with = or a space before their value", () => {
    for (const line of [
      "cluster_remove_node a:1 --wait --timeout 20s",
      "cluster_remove_node --wait --timeout=20s a:1",
      "cluster_remove_node  --timeout 20 a:1  --wait ",
    ]) {
      const { target, options } = parsed(line)
      expect([target, [...options].sort()], line).toEqual([
        "a:1",
        [
          ["--timeout", 20_000],
          ["--wait", ""],
        ],
      ])
    }
    expect([...parsed("cluster_plan --add 3 --remove a:1,b:1").options]).toEqual([
      ["--add", 3],
      ["--remove", "a:1,b:1"],
    ])
    expect(parsed("cluster_wait").options.size).toBe(0)
    expect(parsed("cluster_set replication_factor 3")).toMatchObject({
      target: "replication_factor",
      value: "3",
    })
  })

  it("that are wrong say so", () => {
    expect(wrong("cluster_wait --stabel")).toContain(
      '"--stabel" is not an option here; it has --stable, --serving, --timeout',
    )
    expect(wrong("cluster_wait --timeout")).toContain("needs a value")
    expect(wrong("cluster_wait --timeout 1h")).toContain(
      '--timeout "1h" is not a time: write 20s, 500ms or 2m',
    )
    expect(wrong("cluster_wait --timeout 0")).toContain("above 0 and at most 300 s")
    expect(wrong("cluster_wait --timeout 301")).toContain("above 0 and at most 300 s")
    expect(wrong("cluster_wait --stable=yes")).toContain("takes no value")
    expect(wrong("cluster_wait --stable --stable")).toContain("stands twice")
    expect(wrong("cluster_wait stable")).toContain("too many arguments")
    for (const count of ["0", "1025", "-1", "x", "1.5"])
      expect(wrong(`cluster_plan --add ${count}`)).toContain("is not a count from 1 to 1024")
    expect(wrong("cluster_remove_node --wait")).toBe("the node is missing")
    expect(wrong("cluster_set replication_factor")).toBe("the value is missing")
  })

  it("are content like any other to a command that has none", () => {
    expect(parsed("put a --wait").content).toBe("--wait")
  })
})

describe("one-shot arguments", () => {
  const joined = (...words: string[]) => {
    const result = joinArguments(words)
    return result.ok ? result.value : `wrong: ${result.wrong}`
  }

  it("are joined by one space", () => {
    expect(joined("put", "a", "two", "words")).toBe("put a two words")
    expect(joined("put", "a", "two  words ")).toBe("put a two  words ")
    expect(joined("put", "a", "")).toBe("put a ")
    expect(joined("put", "a")).toBe("put a")
    expect(joined("put a b")).toBe("put a b")
    expect(joined("cas", "a", "new", "old", "content")).toBe("cas a new old content")
    expect(joined("stop_node", "new memory")).toBe("stop_node new memory")
    expect(joined("stop_node", "1.2.3.4:5", "new memory")).toBe("stop_node 1.2.3.4:5 new memory")
    expect(joined("nothing", "a b")).toBe("nothing a b")
  })

  it("are refused where joining would change their meaning", () => {
    expect(joined("put", "my alias", "x")).toContain('the alias "my alias" has a space')
    expect(joined("get", "my alias")).toContain("has a space")
    expect(joined("cas", "a", "new content", "old")).toContain("the content")
    expect(joined("get", "")).toContain("the alias is empty")
    expect(joined("put", "a", "not utf-8: \ufffd")).toContain("not UTF-8")
  })
})
