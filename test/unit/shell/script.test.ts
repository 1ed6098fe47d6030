/** One-shot commands and scripts against a fake node, with a terminal of the test's own. */
import * as Effect from "effect/Effect"
import { afterEach, describe, expect, it } from "vitest"
import { Connection } from "../../../src/shell/connection.ts"
import { type Options, parseOptions } from "../../../src/shell/options.ts"
import { type LineMode, runLine } from "../../../src/shell/run-line.ts"
import { runScript } from "../../../src/shell/script.ts"
import type { Terminal } from "../../../src/shell/terminal.ts"
import { operation } from "../../../src/core/entry/operation.ts"
import { code } from "../../../src/wire/errors.ts"
import { FakeCluster } from "../client/fake-cluster.ts"
import { FakeServer } from "../client/fake-server.ts"

const servers: FakeServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

class TestTerminal implements Terminal {
  readonly inputIsTerminal = false
  readonly outputIsTerminal: boolean = false
  readonly errorIsTerminal: boolean = false
  output = Buffer.alloc(0)
  errors = ""
  private readonly chunks: readonly Uint8Array[]

  constructor(chunks: readonly (string | Uint8Array)[] = []) {
    this.chunks = chunks.map((c) => (typeof c === "string" ? Buffer.from(c) : c))
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.output = Buffer.concat([this.output, bytes])
  }

  writeError(text: string): void {
    this.errors += text
  }

  async *input(): AsyncGenerator<Uint8Array> {
    yield* this.chunks
  }

  close(): void {
    // Nothing is open.
  }
}

interface Ran {
  readonly status: number
  readonly output: string
  readonly errors: string
  readonly cluster: FakeCluster
}

function optionsOf(argv: readonly string[]): Options {
  const parsed = parseOptions(argv, {})
  if (parsed.kind !== "run") throw new Error(JSON.stringify(parsed))
  return parsed.options
}

async function start(cluster: FakeCluster): Promise<FakeServer> {
  const server = await FakeServer.start(cluster)
  servers.push(server)
  return server
}

async function script(
  input: readonly (string | Uint8Array)[],
  prepare: (cluster: FakeCluster) => void = () => undefined,
  argv: readonly string[] = [],
): Promise<Ran> {
  const cluster = new FakeCluster()
  prepare(cluster)
  const server = await start(cluster)
  const options = optionsOf([`--daemon=${server.address}`, ...argv])
  const terminal = new TestTerminal(input)
  const program = runScript({ options, terminal }).pipe(Effect.provide(Connection.layer(options)))
  const status = await Effect.runPromise(program)
  return { status, output: terminal.output.toString("latin1"), errors: terminal.errors, cluster }
}

const oneShot: LineMode = {
  input: "free",
  style: "raw",
  encode: (text) => new TextEncoder().encode(text),
  confirm: undefined,
}

async function one(
  line: string,
  input: readonly (string | Uint8Array)[],
  cluster: FakeCluster,
  mode: LineMode = oneShot,
) {
  const server = await start(cluster)
  return oneAt(server.address, line, input, mode)
}

async function oneAt(
  address: string,
  line: string,
  input: readonly (string | Uint8Array)[] = [],
  mode: LineMode = oneShot,
) {
  const options = optionsOf([`--daemon=${address}`, "--timeout=0.5"])
  const terminal = new TestTerminal(input)
  const program = runLine({ options, terminal }, line, mode).pipe(Effect.provide(Connection.layer(options)))
  const status = await Effect.runPromise(program)
  return { status, output: terminal.output, errors: terminal.errors }
}

