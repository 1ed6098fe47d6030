/**
 * A cluster of one process for the client's tests: entries in a map, and exactly-once results as `cluster.md` says (stored
 * by number, dropped below the floor, what is below the floor never executed). It notes what it executed, so that a test can
 * compare that with what callers were told.
 */
import { isWrite, operation } from "../../../src/core/entry/operation.ts"
import { Request } from "../../../src/core/entry/request.ts"
import { code } from "../../../src/wire/errors.ts"
import { FrameReader, frameState } from "../../../src/wire/frame.ts"
import { writeHello } from "../../../src/wire/hello.ts"
import { ReplyWriter } from "../../../src/wire/reply-writer.ts"
import { decodeRequest } from "../../../src/wire/request.ts"
import type { ValueMap } from "../../../src/wire/writer.ts"

/** What a node does with one request. */
export type Action =
  | { readonly do: "answer"; readonly delayMs?: number | undefined }
  /** Answers with the error; executes before it, at once or later, only if told to. */
  | { readonly do: "refuse"; readonly code: number; readonly execute?: boolean; readonly delayMs?: number }
  /** Resets the connection. What was asked is never read, or executed first, or lies in a buffer and is executed later. */
  | { readonly do: "reset"; readonly execute: "never" | "before" | "later"; readonly laterMs?: number }
  /** Executes, sends a part of the reply, and resets. */
  | { readonly do: "cut" }
  /** Never answers; the connection stays. */
  | { readonly do: "ignore"; readonly execute?: boolean }
  /** Answers something else than what was asked. */
  | { readonly do: "bytes"; readonly bytes: Uint8Array }

export type Behaviour = (request: Decoded, node: string) => Action

/** One request, copied out of its frame. */
export interface Decoded {
  readonly opcode: number
  readonly requestId: number
  readonly epoch: number
  readonly timeLeftMs: number
  readonly client: string
  readonly number: number
  readonly floor: number
  readonly alias: string
  readonly content: string
  readonly comparand: string
  readonly expiresMs: number
  readonly quantity: number
  readonly cursorSlot: number
  readonly cursorAfter: string
}

interface Result {
  readonly code: number
  readonly content?: string | undefined
}

const text = new TextDecoder()
const bytesOf = (value: string) => new TextEncoder().encode(value)

export class FakeCluster {
  readonly clusterId = "11111111-2222-3333-4444-555555555555"
  readonly entries = new Map<string, { content: string; expiresMs: number }>()
  /** What reached any node, in order; pings excepted. */
  readonly log: { readonly node: string; readonly request: Decoded }[] = []
  /** How often each number was executed, whatever came of it; for tests with one client. */
  readonly executions = new Map<number, number>()
  /** Requests that came below the floor and so were not executed. */
  stale = 0
  stopped: string[] = []
  /** What is answered to those that ask for a document, by opcode; else something that says who answers. */
  readonly documents = new Map<number, ValueMap | ((node: string) => ValueMap)>()
  behaviour: Behaviour = () => ({ do: "answer" })
  /** What a node has to tell before it acts on a request: the epoch of the view, or 0. */
  notice: (request: Decoded, node: string) => number = () => 0
  nodeIdOf: (node: string) => string = () => "1-0-0-0"
  private readonly clients = new Map<string, { floor: number; readonly results: Map<number, Result> }>()

  /** Executes a write once; a second time gives the first result. */
  write(request: Decoded): Result {
    const { floor, results } = this.rowOf(request)
    if (request.number < floor) {
      this.stale++
      return { code: code.stale_request }
    }
    const stored = results.get(request.number)
    if (stored !== undefined) return stored
    this.executions.set(request.number, (this.executions.get(request.number) ?? 0) + 1)
    const result = this.evaluate(request)
    results.set(request.number, result)
    return result
  }

  /** What is kept of the request's client, without what is below its floor. */
  private rowOf(request: Decoded): { readonly floor: number; readonly results: Map<number, Result> } {
    const row = this.clients.get(request.client) ?? { floor: 0, results: new Map<number, Result>() }
    this.clients.set(request.client, row)
    row.floor = Math.max(row.floor, request.floor)
    for (const number of row.results.keys()) if (number < row.floor) row.results.delete(number)
    return row
  }

