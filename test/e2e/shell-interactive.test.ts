/** The compiled `qdbsh` on a pseudo-terminal: prompts, editing, history, colours, and what a terminal must not obey. */
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { type Daemon, freePort, startDaemon, temporaryDirectory } from "../support/daemon.ts"
import { qdbshPath } from "../support/executables.ts"
import { PseudoTerminal } from "../support/pseudo-terminal.ts"
import { FakeCluster } from "../unit/client/fake-cluster.ts"
import { FakeServer } from "../unit/client/fake-server.ts"

const directory = temporaryDirectory()
let home: ReturnType<typeof temporaryDirectory>
let daemon: Daemon
beforeAll(async () => {
  daemon = await startDaemon({ directory: directory.path })
})
afterAll(async () => {
  await daemon.stop()
  directory.remove()
})
beforeEach(() => {
  home = temporaryDirectory()
})
afterEach(() => home.remove())

function open(args: readonly string[] = [], env: Record<string, string> = {}): PseudoTerminal {
  return new PseudoTerminal([qdbshPath, `--daemon=${daemon.address}`, ...args], { HOME: home.path, ...env })
}

const ok = "ok:qdbsh> "
const ko = "ko:qdbsh> "

describe("qdbsh on a terminal", () => {
  it("does what the tutorial shows", async () => {
    const terminal = open()
    await terminal.shows(ok)
    terminal.type("update entry thisismycontent\r")
    expect(await terminal.shows(ok)).toBe("update entry thisismycontent\n")
    terminal.type("get entry\r")
    expect(await terminal.shows(ok)).toBe("get entry\nthisismycontent\n")
    terminal.type("exit\r")
    expect(await terminal.ends()).toBe(0)
  })

  it("greets, and tells by its prompt how the last line ended", async () => {
    const terminal = open()
    expect(await terminal.shows(ok)).toMatch(
      new RegExp(`^qdbsh \\S+, connected to ${daemon.address}; help lists the commands\n$`),
    )
    terminal.type("get nothing\r")
    expect(await terminal.shows(ko)).toContain("(alias_not_found)")
    terminal.type("\r")
    await terminal.shows(ko)
    terminal.type("bad\r")
    expect(await terminal.shows(ko)).toContain('"bad" is not a command')
    terminal.type("version\r")
    expect(await terminal.shows(ok)).toMatch(/^version\nqdbsh \d/)
    terminal.type("put a\r")
    expect(await terminal.shows(ko)).toContain("the content is missing")
    terminal.type("put a -\r")
    expect(await terminal.shows(ko)).toContain("holds the commands")
    terminal.type("\x04")
    // How single lines ended is no failure of the session.
    expect(await terminal.ends()).toBe(0)
  })

  it("completes commands", async () => {
    const terminal = open()
    await terminal.shows(ok)
    terminal.type("cluster_st")
    await terminal.shows("cluster_st")
    terminal.type("\t")
    await terminal.shows("atus")
    terminal.type("\r")
    expect(await terminal.shows(ok)).toMatch(/stable/)
    terminal.type("expires")
    await terminal.shows("expires")
    terminal.type("\t")
    await terminal.shows("_")
    terminal.type("\t")
    const listed = await terminal.shows("expires_from_now")
    expect(listed).toContain("expires_at")
    terminal.type("\x03exit\r")
    expect(await terminal.ends()).toBe(0)
  })

  it("keeps the lines for the next time, for their owner only", async () => {
    const first = open()
    await first.shows(ok)
    first.type("update one 1\r")
    await first.shows(ok)
    first.type(" update secret x\r")
    await first.shows(ok)
    first.type("exit\r")
    await first.ends()
    const path = join(home.path, ".local", "state", "qdb", "history")
    expect(readFileSync(path, "utf8")).toBe("update one 1\nexit\n")
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const second = open()
    await second.shows(ok)
    second.type("\x1b[A")
    await second.shows("exit")
    second.type("\x1b[A")
    await second.shows("update one 1")
    second.type("\r")
    await second.shows(ok)
    second.type("exit\r")
    expect(await second.ends()).toBe(0)
  })

  it("takes XDG_STATE_HOME, and works where no history can be kept", async () => {
    const state = join(home.path, "state")
    const kept = open([], { XDG_STATE_HOME: state })
    await kept.shows(ok)
    kept.type("exit\r")
    await kept.ends()
    expect(readFileSync(join(state, "qdb", "history"), "utf8")).toBe("exit\n")
    const broken = open([], { XDG_STATE_HOME: "/dev/null" })
    expect(await broken.shows(ok)).toContain("warning: the history is not kept")
    broken.type("exit\r")
    expect(await broken.ends()).toBe(0)
  })

  it("has colours, but not where they are unwanted", async () => {
    const coloured = open()
    await coloured.shows(ok)
    coloured.type("get nothing\r")
    await coloured.shows(ko)
    coloured.type("exit\r")
    await coloured.ends()
    expect(coloured.raw).toContain(`\x1b[32m${ok}\x1b[0m`)
    expect(coloured.raw).toContain(`\x1b[31m${ko}\x1b[0m`)
    expect(coloured.raw).toContain("\x1b[1;31merror:\x1b[0m")
    const plain: [string[], Record<string, string>][] = [
      [["--no-color"], {}],
      [[], { NO_COLOR: "1" }],
      [[], { TERM: "dumb" }],
    ]
    for (const [args, env] of plain) {
      const terminal = open(args, env)
      await terminal.shows(ok)
      terminal.type("get nothing\r")
      await terminal.shows(ko)
      terminal.type("exit\r")
      await terminal.ends()
      // oxlint-disable-next-line no-control-regex
      expect(terminal.raw).not.toMatch(/\x1b\[[0-9;]*m/)
    }
  })

  it("shows contents and does not obey them", async () => {
    const evil = "a\x1b[2J\x1b]0;title\x07b"
    const put = new PseudoTerminal([qdbshPath, `--daemon=${daemon.address}`, "update", "evil", evil], {
      HOME: home.path,
    })
    expect(await put.ends()).toBe(0)
    const terminal = open()
    await terminal.shows(ok)
    terminal.type("get evil\r")
    expect(await terminal.shows(ok)).toBe("get evil\na\\x1b[2J\\x1b]0;title\\x07b\n")
    terminal.type("exit\r")
    await terminal.ends()
    expect(terminal.raw).not.toContain("\x1b[2J")
    const oneShot = new PseudoTerminal([qdbshPath, `--daemon=${daemon.address}`, "get", "evil"], {
      HOME: home.path,
    })
    expect(await oneShot.ends()).toBe(0)
    expect(oneShot.raw).toBe("a\\x1b[2J\\x1b]0;title\\x07b\r\n")
  })

  it("asks before it removes everything", async () => {
    const terminal = open()
    await terminal.shows(ok)
    terminal.type("update one 1\r")
    await terminal.shows(ok)
    terminal.type("remove_all\r")
    await terminal.shows("Type yes to go on: ")
    terminal.type("y\r")
    expect(await terminal.shows(ko)).toContain("nothing was removed")
    terminal.type("get one\r")
    await terminal.shows(ok)
    terminal.type("remove_all\r")
    await terminal.shows("Type yes to go on: ")
    terminal.type("yes\r")
    expect(await terminal.shows(ok)).toMatch(/[1-9]\d* entries removed\n$/)
    terminal.type("get one\r")
    await terminal.shows(ko)
    terminal.type("exit\r")
    await terminal.ends()
    const oneShot = new PseudoTerminal([qdbshPath, `--daemon=${daemon.address}`, "remove_all"], {
      HOME: home.path,
    })
    await oneShot.shows("Type yes to go on: ")
    oneShot.type("no\r")
    expect(await oneShot.ends()).toBe(1)
  })

  it("gives a command up at Ctrl-C, and a typed line", async () => {
    const cluster = new FakeCluster()
    cluster.behaviour = (request) => (request.alias === "slow" ? { do: "ignore" } : { do: "answer" })
    const server = await FakeServer.start(cluster)
    const terminal = new PseudoTerminal([qdbshPath, `--daemon=${server.address}`], { HOME: home.path })
    await terminal.shows(ok)
    terminal.type("put slow x\r")
    await terminal.shows("put slow x\n")
    while (cluster.log.length === 0) await new Promise((resolve) => setImmediate(resolve))
    terminal.type("\x03")
    expect(await terminal.shows(ko)).toContain("(cancelled)")
    terminal.type("put quick x\r")
    await terminal.shows(ok)
    terminal.type("remove quick")
    await terminal.shows("remove quick")
    terminal.type("\x03get quick\r")
    await terminal.shows("get quick\nx\n")
    terminal.type("exit\r")
    expect(await terminal.ends()).toBe(0)
    await server.stop()
  })

  it("runs lines that are typed ahead, one after another", async () => {
    const terminal = open()
    await terminal.shows(ok)
    terminal.type("update x 1\rget x\rupdate x 2\rget x\r")
    await terminal.shows("\n1\n2\n")
    // What was typed before the end is carried out.
    terminal.type("update x 3\rget x\r\x04")
    await terminal.shows("\n3\n")
    expect(await terminal.ends()).toBe(0)
  })

  it("does not wait silently for a content, unless it is asked to", async () => {
    const missing = new PseudoTerminal([qdbshPath, `--daemon=${daemon.address}`, "put", "typed"], {
      HOME: home.path,
    })
    expect(await missing.ends()).toBe(2)
    expect(missing.text).toContain("the content is missing; write - to type it")
    const typed = new PseudoTerminal([qdbshPath, `--daemon=${daemon.address}`, "update", "typed", "-"], {
      HOME: home.path,
    })
    typed.type("by hand\n\x04")
    expect(await typed.ends()).toBe(0)
    const got = new PseudoTerminal([qdbshPath, `--daemon=${daemon.address}`, "get", "typed"], {
      HOME: home.path,
    })
    expect(await got.ends()).toBe(0)
    expect(got.text).toBe("by hand\n\n")
  })

  it("says at once that no daemon is there", async () => {
    const address = `127.0.0.1:${await freePort()}`
    const terminal = new PseudoTerminal([qdbshPath, "--daemon", address], { HOME: home.path })
    expect(await terminal.ends()).toBe(3)
    expect(terminal.text).toContain(`${address}: connection refused`)
    expect(terminal.text).not.toContain("qdbsh> ")
  })

  it("outlives its daemon's restart", async () => {
    const place = temporaryDirectory()
    const first = await startDaemon({ directory: place.path })
    const terminal = new PseudoTerminal([qdbshPath, `--daemon=${first.address}`], { HOME: home.path })
    await terminal.shows(ok)
    terminal.type("put entry kept\r")
    await terminal.shows(ok)
    expect(await first.stop()).toBe(0)
    const second = await startDaemon({ directory: place.path, port: first.port })
    terminal.type("get entry\r")
    expect(await terminal.shows(ok)).toContain("\nkept\n")
    terminal.type("exit\r")
    expect(await terminal.ends()).toBe(0)
    await second.stop()
    place.remove()
  })
})
