import { describe, expect, it } from "vitest"
import { type Options, parseOptions } from "../../../src/shell/options.ts"

function options(argv: string[], env: Record<string, string> = {}): Options {
  const parsed = parseOptions(argv, env)
  if (parsed.kind !== "run") throw new Error(`${argv.join(" ")}: ${JSON.stringify(parsed)}`)
  return parsed.options
}

const wrong = (...argv: string[]) => {
  const parsed = parseOptions(argv, {})
  return parsed.kind === "wrong" ? parsed.message : parsed.kind
}

describe("the options of qdbsh", () => {
  it("have defaults", () => {
    expect(options([])).toEqual({
      daemons: ["127.0.0.1:2836"],
      timeoutMs: 60_000,
      json: false,
      color: true,
      yes: false,
      words: [],
    })
  })

  it("take their value behind = or a space", () => {
    expect(options(["--daemon=a:1", "get", "x"])).toMatchObject({ daemons: ["a:1"], words: ["get", "x"] })
    expect(options(["--daemon", "a:1,b:2"])).toMatchObject({ daemons: ["a:1,b:2"], words: [] })
    expect(options(["--timeout", "1.5"]).timeoutMs).toBe(1500)
    expect(options(["--timeout=300"]).timeoutMs).toBe(300_000)
  })

  it("let a flag win over the environment, and that over the default", () => {
    expect(options([], { QDB_DAEMON: "env:1" }).daemons).toEqual(["env:1"])
    expect(options(["--daemon", "flag:1"], { QDB_DAEMON: "env:1" }).daemons).toEqual(["flag:1"])
    expect(options([], { QDB_DAEMON: "" }).daemons).toEqual(["127.0.0.1:2836"])
  })

  it("switch colours off", () => {
    for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) expect(options([], env).color).toBe(false)
    expect(options(["--no-color"]).color).toBe(false)
    expect(options([], { NO_COLOR: "" }).color).toBe(true)
  })

  it("end with the command, whose words stand as they are", () => {
    expect(options(["put", "a", "--json", "-h", "--daemon=x"]).words).toEqual([
      "put",
      "a",
      "--json",
      "-h",
      "--daemon=x",
    ])
    expect(options(["--json", "--", "--odd"]).words).toEqual(["--odd"])
    expect(options(["-"]).words).toEqual(["-"])
  })

  it("let --yes stand behind what would ask, and only there", () => {
    expect(options(["remove_all", "--yes"])).toMatchObject({ yes: true, words: ["remove_all"] })
    expect(options(["--yes", "remove_all"])).toMatchObject({ yes: true, words: ["remove_all"] })
    expect(options(["cluster_recover", "a:1", "--yes"])).toMatchObject({
      yes: true,
      words: ["cluster_recover", "a:1"],
    })
    expect(options(["cluster_recover", "--yes"])).toMatchObject({ yes: false })
    expect(options(["put", "--yes"])).toMatchObject({ yes: false, words: ["put", "--yes"] })
  })

  it("that are wrong say so", () => {
    expect(wrong("--deamon=a")).toContain('"--deamon" is not an option')
    expect(wrong("-x")).toContain('"-x"')
    expect(wrong("--daemon")).toContain("needs a value")
    expect(wrong("--daemon=")).toContain("needs a value")
    expect(wrong("--json=1")).toContain("takes no value")
    for (const seconds of ["0", "-1", "301", "x", "1h"])
      expect(wrong("--timeout", seconds)).toContain("--timeout is")
    for (const flag of ["-h", "--help"]) expect(wrong(flag)).toBe("help")
    for (const flag of ["-v", "--version"]) expect(wrong("--json", flag)).toBe("version")
  })
})