  private evaluate(request: Decoded): Result {
    const { opcode, alias, content, comparand, expiresMs } = request
    const entry = this.entries.get(alias)
    const before = entry?.content
    if (opcode === operation.update) {
      this.entries.set(alias, { content, expiresMs })
      return { code: 0 }
    }
    if (opcode === operation.put) {
      if (entry !== undefined) return { code: code.alias_already_exists }
      this.entries.set(alias, { content, expiresMs })
      return { code: 0 }
    }
    if (entry === undefined) return { code: code.alias_not_found }
    switch (opcode) {
      case operation.remove:
        this.entries.delete(alias)
        return { code: 0 }
      case operation.get_remove:
        this.entries.delete(alias)
        return { code: 0, content: before }
      case operation.get_update:
        this.entries.set(alias, { content, expiresMs })
        return { code: 0, content: before }
      case operation.cas:
        if (before !== comparand) return { code: code.unmatched_content, content: before }
        this.entries.set(alias, { content, expiresMs })
        return { code: 0, content: before }
      case operation.remove_if:
        if (before !== comparand) return { code: code.unmatched_content }
        this.entries.delete(alias)
        return { code: 0 }
      case operation.expires_at:
        entry.expiresMs = expiresMs
        return { code: 0 }
      case operation.expires_from_now:
        entry.expiresMs = 1_000_000 + expiresMs
        return { code: 0 }
    }
    return { code: code.unknown_operation }
  }
}

/** What a fake node's connection needs: to send, to be reset, and to do something later. */
export interface PeerLink {
  send(bytes: Uint8Array): void
  reset(): void
  later(delayMs: number, run: () => void): void
}

/** One connection at a node's side. */
export class FakePeer {
  private readonly cluster: FakeCluster
  private readonly node: string
  private readonly link: PeerLink
  private readonly frames = new FrameReader(64 * 1024 * 1024)
  private readonly request = new Request()
  private greeted = false
  private dead = false

  constructor(cluster: FakeCluster, node: string, link: PeerLink) {
    this.cluster = cluster
    this.node = node
    this.link = link
  }

  receive(bytes: Uint8Array): void {
    if (this.dead) return
    this.frames.push(bytes.slice())
    while (!this.dead && this.frames.next() === frameState.whole) {
      if (!this.greeted) this.greet()
      else this.handle(this.frames.bytes, this.frames.start, this.frames.end)
    }
  }

  private greet(): void {
    this.greeted = true
    const writer = new ReplyWriter()
    writeHello(writer, {
      versionMin: 1,
      versionMax: 1,
      role: "node",
      softwareVersion: "fake",
      clusterId: this.cluster.clusterId,
      node: { nodeId: this.cluster.nodeIdOf(this.node), storageId: this.node, boot: 1 },
      auth: null,
      clockMs: 0,
    })
    this.link.send(writer.copy())
  }

  private handle(bytes: Uint8Array, start: number, end: number): void {
    const fault = decodeRequest(bytes, start, end, this.request)
    const request = decoded(this.request)
    if (fault !== 0) return this.reply(request, { do: "refuse", code: fault })
    if (request.opcode === operation.ping) return this.reply(request, { do: "answer" })
    this.cluster.log.push({ node: this.node, request })
    const epoch = this.cluster.notice(request, this.node)
    if (epoch > 0) this.tell(epoch)
    this.act(request, this.cluster.behaviour(request, this.node))
  }

  private tell(epoch: number): void {
    const writer = new ReplyWriter()
    writer.epochNotice(epoch)
    this.link.send(writer.copy())
  }

  private act(request: Decoded, action: Action): void {
    switch (action.do) {
      case "answer":
      case "refuse":
        if (action.do === "refuse" && action.execute) this.cluster.write(request)
        if (action.delayMs === undefined) return this.reply(request, action)
        return this.link.later(action.delayMs, () => this.reply(request, action))
      case "reset":
        if (action.execute === "before") this.cluster.write(request)
        if (action.execute === "later") {
          this.link.later(action.laterMs ?? 100, () => this.cluster.write(request))
        }
        return this.die()
      case "cut": {
        const whole = this.encode(request, { do: "answer" })
        this.link.send(whole.subarray(0, whole.length - 1))
        return this.die()
      }
      case "ignore":
        if (action.execute) this.cluster.write(request)
        return
      case "bytes":
        return this.link.send(action.bytes)
    }
  }

