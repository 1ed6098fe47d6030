/** The compiled `qdbsh` against a compiled `qdbd`: every command, one-shot and from scripts. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync } from "node:fs"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { commands } from "../../src/command/table.ts"
import { type Daemon, freePort, startDaemon, temporaryDirectory } from "../support/daemon.ts"
import { qdbshPath } from "../support/executables.ts"

const directory = temporaryDirectory()
let daemon: Daemon
beforeAll(async () => {
  daemon = await startDaemon({ directory: directory.path })
})
afterAll(async () => {
  await daemon.stop()
  directory.remove()
})
beforeEach(async () => {
  expect((await qdbsh(["--yes", "remove_all"])).status).toBe(0)
})

interface Ran {
  readonly status: number | null
  readonly output: Buffer
  readonly text: string
  readonly errors: string
}

interface RunOptions {
  readonly input?: string | Uint8Array
  readonly env?: Record<string, string>
  /** Instead of the daemon's. */
  readonly daemons?: string
}

async function qdbsh(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { input = "", env = {}, daemons = daemon.address } = options
  const child = spawn(qdbshPath, args, { env: { QDB_DAEMON: daemons, ...env }, stdio: "pipe" })
  const output: Buffer[] = []
  const errors: Buffer[] = []
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk))
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk))
  // A command that reads nothing closes its input while it is written to.
  child.stdin.on("error", () => undefined)
  child.stdin.end(input)
  const [status] = (await once(child, "close")) as [number | null]
  const all = Buffer.concat(output)
  return { status, output: all, text: all.toString(), errors: Buffer.concat(errors).toString() }
}

/** Runs a command that is expected to succeed and to say nothing on standard error. */
async function ok(...args: string[]): Promise<string> {
  const ran = await qdbsh(args)
  expect([ran.status, ran.errors], args.join(" ")).toEqual([0, ""])
  return ran.text
}

async function failing(status: number, ...args: string[]): Promise<Ran> {
  const ran = await qdbsh(args)
  expect(ran.status, `${args.join(" ")}: ${ran.errors}`).toBe(status)
  return ran
}