describe("a script", () => {
  it("runs each line, and gives a line a result", async () => {
    const ran = await script([
      "put a 1\nput b two words \nget a\nget b\nprefix_get ",
      "a\nremove_if a x\n# rem\n\n  \ncas b c two words \nget b",
    ])
    expect(ran.output).toBe("1\ntwo words \na\nfalse\ntwo words \nc\n")
    expect(ran.errors).toBe("")
    expect(ran.status).toBe(1)
  })

  it("goes on after a failure, and ends with the worst status", async () => {
    const ran = await script(["get none\nbad\nput a 1\nget a\n"])
    expect(ran.output).toBe("1\n")
    expect(ran.errors).toContain("(alias_not_found)")
    expect(ran.errors).toContain('"bad" is not a command')
    expect(ran.status).toBe(2)
    expect((await script(["put a 1\nget none\nget a\n"])).status).toBe(1)
    expect((await script([])).status).toBe(0)
  })

  it("ends at exit", async () => {
    const ran = await script(["put a 1\nexit\nput b 1\n"])
    expect([...ran.cluster.entries.keys()]).toEqual(["a"])
    expect(ran.status).toBe(0)
  })

  it("ends at once where no daemon is", async () => {
    const server = await start(new FakeCluster())
    await server.stop()
    servers.length = 0
    const options = optionsOf([`--daemon=${server.address}`])
    const terminal = new TestTerminal(["get a\nget b\nversion\n"])
    const program = runScript({ options, terminal }).pipe(Effect.provide(Connection.layer(options)))
    expect(await Effect.runPromise(program)).toBe(3)
    expect(terminal.errors.match(/connection_refused/g)!.length).toBe(1)
    expect(terminal.output.length).toBe(0)
  })

  it("is bytes: what is not UTF-8 arrives as it is, wherever chunks end", async () => {
    const content = Buffer.from([0x70, 0xff, 0xc3, 0x00, 0x80])
    const line = Buffer.concat([Buffer.from("put a "), content, Buffer.from("\r\nget a\n")])
    const chunks = [...line].map((byte) => Buffer.from([byte]))
    // The fake node keeps text, so the bytes are seen in what it was sent.
    const ran = await script(chunks)
    expect(ran.cluster.log.find((l) => l.request.alias === "a")!.request.content).toBe(
      new TextDecoder().decode(content),
    )
    expect(ran.errors).toBe("")
    expect((await script(["put é ü\nget é\n"])).output).toBe(Buffer.from("ü\n").toString("latin1"))
  })

  it("does not let contents be read from where the commands are", async () => {
    const ran = await script(["put a\nput a -\nput b x\n"])
    expect(ran.errors).toContain("the content is missing")
    expect(ran.errors).toContain("holds the commands")
    expect([...ran.cluster.entries.keys()]).toEqual(["b"])
    expect(ran.status).toBe(2)
  })

  it("needs --yes for remove_all", async () => {
    const fill = (cluster: FakeCluster) => void cluster.entries.set("a", { content: "", expiresMs: 0 })
    const refused = await script(["remove_all\n"], fill)
    expect([refused.status, refused.cluster.entries.size]).toEqual([2, 1])
    expect(refused.errors).toContain("--yes")
    const done = await script(["remove_all\n"], fill, ["--yes"])
    expect([done.status, done.cluster.entries.size, done.output]).toEqual([0, 0, ""])
  })

  it("prints JSON, a line a command, and errors apart", async () => {
    const ran = await script(["put a 1\nget a\nget none\nget_expiry a\nversion\n"], undefined, ["--json"])
    const lines = ran.output
      .trim()
      .split("\n")
      .map((l) => JSON.parse(l) as object)
    expect(lines).toEqual([
      { ok: true },
      { ok: true, content: "1" },
      { ok: true, expiresAtMs: null },
      { ok: true, text: expect.stringContaining("qdbsh ") as string },
    ])
    expect(JSON.parse(ran.errors)).toMatchObject({ ok: false, error: { name: "alias_not_found" } })
  })
})