  private die(): void {
    this.dead = true
    this.link.reset()
  }

  private reply(request: Decoded, action: Action): void {
    if (!this.dead) this.link.send(this.encode(request, action))
  }

  private encode(request: Decoded, action: Action): Uint8Array {
    const writer = new ReplyWriter()
    if (action.do === "refuse") writer.errorReply(action.code, request.requestId)
    else if (isWrite(request.opcode)) encodeResult(writer, request, this.cluster.write(request))
    else this.encodeRead(writer, request)
    return writer.copy()
  }

  private encodeRead(writer: ReplyWriter, request: Decoded): void {
    const { opcode, requestId, alias } = request
    const entry = this.cluster.entries.get(alias)
    switch (opcode) {
      case operation.get:
        return encodeResult(
          writer,
          request,
          entry === undefined ? { code: code.alias_not_found } : { code: 0, content: entry.content },
        )
      case operation.get_expiry:
        if (entry === undefined) return writer.errorReply(code.alias_not_found, requestId)
        return writer.integerReply(requestId, entry.expiresMs)
      case operation.prefix_get:
        return this.encodeList(writer, request)
      case operation.stop_node:
        this.cluster.stopped.push(`${this.node}: ${alias}`)
        return writer.okReply(requestId)
      case operation.ping:
      case operation.cluster_set:
      case operation.cluster_remove_node:
        return writer.okReply(requestId)
      default: {
        const known = this.cluster.documents.get(opcode) ?? { node: this.node, opcode }
        return writer.documentReply(requestId, typeof known === "function" ? known(this.node) : known)
      }
    }
  }

  /** Two slots, by the first letter, and two aliases a piece. */
  private encodeList(writer: ReplyWriter, request: Decoded): void {
    const slotOf = (alias: string) => bytesOf(alias)[0]! % 2
    const all = [...this.cluster.entries.keys()]
      .filter((a) => a.startsWith(request.alias))
      .sort((a, b) => slotOf(a) - slotOf(b) || (a < b ? -1 : 1))
      .filter(
        (a) =>
          slotOf(a) > request.cursorSlot || (slotOf(a) === request.cursorSlot && a > request.cursorAfter),
      )
    writer.beginListReply(request.requestId)
    const piece = all.slice(0, 2)
    for (const alias of piece) {
      const bytes = bytesOf(alias)
      writer.listAlias(bytes, 0, bytes.length)
    }
    if (all.length === piece.length) return writer.endListReply()
    const last = piece.at(-1) as string
    const bytes = bytesOf(last)
    writer.endListReplyWithCursor(slotOf(last), bytes, 0, bytes.length)
  }
}

function encodeResult(writer: ReplyWriter, request: Decoded, result: Result): void {
  const content = result.content === undefined ? undefined : bytesOf(result.content)
  if (result.code === 0 && content === undefined) return writer.okReply(request.requestId)
  if (result.code === 0) return writer.contentReply(request.requestId, content!, 0, content!.length)
  if (content === undefined) return writer.errorReply(result.code, request.requestId)
  const offset = writer.beginErrorContentReply(result.code, request.requestId, content.length)
  writer.bytes.set(content, offset)
}

function decoded(request: Request): Decoded {
  const { bytes } = request
  const part = (start: number, end: number) => text.decode(bytes.subarray(start, end))
  return {
    opcode: request.opcode,
    requestId: request.requestId,
    epoch: request.epoch,
    timeLeftMs: request.timeLeftMs,
    client: [...bytes.subarray(request.clientStart, request.clientStart + 16)].join(","),
    number: request.number,
    floor: request.floor,
    alias: part(request.aliasStart, request.aliasEnd),
    content: part(request.contentStart, request.contentEnd),
    comparand: part(request.comparandStart, request.comparandEnd),
    expiresMs: request.expiresMs,
    quantity: request.quantity,
    cursorSlot: request.cursorSlot,
    cursorAfter: part(request.cursorStart, request.cursorEnd),
  }
}
