/**
 * The thread that brings what the log holds into the table. It follows the log by reading it, so that the thread which
 * owns sockets hands over nothing; file `i` belongs to worker `i mod n`.
 *
 * A round takes files as far as the log is durable and settled: those whose turn it is (`flush-turns.ts`), those that somebody is
 * about to read (`barrier`), and all of them before closing. A checkpoint after the round empties the file's write-ahead log; the log may be cut up to there.
 *
 * *Why one file at a time where memory is full.* Writers wait until something may leave memory. With all files at once nothing may
 * before the last one is written; and what a file gets then is what came since the round before. One after the other, each gets
 * what came in eight rounds, for the same memory: entries that lie on one page share its reading and its two writings.
 */
import { parentPort, workerData } from "node:worker_threads"
import { resultOf } from "#sqlite"
import { flushStepBytesWhenFull, partitionFiles } from "../../core/lib/limits.ts"
import { collectYoung } from "../../platform/collector.ts"
import { listen } from "../../platform/worker.ts"
import { sqliteResult } from "../../platform/sqlite/driver.ts"
import { LogControl } from "../log/control.ts"
import type { LogPlace } from "../log/batch.ts"
import { freeBytes } from "../wal-database.ts"
import { namedErrors } from "../named-errors.ts"
import { type SlotState, StorageError, type StoredResult } from "../storage.ts"
import type { CutSpans } from "./cut-spans.ts"
import { partitionPath } from "./partition.ts"
import { byAge, FlushTurns, oldestOf } from "./flush-turns.ts"
import { PartitionWriter } from "./partition-writer.ts"
import { readClients } from "./read-clients.ts"
import { Gathering } from "./gathering.ts"
import { Round } from "./round.ts"
import { SettledLog } from "./settled-log.ts"

export interface FlusherData {
  readonly directory: string
  readonly worker: number
  readonly workers: number
  readonly control: SharedArrayBuffer
  /** Whether each commit of the log is fsynced. */
  readonly sync: boolean
  /** Waiting bytes of log that begin a round. */
  readonly roundBytes: number
  /** Bytes of log that are taken at once, at least. */
  readonly stepBytes: number
  /** What is gathered in memory, of one or several files. */
  readonly gatheredBytes: number
}

/** What a file held when it was opened. */
export interface OpenedFile extends LogPlace {
  readonly file: number
  readonly slots: readonly SlotState[]
  readonly results: readonly StoredResult[]
}

export type FlusherMessage =
  | { readonly kind: "opened"; readonly files: readonly OpenedFile[] }
  /** State of slots of a file that holds everything up to `position`: slot, sequence, count and hash of each. */
  | {
      readonly kind: "flushed"
      readonly file: number
      readonly position: number
      readonly slots: Float64Array
    }
  | {
      readonly kind: "progress"
      readonly applied: number
      readonly durable: number
      readonly durableBatch: number
      readonly count: number
      readonly rows: number
      /** Bytes of free pages in the files. */
      readonly free: number
      readonly full: boolean
      /** What was asked for before this was heard is asked for again if that is not enough. */
      readonly isRoundOver: boolean
    }
  | { readonly kind: "barrier"; readonly id: number }
  | { readonly kind: "error"; readonly text: string }
  | { readonly kind: "closed" }

/** Somebody waits until the files, or that one, hold everything up to `position`. */
interface Barrier {
  readonly kind: "barrier"
  readonly id: number
  readonly position: number
  readonly file: number | undefined
}

export type FlusherRequest =
  /** The log is recovered; following may begin. */
  | { readonly kind: "follow" }
  | Barrier
  /** More is settled, and somebody waits for it. */
  | { readonly kind: "settled" }
  /** A round is wanted now: of one file, since memory is full of changes, or of all. */
  | { readonly kind: "urgent"; readonly all: boolean }
  | { readonly kind: "close" }

const pollMs = 100
const fullRetryMs = 500

const data = workerData as FlusherData
const port = parentPort as NonNullable<typeof parentPort>
const send = (message: FlusherMessage) => port.postMessage(message)

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

class Flusher {
  private readonly control = new LogControl(data.control)
  private readonly files: PartitionWriter[] = []
  private log: SettledLog | undefined
  private barriers: Barrier[] = []
  private readonly turns: FlushTurns<PartitionWriter>
  private closing = false
  private full = false
  private rows = 0
  private free = 0
  /** What was gathered for one file, for each byte of log, the last time. At first a walk of the usual length is for all. */
  private gatheredPerByte = data.gatheredBytes / (partitionFiles * data.stepBytes)
  private following = false
  private wake: (() => void) | undefined