describe("qdbsh, one command", () => {
  it("puts, gets, updates and removes", async () => {
    expect(await ok("put", "entry", "thisismycontent")).toBe("")
    expect(await ok("get", "entry")).toBe("thisismycontent")
    const again = await failing(1, "put", "entry", "other")
    expect(again.errors).toBe(
      "error: An entry matching the provided alias already exists. (alias_already_exists)\n" +
        "hint: Use update to replace it, or remove it first.\n",
    )
    expect(again.text).toBe("")
    expect(await ok("update", "entry", "two", "words")).toBe("")
    expect(await ok("get", "entry")).toBe("two words")
    expect(await ok("get_update", "entry", "third")).toBe("two words")
    expect(await ok("get_remove", "entry")).toBe("third")
    expect((await failing(1, "get", "entry")).errors).toContain("(alias_not_found)")
    expect((await failing(1, "get_update", "entry", "x")).errors).toContain("(alias_not_found)")
    expect((await failing(1, "remove", "entry")).errors).toContain("(alias_not_found)")
    await ok("put", "entry", "x")
    expect(await ok("remove", "entry")).toBe("")
    expect((await failing(1, "put", "qdb.mine", "x")).errors).toContain("(reserved_alias)")
  })

  it("compares and swaps, and removes if", async () => {
    await ok("put", "entry", "first content")
    const kept = await failing(1, "cas", "entry", "new", "other")
    expect([kept.text, kept.errors.split("\n")[0]]).toEqual([
      "first content",
      "error: The content does not match. (unmatched_content)",
    ])
    expect(await ok("cas", "entry", "new", "first", "content")).toBe("first content")
    expect(await ok("get", "entry")).toBe("new")
    const not = await failing(1, "remove_if", "entry", "other")
    expect([not.text, not.errors]).toEqual(["false\n", ""])
    expect(await ok("remove_if", "entry", "new")).toBe("true\n")
    expect((await failing(1, "remove_if", "entry", "new")).errors).toContain("(alias_not_found)")
    expect((await failing(1, "cas", "entry", "new", "old")).errors).toContain("(alias_not_found)")
  })

  it("sets and tells expiries", async () => {
    await ok("put", "entry", "x")
    expect(await ok("get_expiry", "entry")).toBe("never\n")
    await ok("expires_at", "entry", "2100-01-01T01:00:00.5+01:00")
    expect(await ok("get_expiry", "entry")).toBe("2100-01-01T00:00:00.500Z\n")
    await ok("expires_at", "entry", "4102444801")
    expect(await ok("get_expiry", "entry")).toBe("2100-01-01T00:00:01.000Z\n")
    await ok("expires_at", "entry", "never")
    expect(await ok("get_expiry", "entry")).toBe("never\n")
    await ok("expires_from_now", "entry", "3600")
    const left = Date.parse((await ok("get_expiry", "entry")).trim()) - Date.now()
    expect(left).toBeGreaterThan(3_500_000)
    expect(left).toBeLessThanOrEqual(3_600_000)
    await ok("update", "entry", "y")
    expect(await ok("get_expiry", "entry")).toBe("never\n")
    await ok("expires_at", "entry", "2001-01-01T00:00:00Z")
    expect((await failing(1, "get", "entry")).errors).toContain("(alias_not_found)")
    expect((await failing(1, "get_expiry", "entry")).errors).toContain("(alias_not_found)")
    expect((await failing(2, "expires_at", "entry", "tomorrow")).errors).toContain(
      "usage: expires_at <alias> <expiry>",
    )
  })

  it("lists aliases by prefix, in byte order", async () => {
    const script = ["ab", "a", "b", "aß", "aa", "a\u{1f600}", "a\uff5e"]
      .map((alias) => `put ${alias} x\n`)
      .join("")
    expect((await qdbsh([], { input: script })).status).toBe(0)
    expect(await ok("prefix_get", "a")).toBe("a\naa\nab\naß\na\uff5e\na\u{1f600}\n")
    expect(await ok("prefix_get", "zzz")).toBe("")
    await failing(2, "prefix_get")
    expect((await qdbsh(["--yes", "remove_all"])).text).toBe("")
    expect(await ok("prefix_get", "a")).toBe("")
  })

  it("tells about the node and the cluster in JSON", async () => {
    for (const command of ["node_status", "node_config", "node_topology"]) {
      const own = JSON.parse(await ok(command)) as object
      const named = JSON.parse(await ok(command, daemon.address)) as object
      expect(Object.keys(named), command).toEqual(Object.keys(own))
    }
    expect(JSON.parse(await ok("cluster_status"))).toMatchObject({
      state: "stable",
      members: [{ address: daemon.address }],
    })
    const free = `127.0.0.1:${await freePort()}`
    const none = await failing(3, "node_status", free)
    expect(none.errors).toContain(`(${free}: connection refused)`)
  })

  it("needs no daemon for help and version", async () => {
    const daemons = `127.0.0.1:${await freePort()}`
    const help = await qdbsh(["help"], { daemons })
    for (const command of commands)
      expect(help.text).toContain(`\n${command.name}`.slice(command.name === "put" ? 1 : 0))
    expect((await qdbsh(["help", "cas"], { daemons })).text).toContain("cas <alias> <content> <comparand>")
    const version = /^qdbsh \d+\.\d+\.\d+ \([0-9a-z+]+\)\n$/
    for (const args of [["version"], ["-v"], ["--version"]])
      expect((await qdbsh(args, { daemons })).text).toMatch(version)
    for (const args of [["-h"], ["--help"]])
      expect((await qdbsh(args, { daemons })).text).toContain("--daemon HOST[:PORT]")
  })

  it("takes a content from standard input, byte for byte", async () => {
    const binary = new Uint8Array(1_000_000)
    for (let i = 0; i < binary.length; i++) binary[i] = (i * 7919) >>> 3
    expect((await qdbsh(["put", "binary"], { input: binary })).status).toBe(0)
    const got = await qdbsh(["get", "binary"])
    expect(Buffer.compare(got.output, binary)).toBe(0)
    expect((await qdbsh(["update", "lines", "-"], { input: "a\nb\n" })).status).toBe(0)
    expect(await ok("get", "lines")).toBe("a\nb\n")
    expect((await qdbsh(["put", "empty"], { input: "" })).status).toBe(0)
    expect(await ok("get", "empty")).toBe("")
    expect((await qdbsh(["cas", "lines", "new"], { input: "a\nb\n" })).text).toBe("a\nb\n")
    await ok("update", "lines", "")
    expect(await ok("get", "lines")).toBe("")
  })

  it("does not change what its arguments mean", async () => {
    await ok("put", "entry", "--json", " spaces  kept ", "-h")
    expect(await ok("get", "entry")).toBe("--json  spaces  kept  -h")
    expect((await failing(2, "put", "my alias", "x")).errors).toContain("has a space in it")
    expect((await failing(2, "cas", "entry", "two words", "old")).errors).toContain("has a space in it")
    expect((await failing(2, "get", "")).errors).toContain("is empty")
    await ok("put unicode ünï \u{1f600}")
    expect(await ok("get", "unicode")).toBe("ünï \u{1f600}")
  })

  it("prints JSON where that is wanted", async () => {
    await ok("put", "entry", "é")
    expect(JSON.parse(await ok("--json", "get", "entry"))).toEqual({ ok: true, content: "é" })
    const error = await failing(1, "--json", "get", "none")
    expect(JSON.parse(error.errors)).toMatchObject({
      ok: false,
      error: { name: "alias_not_found", definite: true },
    })
  })

  it("ends with 2 where it is not understood", async () => {
    for (const args of [
      ["delete", "x"],
      ["get"],
      ["get", "a", "b"],
      ["--nonsense"],
      ["--timeout", "x", "get", "a"],
      ["--daemon"],
    ]) {
      const ran = await failing(2, ...args)
      expect(ran.errors, args.join(" ")).toMatch(/^error: /)
      expect(ran.text).toBe("")
    }
    expect((await failing(2, "delete", "x")).errors).toContain("did you mean remove <alias>?")
    expect((await failing(2, "remove_all")).errors).toContain("--yes")
  })

  it("ends with 3 where no daemon is, and says what it tried", async () => {
    const [one, two] = [`127.0.0.1:${await freePort()}`, `localhost:${await freePort()}`]
    const none = await qdbsh(["get", "x"], { daemons: `${one},${two}` })
    expect(none.status).toBe(3)
    expect(none.errors).toContain(`${one}: connection refused; ${two}: connection refused`)
    // A flag wins over the environment, and one of several is enough.
    await ok("put", "x", "y")
    expect((await qdbsh([`--daemon=${one},${daemon.address}`, "get", "x"], { daemons: two })).text).toBe("y")
    expect((await qdbsh(["--daemon", daemon.address, "get", "x"], { daemons: two })).text).toBe("y")
  })

  it("is stopped by a signal", async () => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const child = spawn(qdbshPath, ["put", "never"], {
        env: { QDB_DAEMON: daemon.address },
        stdio: ["pipe", "ignore", "ignore"],
      })
      // It waits for its content; a moment later it has its handlers.
      await waitForSession()
      child.kill(signal)
      expect((await once(child, "close"))[0]).toBe(130)
    }
    await failing(1, "get", "never")
  })

  it("fails where its output cannot be written, and is quiet where nobody reads it", async () => {
    await qdbsh(["put", "large"], { input: new Uint8Array(4_000_000) })
    const full = openSync("/dev/full", "w")
    const child = spawn(qdbshPath, ["get", "large"], {
      env: { QDB_DAEMON: daemon.address },
      stdio: ["ignore", full, "pipe"],
    })
    let errors = ""
    child.stderr!.on("data", (chunk: Buffer) => (errors += chunk.toString()))
    expect((await once(child, "close"))[0]).toBe(1)
    expect(errors).toContain("error: Standard output cannot be written: ")
    const head = spawn("sh", ["-c", `"${qdbshPath}" get large | head -c 1 >/dev/null`], {
      env: { QDB_DAEMON: daemon.address, PATH: process.env["PATH"] ?? "" },
    })
    let noise = ""
    head.stderr.on("data", (chunk: Buffer) => (noise += chunk.toString()))
    await once(head, "close")
    expect(noise).toBe("")
  })
})

