/**
 * The client that knows only `docs/protocol.md`, against a node of the product's own decoders and writers and a map, which
 * does on purpose what a real one seldom does: it answers in small pieces, refuses, and breaks connections after it has
 * executed a request and before it answers.
 */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { isWrite, operation } from "../../../src/core/entry/operation.ts"
import { Request } from "../../../src/core/entry/request.ts"
import { frameBytesMax } from "../../../src/core/lib/limits.ts"
import { code } from "../../../src/wire/errors.ts"
import { FrameReader, frameState } from "../../../src/wire/frame.ts"
import { decodeFirstFrame, versionRefusal, writeHello } from "../../../src/wire/hello.ts"
import { ReplyWriter } from "../../../src/wire/reply-writer.ts"
import { decodeRequest } from "../../../src/wire/request.ts"
import { MiniClient } from "../../support/mini-client.ts"
import { hexOf } from "./golden.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

class ScriptedNode {
  /** Each write that arrived: `client number floor`. */
  readonly attempts: string[] = []
  /** What is done with the next writes. */
  script: ("serve" | "break" | "refuse")[] = []
  versions: readonly [number, number] = [1, 1]
  private readonly contents = new Map<string, Uint8Array>()
  private readonly sockets = new Set<Socket>()
  private readonly server: Server = createServer((socket) => this.accept(socket))

  async listen(): Promise<{ host: string; port: number }> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve))
    return { host: "127.0.0.1", port: (this.server.address() as AddressInfo).port }
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private accept(socket: Socket): void {
    const reader = new FrameReader()
    let greeted = false
    this.sockets.add(socket)
    socket.on("error", () => socket.destroy())
    socket.on("close", () => this.sockets.delete(socket))
    socket.on("data", (chunk: Buffer) => {
      const writer = new ReplyWriter()
      reader.push(chunk)
      while (!socket.destroyed && reader.next() === frameState.whole) {
        if (greeted) this.take(socket, reader, writer)
        else this.greet(reader, writer)
        greeted = true
        reader.limit(frameBytesMax)
      }
      const piece = writer.position > 1000 ? 997 : 7
      for (let at = 0; at < writer.position && !socket.destroyed; at += piece) {
        socket.write(writer.bytes.slice(at, Math.min(at + piece, writer.position)))
      }
    })
  }

  private greet(reader: FrameReader, writer: ReplyWriter): void {
    const first = decodeFirstFrame(reader.bytes, reader.start, reader.end)
    expect(first).toMatchObject({ kind: "hello", hello: { role: "client", versionMin: 1, versionMax: 1 } })
    const [versionMin, versionMax] = this.versions
    const refusal = versionRefusal(1, 1, versionMin, versionMax)
    if (versionMin > 1) return writer.errorReply(code.unsupported_version, 0, refusal)
    const node = { nodeId: "1-2-3-4", storageId: "s", boot: 1 }
    const rest = { softwareVersion: "0", clusterId: null, node, auth: null, clockMs: 0 }
    writeHello(writer, { versionMin, versionMax, role: "node", ...rest })
  }

  private take(socket: Socket, reader: FrameReader, writer: ReplyWriter): void {
    const request = new Request()
    expect(decodeRequest(reader.bytes, reader.start, reader.end, request)).toBe(0)
    if (!isWrite(request.opcode)) return this.answer(request, writer)
    const client = request.bytes.slice(request.clientStart, request.clientStart + 16)
    this.attempts.push(`${hexOf(client)} ${request.number} ${request.floor}`)
    const step = this.script.shift() ?? "serve"
    if (step === "refuse") return writer.errorReply(code.unstable_cluster, request.requestId)
    this.answer(request, writer)
    if (step === "break") socket.destroy()
  }

  private answer(request: Request, writer: ReplyWriter): void {
    const { requestId } = request
    const alias = hexOf(request.bytes.slice(request.aliasStart, request.aliasEnd))
    const old = this.contents.get(alias)
    switch (request.opcode) {
      case operation.ping:
        return writer.okReply(requestId)
      case operation.put:
        this.contents.set(alias, request.bytes.slice(request.contentStart, request.contentEnd))
        return writer.okReply(requestId)
      case operation.get_expiry:
        return writer.integerReply(requestId, 1_893_456_000_000)
      case operation.cluster_status:
        return writer.documentReply(requestId, { state: "stable", members: [{ nodeId: "1-2-3-4" }] })
      case operation.prefix_get:
        writer.beginListReply(requestId)
        writer.listAlias(bytes("city"), 0, 4)
        if (request.cursorSlot === 300) return writer.endListReply()
        return writer.endListReplyWithCursor(300, bytes("city"), 0, 4)
      default:
        if (old === undefined) return writer.errorReply(code.alias_not_found, requestId)
        if (request.opcode === operation.get) return writer.contentReply(requestId, old, 0, old.length)
        return writer.bytes.set(
          old,
          writer.beginErrorContentReply(code.unmatched_content, requestId, old.length),
        )
    }
  }
}