  constructor() {
    for (let file = data.worker; file < partitionFiles; file += data.workers)
      this.files.push(
        namedErrors(partitionPath(data.directory, file), () => new PartitionWriter(data.directory, file)),
      )
    this.turns = new FlushTurns(this.files, data.roundBytes, performance.now())
    listen((message: FlusherRequest) => {
      if (message.kind === "barrier") this.barriers.push(message)
      else if (message.kind === "urgent") this.turns.ask(message.all)
      else if (message.kind === "follow") this.following = true
      else if (message.kind === "close") this.closing = true
      this.wake?.()
    })
  }

  open(): void {
    const files = this.files.map(({ file, path, database, applied, slots }): OpenedFile => {
      const results: StoredResult[] = []
      namedErrors(path, () => readClients(database, path, slots.get(file), (result) => results.push(result)))
      const { batch, position } = applied
      const states = [...slots.values()].map(({ slot, sequence, slotEpoch, clockMs }) => {
        return { slot, sequence, slotEpoch, slotClockMs: clockMs }
      })
      return { file, batch, position, slots: states, results }
    })
    send({ kind: "opened", files })
    for (const file of this.files) send(flushedMessage(file, file.slots.keys()))
  }

  async run(): Promise<void> {
    while (!this.following && !this.closing) await this.pause(pollMs)
    if (this.following) {
      this.log = new SettledLog(data.directory, this.control)
      this.report()
    }
    while (!this.closing) {
      if (this.barriersDue()) await this.barrier()
      // In turn: copies of many slots ask again and again, and the log must be cut meanwhile.
      const due = this.turns.due(this.target, this.full, performance.now())
      if (due.length > 0) await this.round(due, true)
      else if (!this.barriersDue()) await this.pause(pollMs)
    }
    await this.close()
  }

  private async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** How far the files may go. */
  private get target(): LogPlace {
    return (this.log as SettledLog).last(oldestOf(this.files))
  }

  /** Those whose position is settled; the others wait until it is. */
  private barriersDue(): boolean {
    if (this.barriers.length === 0) return false
    const { position } = this.target
    return this.barriers.some((barrier) => barrier.position <= position)
  }

  private async barrier(): Promise<void> {
    const { position } = this.target
    const due = this.barriers.filter((barrier) => barrier.position <= position)
    const files = this.files.filter((file) => due.some((barrier) => concerns(barrier, file)))
    if (!(await this.round(files, false))) return
    const isPassed = (barrier: Barrier) =>
      this.files.every((file) => !concerns(barrier, file) || file.applied.position >= barrier.position)
    const passed = this.barriers.filter(isPassed)
    this.barriers = this.barriers.filter((barrier) => !isPassed(barrier))
    for (const { id } of passed) send({ kind: "barrier", id })
  }

  /** Brings these files as far as the log is durable and settled now. @returns false if the disk is full */
  private async round(files: readonly PartitionWriter[], durably: boolean): Promise<boolean> {
    const { target } = this
    const spans = this.spansOnce(oldestOf(files), target)
    this.turns.begin(files, durably, performance.now())
    try {
      while (files.some((file) => file.applied.batch < target.batch)) {
        await this.step(files, target, spans)
        // Where room is short, small steps with a checkpoint after each keep the write-ahead logs small.
        if (this.full) await this.checkpoint(files)
      }
      if (durably) await this.checkpoint(files)
    } catch (error) {
      if (resultOf(error) !== sqliteResult.full) throw error
      await this.makeDo()
      return false
    }
    this.full = false
    this.free = this.files.reduce((sum, file) => sum + freeBytes(file.database), 0)
    this.report(true)
    this.turns.end()
    return true
  }

  /** They cost a reading of the whole stretch, which a round that is done in one step does not need. */
  private spansOnce(from: LogPlace, target: LogPlace): () => CutSpans {
    let spans: CutSpans | undefined
    return () => (spans ??= (this.log as SettledLog).spans(from, target))
  }

  private async checkpoint(files: readonly PartitionWriter[]): Promise<void> {
    for (const file of files) {
      if (file.durable.batch < file.applied.batch) namedErrors(file.path, () => file.checkpoint())
      this.report()
      await turn()
    }
  }

  /** The disk is full: gives back what the write-ahead logs hold, says so, and waits a moment. */
  private async makeDo(): Promise<void> {
    this.full = true
    this.report()
    try {
      for (const file of this.files) namedErrors(file.path, () => file.checkpoint())
    } catch (error) {
      if (resultOf(error) !== sqliteResult.full) throw error
    }
    await this.pause(fullRetryMs)
  }