describe("standard input that cannot be read", () => {
  it("is an error in one line", async () => {
    for (const args of [[], ["put", "a"]]) {
      const folder = openSync(directory.path, "r")
      const child = spawn(qdbshPath, args, {
        env: { QDB_DAEMON: daemon.address },
        stdio: [folder, "ignore", "pipe"],
      })
      let errors = ""
      child.stderr!.on("data", (chunk: Buffer) => (errors += chunk.toString()))
      expect((await once(child, "close"))[0]).toBe(1)
      expect(errors).toMatch(/^error: Standard input cannot be read: .*EISDIR.*\n$/)
      closeSync(folder)
    }
  })
})

describe("qdbsh, a script", () => {
  it("runs line after line without prompts", async () => {
    const ran = await qdbsh([], {
      input: "# a script\nput a 1\n\nput b two words\r\nget a\nget b\nprefix_get a\nexit\nget none\n",
    })
    expect([ran.status, ran.text, ran.errors]).toEqual([0, "1\ntwo words\na\n", ""])
  })

  it("goes on after failures and ends with the worst status", async () => {
    const ran = await qdbsh([], { input: "get none\nput a 1\nnonsense\nget a" })
    expect([ran.status, ran.text]).toEqual([2, "1\n"])
    expect(ran.errors).toContain("(alias_not_found)")
  })

  it("carries any bytes but line feeds", async () => {
    const content = Buffer.from([0, 1, 0x80, 0xff, 0xc3, 0x20, 0x20])
    const script = Buffer.concat([Buffer.from("put bytes "), content, Buffer.from("\n")])
    expect((await qdbsh([], { input: script })).status).toBe(0)
    expect(Buffer.compare((await qdbsh(["get", "bytes"])).output, content)).toBe(0)
  })
})

