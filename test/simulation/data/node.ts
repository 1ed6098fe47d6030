/**
 * One node's data path in the simulated world, with a driver's duties: hand the log to the disk, tell the core what is
 * durable, send its answers, load what left memory, and rebuild all of it from the log after a crash.
 */
import type { Now } from "../../../src/core/lib/clock.ts"
import type { Prng } from "../../../src/core/lib/prng.ts"
import { RecordView } from "../../../src/core/entry/record.ts"
import { DataPath } from "../../../src/core/node/data.ts"
import type { Output } from "../../../src/core/node/output.ts"
import { Recovery } from "../../../src/core/replication/recovery.ts"
import type { RecordSink } from "../../../src/core/replication/sink.ts"
import { sha3 } from "../../../src/platform/digest.ts"
import { ForgetfulMemory } from "../../support/data-rig.ts"
import { latin1 } from "../../support/map-memory.ts"
import type { Coverage } from "../violation.ts"
import type { Host, Input, Logic, Machine } from "../machine.ts"
import type { DataContents, LogRecord } from "./contents.ts"
import { requestOf } from "./message.ts"
import type { Ask, Reply } from "./message.ts"

const slotCount = 4

class LogSink implements RecordSink {
  bytes = new Uint8Array(0)
  view = new DataView(this.bytes.buffer)
  position: number
  /** Reserved in this turn, not yet handed to the disk. */
  fresh: LogRecord[] = []

  constructor(position: number) {
    this.position = position
  }

  reserve(length: number): number {
    // Garbage all over: whoever reads must have written.
    this.bytes = new Uint8Array(length + 8).fill(0xee)
    this.view = new DataView(this.bytes.buffer)
    this.position += length
    this.fresh.push({ bytes: this.bytes, offset: 8, end: this.position })
    return 8
  }

  release(): void {}
}

interface Session {
  readonly address: string
}

export class DataLogic implements Logic, Output {
  protected readonly host: Host<DataContents>
  private readonly machine: Machine<DataContents>
  private readonly prng: Prng
  private readonly coverage: Coverage
  private readonly memory = new ForgetfulMemory()
  private readonly sessions = new Map<string, Session>()
  private readonly loading: string[] = []
  /** Ends of the log writes under way, by token. */
  private readonly handedTo = new Map<number, number>()
  private sink = new LogSink(0)
  private token = 0
  protected data: DataPath | undefined
  /** The clocks of the step in hand. */
  protected readAt: Now = { monotonicMs: 0, wallMs: 0 }

  constructor(machine: Machine<DataContents>, host: Host<DataContents>, prng: Prng, coverage: Coverage) {
    this.machine = machine
    this.host = host
    this.prng = prng
    this.coverage = coverage
    const found = machine.disk.durable
    machine.disk.replace({ ...found, boot: found.boot + 1 })
  }

  handle(input: Input, now: Now): void {
    this.readAt = now
    if (input.kind === "start") this.recover(now)
    const { data } = this
    if (data === undefined) throw new Error("a process is started first")
    if (input.kind === "message") {
      const ask = input.message as Ask
      const before = data.counters.duplicates
      data.request(requestOf(ask), this.sessionOf(ask.from), now)
      if (data.counters.duplicates > before) this.coverage.count("duplicate request answered from memory")
    } else if (input.kind === "persisted") {
      this.persisted(input.token, now)
    } else if (input.kind === "tick") {
      data.tick(now)
      this.forgetSome()
      for (const alias of this.loading.splice(0)) {
        this.memory.onDisk.delete(alias)
        data.loaded(alias, this.memory.entries.has(alias), false, now)
      }
    }
    this.handLog()
  }

  protected persisted(token: number, now: Now): void {
    const end = this.handedTo.get(token)
    this.handedTo.delete(token)
    if (end !== undefined) this.data?.persisted(end, now)
  }

  /** The turn's records, in one write. */
  protected handLog(): void {
    const { fresh } = this.sink
    if (fresh.length === 0) return
    this.sink.fresh = []
    const token = ++this.token
    this.handedTo.set(token, this.sink.position)
    this.host.persist(token, (contents) => ({ ...contents, records: [...contents.records, ...fresh] }))
  }

  private recover(now: Now): void {
    const { records, boot } = this.machine.disk.durable
    this.sink = new LogSink(records.at(-1)?.end ?? 0)
    const data = new DataPath({
      memory: this.memory,
      log: this.sink,
      output: this,
      digest: sha3,
      text: latin1,
      slotCount,
      contentBytesMax: 1_000,
      slotEpoch: boot,
      diskFull: () => false,
    })
    const recovery = new Recovery(data.replication, now.monotonicMs)
    this.replay(records, recovery)
    this.data = data
    if (records.length > 0) this.coverage.count("log replayed")
  }

  protected replay(records: readonly LogRecord[], recovery: Recovery): void {
    for (const { bytes, offset, end } of records) recovery.record(new RecordView().at(bytes, offset), end)
  }

  private forgetSome(): void {
    for (const alias of this.memory.entries.keys()) {
      // What is prepared or on its way stays.
      if (!this.prng.chance(1, 40) || (this.data?.preparedCount ?? 0) > 0) continue
      this.memory.onDisk.add(alias)
      this.coverage.count("entry left memory")
    }
  }

  private sessionOf(address: string): Session {
    let session = this.sessions.get(address)
    if (session === undefined) this.sessions.set(address, (session = { address }))
    return session
  }

  private reply(requester: object, reply: Reply): void {
    this.host.send((requester as Session).address, reply, "reply")
  }

  ok(requester: object, requestId: number): void {
    this.reply(requester, { requestId, code: 0, content: undefined, expiresAtMs: undefined })
  }
  resident(requester: object, requestId: number, handle: number): void {
    const content = new Uint8Array(this.memory.contentLength(handle))
    this.memory.copyContent(handle, content, 0)
    this.reply(requester, { requestId, code: 0, content: latin1(content), expiresAtMs: undefined })
  }
  content(requester: object, requestId: number, bytes: Uint8Array, start: number, length: number): void {
    const content = latin1(bytes, start, start + length)
    this.reply(requester, { requestId, code: 0, content, expiresAtMs: undefined })
  }
  expiry(requester: object, requestId: number, expiresAtMs: number): void {
    this.reply(requester, { requestId, code: 0, content: undefined, expiresAtMs })
  }
  error(requester: object, requestId: number, code: number): void {
    this.reply(requester, { requestId, code, content: undefined, expiresAtMs: undefined })
  }
  errorContent(
    requester: object,
    requestId: number,
    code: number,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): void {
    this.reply(requester, {
      requestId,
      code,
      content: latin1(bytes, start, start + length),
      expiresAtMs: undefined,
    })
  }
  load(_slot: number, alias: string): void {
    this.loading.push(alias)
  }
}