  /**
   * One walk over the log, newest first, for as many of these files as memory has room for: from where the one is that is furthest
   * behind, up to `target` if one file's share has room.
   *
   * Writing a row costs ten times what reading its records does, so the longer the stretch, the better, where the same entries are
   * written over and over, or share pages.
   */
  private async step(
    files: readonly PartitionWriter[],
    target: LogPlace,
    spans: () => CutSpans,
  ): Promise<void> {
    const log = this.log as SettledLog
    const behind = files.filter(({ applied }) => applied.batch < target.batch).toSorted(byAge)
    const from = oldestOf(behind)
    const { stepBytes } = this
    const to = log.stretch(from, target, stepBytes, spans)
    if (!data.sync) log.sync()
    const length = to.position - from.position
    const together = Math.max(1, Math.floor(data.gatheredBytes / (this.gatheredPerByte * length)))
    const some = behind.filter(({ applied }) => applied.batch < to.batch).slice(0, together)
    const gathering = new Gathering(
      some.map(({ file, applied }) => new Round(file, applied.batch)),
      data.gatheredBytes,
    )
    // A step of the usual length is walked to its end, however much that is: one batch may be longer, or end where a cut does.
    const canBeShorter = stepBytes > data.stepBytes
    const isWhole = log.walkBack(from, to, (record, batch) => {
      gathering.add(record, batch)
      return !canBeShorter || !gathering.isTooMuch
    })
    if (!isWhole) {
      for (const round of gathering.rounds) round.changes.free()
      // Half as long the next time, or at least half of what was asked for: one batch may be longer.
      this.gatheredPerByte = Math.max(2 * this.gatheredPerByte, (2 * data.gatheredBytes) / length)
      return
    }
    // A short stretch tells nothing of long ones.
    if (length >= data.stepBytes)
      this.gatheredPerByte = Math.max(1, ...gathering.rounds.map(({ bytes }) => bytes)) / length
    for (const round of gathering.rounds) await this.write(round, to)
    collectYoung()
  }

  /** Bytes of log that are taken at once: what is gathered of them for one file has room, as far as one can know. */
  private get stepBytes(): number {
    return this.full
      ? flushStepBytesWhenFull
      : Math.max(data.stepBytes, data.gatheredBytes / this.gatheredPerByte)
  }

  private async write(round: Round, to: LogPlace): Promise<void> {
    const file = this.files.find((each) => each.file === round.file) as PartitionWriter
    this.rows += namedErrors(file.path, () => file.write(round, to))
    round.changes.free()
    send(flushedMessage(file, round.slots.keys()))
    this.report()
    // Requests that came meanwhile are heard between files.
    await turn()
  }

  private report(isRoundOver = false): void {
    let applied = Number.MAX_SAFE_INTEGER
    let durable = Number.MAX_SAFE_INTEGER
    let durableBatch = Number.MAX_SAFE_INTEGER
    let count = 0
    for (const file of this.files) {
      applied = Math.min(applied, file.applied.position)
      durable = Math.min(durable, file.durable.position)
      durableBatch = Math.min(durableBatch, file.durable.batch)
      count += file.count
    }
    send({
      kind: "progress",
      applied,
      durable,
      durableBatch,
      count,
      rows: this.rows,
      free: this.free,
      full: this.full,
      isRoundOver,
    })
  }

  private async close(): Promise<void> {
    // What does not fit on a full disk stays in the log.
    if (this.following) await this.round(this.files, true)
    this.report()
    for (const file of this.files) file.close()
    this.log?.close()
    send({ kind: "closed" })
  }
}

function concerns(barrier: Barrier, { file }: PartitionWriter): boolean {
  return barrier.file === undefined || barrier.file === file
}

function flushedMessage(file: PartitionWriter, changed: Iterable<number>): FlusherMessage {
  const slots = [...changed].flatMap((slot) => {
    const row = file.slots.get(slot)
    return row === undefined ? [] : [slot, row.sequence, row.count, row.hash]
  })
  return {
    kind: "flushed",
    file: file.file,
    position: file.applied.position,
    slots: Float64Array.from(slots),
  }
}

try {
  const flusher = new Flusher()
  flusher.open()
  await flusher.run()
} catch (error) {
  send({ kind: "error", text: error instanceof StorageError ? error.message : `the table: ${String(error)}` })
}