describe("the manual's examples", () => {
  /** Those of remove_all and cluster_recover ask; the others name a further machine (test/cluster/operate.test.ts). */
  const elsewhere = new Set(
    "remove_all node_status stop_node cluster_plan cluster_remove_node cluster_recover".split(" "),
  )
  const prepared: Readonly<Record<string, string>> = {
    put: "version",
    update: "put entry x",
    get_remove: "put entry newcontent",
    expires_at: "put entry x",
    get_expiry: "put entry x\nexpires_at entry 2030-01-01T00:00:00Z",
  }
  for (const command of commands) {
    if (elsewhere.has(command.name)) continue
    it(`of ${command.name} do what they show`, async () => {
      await qdbsh([], { input: `${prepared[command.name] ?? "put entry thisismycontent"}\n` })
      for (const { input, output } of command.examples) {
        const ran = await qdbsh([], { input: `${input}\n` })
        expect([ran.status, ran.errors], input).toEqual([0, ""])
        if (output !== undefined) expect(ran.text, input).toBe(`${output}\n`)
      }
    })
  }
})

describe("stop_node", () => {
  it("stops the node that it names, and that node logs why", async () => {
    const other = temporaryDirectory()
    const victim = await startDaemon({ directory: other.path })
    expect((await failing(2, "stop_node", victim.address)).errors).toContain("the reason is missing")
    expect(await ok("stop_node", victim.address, "new memory is here")).toBe("")
    expect((await victim.exit()).status).toBe(0)
    expect(victim.log).toContain("new memory is here")
    other.remove()
    await ok("cluster_status")
  })
})

/** Waits until a second session is open at the daemon: the asker's own is the first. */
async function waitForSession(): Promise<void> {
  for (;;) {
    const status = JSON.parse(await ok("node_status")) as { engine: { sessions: { open: number } } }
    if (status.engine.sessions.open >= 2) return
  }
}