describe("a client written from docs/protocol.md", () => {
  const opened: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const each of opened.splice(0).toReversed()) await each.close()
  })

  async function start(): Promise<{ node: ScriptedNode; client: MiniClient }> {
    const node = new ScriptedNode()
    const client = new MiniClient(await node.listen())
    opened.push(node, client)
    return { node, client }
  }

  it("understands every kind of reply", async () => {
    const { client } = await start()
    const city = bytes("city")
    expect(await client.read("ping")).toEqual([])
    expect(await client.write("put", city, bytes("Basel"), 0)).toEqual([])
    expect(await client.read("get", city)).toEqual([bytes("Basel")])
    expect(await client.read("get_expiry", city)).toEqual([1_893_456_000_000])
    expect(await client.read("cluster_status")).toEqual([
      { state: "stable", members: [{ nodeId: "1-2-3-4" }] },
    ])
    expect(await client.read("prefix_get", bytes(""), 0, bytes(""), 100)).toEqual([[city], 300, city])
    expect(await client.read("prefix_get", bytes(""), 300, city, 100)).toEqual([[city], null, null])
    await expect(client.read("get", bytes("none"))).rejects.toThrow("alias_not_found")
    const swap = client.write("cas", city, bytes("Bern"), bytes("Zug"), 0)
    await expect(swap).rejects.toMatchObject({ name: "unmatched_content", reply: { 5: bytes("Basel") } })
  })

  it("carries contents larger than any chunk, both ways", async () => {
    const { client } = await start()
    const content = Uint8Array.from({ length: 70_000 }, (_, index) => index % 251)
    await client.write("put", bytes("large"), content, 0)
    expect(await client.read("get", bytes("large"))).toEqual([content])
  })

  it("tries again under the same number when it is refused or loses the connection", async () => {
    const { node, client } = await start()
    node.script = ["serve", "refuse", "break", "serve"]
    for (const alias of ["a", "b", "c"]) await client.write("put", bytes(alias), bytes("1"), 0)
    const clients = new Set(node.attempts.map((attempt) => attempt.slice(0, 32)))
    expect(clients.size).toBe(1)
    expect(node.attempts.map((attempt) => attempt.slice(33))).toEqual(["1 1", "2 2", "2 2", "2 2", "3 3"])
  })

  it("holds the floor at the first number that is not answered", async () => {
    const { node, client } = await start()
    node.script = ["refuse", "refuse"]
    await Promise.all(["a", "b", "c"].map((alias) => client.write("put", bytes(alias), bytes("1"), 0)))
    expect(node.attempts.slice(0, 3).map((attempt) => attempt.slice(33))).toEqual(["1 1", "2 1", "3 1"])
    await client.write("put", bytes("d"), bytes("1"), 0)
    expect(node.attempts.at(-1)?.slice(33)).toBe("4 4")
  })

  it("stops where no version is common", async () => {
    const { node, client } = await start()
    node.versions = [2, 3]
    await expect(client.read("ping")).rejects.toThrow("No common protocol version: the peer speaks version 1")
  })
})