describe("a one-shot command", () => {
  it("reads its content from standard input, byte for byte", async () => {
    const cluster = new FakeCluster()
    expect((await one("put a", ["two", "\nlines\n"], cluster)).status).toBe(0)
    expect(cluster.entries.get("a")!.content).toBe("two\nlines\n")
    expect((await one("cas a - two\nlines\n", ["new"], cluster)).output.toString()).toBe("two\nlines\n")
    expect((await one("remove_if a", ["new"], cluster)).output.toString()).toBe("true\n")
    expect((await one("put empty", [], cluster)).status).toBe(0)
    expect(cluster.entries.get("empty")!.content).toBe("")
  })

  it("refuses more standard input than an entry may have", async () => {
    const cluster = new FakeCluster()
    const chunk = new Uint8Array(32 * 1024 * 1024)
    const ran = await one("put a", [chunk, chunk, new Uint8Array(1)], cluster)
    expect(ran.status).toBe(1)
    expect(ran.errors).toContain("(entry_too_large)")
    expect(cluster.log).toEqual([])
  })

  it("ends with 4 where the outcome is unknown, and with 1 where it is not", async () => {
    const cluster = new FakeCluster()
    cluster.behaviour = () => ({ do: "ignore" })
    expect((await one("put a x", [], cluster)).status).toBe(4)
    cluster.behaviour = () => ({ do: "refuse", code: code.in_doubt })
    expect((await one("put a x", [], cluster)).status).toBe(4)
    cluster.behaviour = () => ({ do: "refuse", code: code.unstable_cluster })
    const refused = await one("put a x", [], cluster)
    expect([refused.status, refused.errors.split("\n")[0]]).toEqual([
      1,
      "error: The cluster is unstable. (unstable_cluster)",
    ])
  })

  it("shows the stored content and fails where cas does not match", async () => {
    const cluster = new FakeCluster()
    cluster.entries.set("a", { content: "stored", expiresMs: 0 })
    const ran = await one("cas a new other", [], cluster)
    expect([ran.status, ran.output.toString()]).toEqual([1, "stored"])
    expect(ran.errors).toContain("(unmatched_content)")
  })

  it("asks the node that it names", async () => {
    const cluster = new FakeCluster()
    const other = await start(cluster)
    const ran = await one(`node_status ${other.address}`, [], cluster)
    expect(JSON.parse(ran.output.toString())).toMatchObject({ node: other.address })
    await one(`stop_node ${other.address} new memory`, [], cluster)
    expect(cluster.stopped).toEqual([`${other.address}: new memory`])
    const bad = await one("node_status a:b:c", [], cluster)
    expect([bad.status, bad.errors.split("\n")[0]]).toEqual([
      1,
      'error: "a:b:c" is not an address: write HOST:PORT, or [IPV6]:PORT. (invalid_argument)',
    ])
  })

  it("waits for a cluster, and says what that waits for", async () => {
    const cluster = new FakeCluster()
    const states = ["unstable", "serving", "stable"]
    const reasons = ["10.0.0.3:2836 is not up"]
    cluster.documents.set(operation.cluster_status, () => ({
      state: states.length > 1 ? (states.shift() as string) : "stable",
      reasons,
    }))
    expect((await one("cluster_wait --serving --timeout 5s", [], cluster)).status).toBe(0)
    expect(states).toEqual(["stable"])
    cluster.documents.set(operation.cluster_status, () => ({ state: "serving", reasons }))
    const late = await one("cluster_wait --stable --timeout 1500ms", [], cluster)
    expect([late.status, late.output.length]).toEqual([1, 0])
    expect(late.errors).toContain("not as wanted after")
    expect(late.errors).toContain("(unstable_cluster)")
  })

  it("waits for a daemon that is not up yet, but not longer than it should", async () => {
    const free = await start(new FakeCluster())
    const { port, address } = free
    await free.stop()
    const waiting = oneAt(address, `cluster_wait --timeout 250ms`)
    const none = await waiting
    expect([none.status, none.errors.includes(address)]).toEqual([3, true])
    const patient = oneAt(address, `cluster_wait --timeout 20s`)
    const cluster = new FakeCluster()
    cluster.documents.set(operation.cluster_status, { state: "stable", reasons: [] })
    servers.push(await FakeServer.start(cluster, port))
    expect((await patient).status).toBe(0)
  })

  it("gives orders to the cluster", async () => {
    const cluster = new FakeCluster()
    const orders: unknown[] = []
    cluster.behaviour = (r) => {
      if (r.opcode >= operation.cluster_plan) orders.push([r.opcode, r.alias, r.content, r.quantity])
      return { do: "answer" }
    }
    await one("cluster_plan --add 2 --remove a:1,b:1", [], cluster)
    await one("cluster_set replication_factor 3", [], cluster)
    await one("cluster_remove_node a:1", [], cluster)
    await one("cluster_remove_node a:1 --force", [], cluster)
    await one("cluster_recover a:1,b:1", [], cluster, { ...oneShot, confirm: () => Effect.succeed(true) })
    expect(orders).toEqual([
      [operation.cluster_plan, "a:1,b:1", "", 2],
      [operation.cluster_set, "replication_factor", "3", 0],
      [operation.cluster_remove_node, "a:1", "", 0],
      [operation.cluster_remove_node, "a:1", "", 1],
      [operation.cluster_recover, "a:1,b:1", "", 0],
    ])
    cluster.behaviour = () => ({ do: "refuse", code: code.factor_would_fall })
    const refused = await one("cluster_remove_node a:1", [], cluster)
    expect([refused.status, refused.errors.split("\n")]).toEqual([
      1,
      [
        "error: With fewer nodes the replication factor could not be kept. (factor_would_fall)",
        "hint: Add a node first, lower the factor with cluster_set, or say --force.",
        "",
      ],
    ])
  })

  it("waits until a node has left", async () => {
    const cluster = new FakeCluster()
    let asked = 0
    cluster.documents.set(operation.cluster_status, () => ({
      members: ++asked < 3 ? [{ nodeId: "1-0-0-0", address: "a:1" }] : [],
      state: "stable",
      reasons: [],
    }))
    expect((await one("cluster_remove_node a:1 --wait --timeout 5s", [], cluster)).status).toBe(0)
    expect(asked).toBe(3)
    asked = -1000
    const late = await one("cluster_remove_node 1-0-0-0 --wait --timeout 300ms", [], cluster)
    expect([late.status, late.errors.includes("unstable_cluster")]).toEqual([1, true])
  })

  it("needs a yes to give entries up", async () => {
    const cluster = new FakeCluster()
    const refused = await one("cluster_recover a:1", [], cluster, {
      ...oneShot,
      confirm: () => Effect.succeed(false),
    })
    expect([refused.status, refused.errors]).toEqual([1, "nothing was given up\n"])
    const silent = await one("cluster_recover a:1", [], cluster)
    expect([silent.status, silent.errors.includes("qdbsh --yes cluster_recover a:1")]).toEqual([2, true])
    expect(cluster.log.filter((l) => l.request.opcode === operation.cluster_recover)).toEqual([])
  })

  it("asks before it removes everything, where it can", async () => {
    const cluster = new FakeCluster()
    cluster.entries.set("a", { content: "", expiresMs: 0 })
    const answering = (yes: boolean): LineMode => ({ ...oneShot, confirm: () => Effect.succeed(yes) })
    const refused = await one("remove_all", [], cluster, answering(false))
    expect([refused.status, refused.errors, cluster.entries.size]).toEqual([1, "nothing was removed\n", 1])
    expect((await one("remove_all", [], cluster, answering(true))).status).toBe(0)
    expect(cluster.entries.size).toBe(0)
  })
})
