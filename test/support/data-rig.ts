/**
 * A data path without disk or sockets: the log is an array of records, durable when the test says so; answers are objects;
 * memory is a `Map` that can be told to forget an entry, which then has to be loaded.
 */
import { operation, type OperationName } from "../../src/core/entry/operation.ts"
import { RecordView } from "../../src/core/entry/record.ts"
import { Request } from "../../src/core/entry/request.ts"
import { unknown } from "../../src/core/entry/memory.ts"
import { DataPath } from "../../src/core/node/data.ts"
import type { Output } from "../../src/core/node/output.ts"
import { Recovery } from "../../src/core/replication/recovery.ts"
import type { RecordSink } from "../../src/core/replication/sink.ts"
import { sha3 } from "../../src/platform/digest.ts"
import { errorOf } from "../../src/wire/errors.ts"
import { latin1, MapMemory } from "./map-memory.ts"

export interface Answer {
  readonly requestId: number
  /** "ok" or the error's name. */
  readonly outcome: string
  readonly content?: string
  readonly expiresAtMs?: number
}

/** Keeps every record in a buffer of its own. */
export class ArraySink implements RecordSink {
  bytes = new Uint8Array(0)
  view = new DataView(this.bytes.buffer)
  position = 0
  released = 0
  readonly records: { bytes: Uint8Array; end: number }[] = []

  reserve(length: number): number {
    // Garbage in front and in the record itself: whoever reads must have written.
    this.bytes = new Uint8Array(length + 16).fill(0xee)
    this.view = new DataView(this.bytes.buffer)
    this.position += length
    this.records.push({ bytes: this.bytes, end: this.position })
    return 8
  }

  release(position: number): void {
    if (position < this.released) throw new Error("released twice")
    this.released = position
  }
}

/** A `MapMemory` some of whose entries are only on disk. */
export class ForgetfulMemory extends MapMemory {
  readonly onDisk = new Set<string>()

  override find(bytes: Uint8Array, start: number, end: number): number {
    const found = super.find(bytes, start, end)
    return this.onDisk.has(latin1(bytes, start, end)) ? unknown : found
  }

  override store(...args: Parameters<MapMemory["store"]>): void {
    const [, bytes, offset, length] = args
    this.onDisk.delete(latin1(bytes, offset, offset + length))
    super.store(...args)
  }

  override remove(...args: Parameters<MapMemory["remove"]>): void {
    const [, bytes, offset, length] = args
    this.onDisk.delete(latin1(bytes, offset, offset + length))
    super.remove(...args)
  }
}

export interface Ask {
  readonly op: OperationName
  readonly alias: string
  readonly content?: string
  readonly comparand?: string
  readonly expiresMs?: number
  /** A write's number; its floor defaults to 1. */
  readonly number?: number
  readonly floor?: number
  readonly client?: string
  readonly timeLeftMs?: number
}

export class DataRig implements Output {
  readonly sink = new ArraySink()
  readonly memory = new ForgetfulMemory()
  readonly data: DataPath
  readonly answers: Answer[] = []
  readonly loading: string[] = []
  readonly now = { monotonicMs: 1_000, wallMs: 1_700_000_000_000 }
  diskFull = false
  private lastRequestId = 0

  constructor(slotEpoch = 1, slotCount = 16) {
    this.data = new DataPath({
      memory: this.memory,
      log: this.sink,
      output: this,
      digest: sha3,
      text: latin1,
      slotCount,
      contentBytesMax: 1000,
      slotEpoch,
      diskFull: () => this.diskFull,
    })
  }

  /** @returns the request's id */
  ask(ask: Ask): number {
    const requestId = ++this.lastRequestId
    this.data.request(requestOf(ask, requestId), this, this.now)
    return requestId
  }

  /** The answer to a request, or undefined. */
  answerTo(requestId: number): Answer | undefined {
    return this.answers.find((answer) => answer.requestId === requestId)
  }

  /** Asks, makes all durable, and returns the answer without its id. */
  do(ask: Ask): Omit<Answer, "requestId"> {
    const id = this.ask(ask)
    this.persist()
    const answer = this.answerTo(id)
    if (answer === undefined) throw new Error(`no answer to ${ask.op}`)
    const { requestId: _, ...rest } = answer
    return rest
  }

  persist(position = this.sink.position): void {
    this.data.persisted(position, this.now)
  }

  /** A new node with what was durable up to `position`. */
  crash(position: number, slotEpoch: number): DataRig {
    const rig = new DataRig(slotEpoch, this.data.slots.length)
    Object.assign(rig.now, this.now)
    const recovery = new Recovery(rig.data.replication, rig.now.monotonicMs)
    for (const { bytes, end } of this.sink.records) {
      if (end > position) break
      recovery.record(new RecordView().at(bytes, 8), end)
      rig.sink.records.push({ bytes, end })
      rig.sink.position = end
    }
    return rig
  }

  ok(_: object, requestId: number): void {
    this.answers.push({ requestId, outcome: "ok" })
  }
  resident(_: object, requestId: number, handle: number): void {
    const content = new Uint8Array(this.memory.contentLength(handle))
    this.memory.copyContent(handle, content, 0)
    this.answers.push({ requestId, outcome: "ok", content: latin1(content) })
  }
  content(_: object, requestId: number, bytes: Uint8Array, start: number, length: number): void {
    this.answers.push({ requestId, outcome: "ok", content: latin1(bytes, start, start + length) })
  }
  expiry(_: object, requestId: number, expiresAtMs: number): void {
    this.answers.push({ requestId, outcome: "ok", expiresAtMs })
  }
  error(_: object, requestId: number, code: number): void {
    this.answers.push({ requestId, outcome: errorOf(code).name })
  }
  errorContent(
    _: object,
    requestId: number,
    code: number,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): void {
    const content = latin1(bytes, start, start + length)
    this.answers.push({ requestId, outcome: errorOf(code).name, content })
  }
  load(_slot: number, alias: string): void {
    this.loading.push(alias)
  }

  /** The entry leaves memory; it is on disk. */
  forget(alias: string): void {
    this.memory.onDisk.add(alias)
  }

  /** Ends every load. */
  loadAll(failed = false): void {
    for (const alias of this.loading.splice(0)) {
      if (!failed) this.memory.onDisk.delete(alias)
      this.data.loaded(alias, this.memory.entries.has(alias), failed, this.now)
    }
  }
}

function requestOf(ask: Ask, requestId: number): Request {
  const parts = [ask.client ?? "client-number-01", ask.alias, ask.content ?? "", ask.comparand ?? ""]
  const starts: number[] = []
  let text = "\u0001junk"
  for (const part of parts) {
    starts.push(text.length)
    text += part
  }
  const request = new Request()
  request.bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0))
  const [clientStart = 0, aliasStart = 0, contentStart = 0, comparandStart = 0] = starts
  Object.assign(request, {
    frameStart: 1,
    frameEnd: text.length,
    opcode: operation[ask.op],
    requestId,
    timeLeftMs: ask.timeLeftMs ?? 60_000,
    clientStart,
    number: ask.number ?? 0,
    floor: ask.number === undefined ? 0 : (ask.floor ?? 1),
    aliasStart,
    aliasEnd: contentStart,
    contentStart,
    contentEnd: comparandStart,
    comparandStart,
    comparandEnd: text.length,
    expiresMs: ask.expiresMs ?? 0,
  })
  return request
}
