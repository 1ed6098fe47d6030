/**
 * A client in the simulated world. It has the library's own numbers, floors and pauses between retries: what was not
 * answered in time, or with an error that may pass, it asks again under the same number until its time is up; then the
 * outcome is in doubt, and the operation stays open in the history.
 */
import { retryDelayMs } from "../../../src/client/backoff.ts"
import { Numbers } from "../../../src/client/numbers.ts"
import { isWrite, operation } from "../../../src/core/entry/operation.ts"
import type { Now } from "../../../src/core/lib/clock.ts"
import type { Prng } from "../../../src/core/lib/prng.ts"
import { code, errorOf } from "../../../src/wire/errors.ts"
import type { HistoryRecorder } from "../../linearizability/history.ts"
import type { EntryInput, EntryOutput } from "../../linearizability/models/entry-state.ts"
import type { Checks, Coverage } from "../violation.ts"
import type { Host, Input, Logic } from "../machine.ts"
import type { DataContents } from "./contents.ts"
import { grown, shrunk } from "./growth.ts"
import type { Ask, Reply } from "./message.ts"
import type { Workload } from "./workload.ts"

export interface ClientOptions {
  readonly address: string
  readonly nodes: readonly string[]
  readonly index: number
  /** How long an operation may take. */
  readonly timeoutMs: number
  /** How long one attempt may. */
  readonly attemptMs: number
  /** Contents are made so long. */
  readonly contentBytes?: number
  /** Real time as people count it. */
  readonly calendarMs: () => number
  /** What is to be asked for before what the workload wants. */
  readonly first?: () => { readonly key: string; readonly input: EntryInput } | undefined
  /** How a content is stored that is none of the workload's. */
  readonly stored?: (content: string) => string | undefined
}

interface Running {
  readonly key: string
  readonly input: EntryInput
  readonly index: number
  readonly requestId: number
  readonly number: number
  readonly deadlineMs: number
  attempts: number
  /** The next attempt, or the end of patience with this one. */
  actAtMs: number
  waiting: boolean
}

export class ClientLogic implements Logic {
  private readonly options: ClientOptions
  private readonly host: Host<DataContents>
  private readonly prng: Prng
  private readonly workload: Workload
  private readonly recorder: HistoryRecorder<EntryInput, EntryOutput>
  private readonly checks: Checks
  private readonly coverage: Coverage
  private readonly numbers = new Numbers()
  private running: Running | undefined
  private startAtMs = 0
  private tickedMs = 0
  private lastRequestId = 0
  /** No more operations are begun. */
  stopped = false

  constructor(
    options: ClientOptions,
    host: Host<DataContents>,
    prng: Prng,
    workload: Workload,
    recorder: HistoryRecorder<EntryInput, EntryOutput>,
    checks: Checks,
    coverage: Coverage,
  ) {
    this.options = options
    this.host = host
    this.prng = prng
    this.workload = workload
    this.recorder = recorder
    this.checks = checks
    this.coverage = coverage
  }

  get idle(): boolean {
    return this.running === undefined
  }

  handle(input: Input, now: Now): void {
    if (input.kind === "message") this.onReply(input.message as Reply, now)
    else if (input.kind === "tick") this.tick(now)
  }

  private tick(now: Now): void {
    const { running } = this
    if (running === undefined) {
      if (!this.stopped && now.monotonicMs >= this.startAtMs) this.begin(now)
      return
    }
    // Who was paused could not look at the clock.
    const awake = now.monotonicMs - this.tickedMs < 500
    this.tickedMs = now.monotonicMs
    this.checks.that("I22", !awake || now.monotonicMs < running.deadlineMs + 1_000, () => {
      return `client ${this.options.index}: ${running.input.op} has not ended at its deadline`
    })
    if (now.monotonicMs >= running.deadlineMs) {
      this.coverage.count(running.attempts > 0 ? "in_doubt" : "timeout")
      this.end(running, now)
    } else if (now.monotonicMs >= running.actAtMs) {
      if (running.waiting) this.later(running, now)
      else this.attempt(running, now)
    }
  }

  private begin(now: Now): void {
    const { key, input } = this.options.first?.() ?? this.workload.next(this.options.calendarMs())
    const write = isWrite(operation[input.op])
    this.running = {
      key,
      input,
      index: this.recorder.called(this.options.index, key, input, this.options.calendarMs()),
      requestId: ++this.lastRequestId,
      number: write ? this.numbers.take() : 0,
      deadlineMs: now.monotonicMs + this.options.timeoutMs,
      attempts: 0,
      actAtMs: 0,
      waiting: false,
    }
    this.attempt(this.running, now)
  }

  private attempt(running: Running, now: Now): void {
    const { input } = running
    const { options } = this
    const { contentBytes = 0 } = options
    const stored = (content: string) => options.stored?.(content) ?? grown(content, contentBytes)
    const ask: Ask = {
      from: options.address,
      requestId: running.requestId,
      client: `client-number-${String(options.index).padStart(2, "0")}`,
      op: input.op,
      alias: running.key,
      content: stored("content" in input ? input.content : ""),
      comparand: stored("comparand" in input ? input.comparand : ""),
      expiresAtMs: "expiresAtMs" in input ? input.expiresAtMs : 0,
      number: running.number,
      floor: running.number === 0 ? 0 : this.numbers.floor,
      timeLeftMs: Math.max(1, Math.floor(running.deadlineMs - now.monotonicMs)),
    }
    running.attempts++
    if (running.attempts > 1) this.coverage.count("retry")
    running.waiting = true
    running.actAtMs = now.monotonicMs + options.attemptMs
    this.host.send(this.prng.pick(options.nodes), ask, "request")
  }

  private later(running: Running, now: Now): void {
    running.waiting = false
    running.actAtMs = now.monotonicMs + retryDelayMs(running.attempts, this.prng)
  }

  private onReply(reply: Reply, now: Now): void {
    const { running } = this
    if (running === undefined || running.requestId !== reply.requestId) return
    const { name, retryable, definite } = errorOf(reply.code)
    if (reply.code !== 0 && !isTold(reply.code)) {
      if (retryable) return this.later(running, now)
      // Of an earlier attempt nothing is known.
      if (definite && running.attempts === 1) {
        this.recorder.dropped(running.index)
        this.coverage.count("definite error")
      }
      this.coverage.count(`error ${name}`)
      return this.end(running, now)
    }
    const output = outputOf(reply)
    if (output.content !== undefined) this.workload.saw(running.key, output.content)
    this.recorder.returned(running.index, output, this.options.calendarMs())
    this.coverage.count("answered")
    this.end(running, now)
  }

  private end(running: Running, now: Now): void {
    if (running.number !== 0) this.numbers.answered(running.number)
    this.running = undefined
    this.startAtMs = now.monotonicMs + this.workload.thinkMs()
  }
}

/** Errors that tell of the entry, and so are answers. */
function isTold(errorCode: number): boolean {
  return (
    errorCode === code.alias_not_found ||
    errorCode === code.alias_already_exists ||
    errorCode === code.unmatched_content
  )
}

function outputOf(reply: Reply): EntryOutput {
  const error = reply.code === 0 ? "none" : (errorOf(reply.code).name as EntryOutput["error"])
  return {
    error,
    ...(reply.content === undefined ? {} : { content: shrunk(reply.content) }),
    ...(reply.expiresAtMs === undefined ? {} : { expiresAtMs: reply.expiresAtMs }),
  }
}
