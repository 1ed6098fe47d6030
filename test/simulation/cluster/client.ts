/**
 * A client in a simulated cluster: the library's own machine (`src/client/machine.ts`), with its connections, routes, numbers,
 * retries and deadlines, in a world in which time and network are the seed's. Several callers share it, each with one
 * operation or one list under way, so that answers come out of order and the floor lags behind.
 */
import { parseAddress } from "../../../src/client/address.ts"
import { ListCursor } from "../../../src/client/alias-list.ts"
import type { QdbError } from "../../../src/client/error.ts"
import { Machine } from "../../../src/client/machine.ts"
import { isEvaluated } from "../../../src/client/outcome.ts"
import { Pending } from "../../../src/client/pending.ts"
import { contentOf, integerOf, listOf, nothingOf } from "../../../src/client/results.ts"
import { operation } from "../../../src/core/entry/operation.ts"
import type { Now } from "../../../src/core/lib/clock.ts"
import type { Prng } from "../../../src/core/lib/prng.ts"
import type { Reply } from "../../../src/wire/reply.ts"
import type { HistoryRecorder } from "../../linearizability/history.ts"
import type { EntryInput, EntryOutput } from "../../linearizability/models/entry-state.ts"
import { latin1 } from "../../support/map-memory.ts"
import { grown, shrunk } from "../data/growth.ts"
import { bytesOf } from "../data/message.ts"
import type { Workload } from "../data/workload.ts"
import type { Host, Input, Logic } from "../machine.ts"
import type { Checks, Coverage } from "../violation.ts"
import { SimulatedRuntime } from "./client-runtime.ts"
import type { LargeValues } from "./large.ts"
import type { Scans } from "./scans.ts"

export interface ClusterClientOptions {
  readonly index: number
  /** Where it begins; it learns of others. */
  readonly addresses: readonly string[]
  readonly callers: number
  /** How long an operation may take. */
  readonly timeoutMs: number
  readonly dialTimeoutMs: number
  /** Of 1,000 things that a caller does so many are lists. */
  readonly scanPerMille: number
  /** Contents are made so long. */
  readonly contentBytes: number
  /** Real time as people count it. */
  readonly calendarMs: () => number
  readonly large: LargeValues | undefined
  readonly realMs: () => number
}

interface Caller {
  readonly workload: Workload
  /** When what it waits for must have ended; undefined: it waits for nothing. */
  deadlineMs: number | undefined
  startAtMs: number
}

const reconnectMs = 500

export class ClusterClient<Contents> implements Logic {
  /** No more operations are begun. */
  stopped = false
  private readonly options: ClusterClientOptions
  private readonly runtime: SimulatedRuntime<Contents>
  private readonly prng: Prng
  private readonly recorder: HistoryRecorder<EntryInput, EntryOutput>
  private readonly scans: Scans
  private readonly checks: Checks
  private readonly coverage: Coverage
  private readonly callers: readonly Caller[]
  private readonly orders: Pending[] = []
  private machine: Machine | undefined
  private isConnected = false
  private connectAtMs = 0
  private nowMs = 0
  private tickedMs = 0

  constructor(
    options: ClusterClientOptions,
    host: Host<Contents>,
    prng: Prng,
    workload: (caller: number) => Workload,
    recorder: HistoryRecorder<EntryInput, EntryOutput>,
    scans: Scans,
    checks: Checks,
    coverage: Coverage,
  ) {
    this.options = options
    this.prng = prng
    this.runtime = new SimulatedRuntime(host, prng.fork())
    this.recorder = recorder
    this.scans = scans
    this.checks = checks
    this.coverage = coverage
    this.callers = Array.from({ length: options.callers }, (_, i) => ({
      workload: workload(i),
      deadlineMs: undefined,
      startAtMs: 0,
    }))
  }

  get idle(): boolean {
    return this.callers.every((caller) => caller.deadlineMs === undefined)
  }

  handle(input: Input, now: Now): void {
    const { runtime } = this
    this.nowMs = now.monotonicMs
    runtime.begin(now)
    if (input.kind === "stream") runtime.event(input.end, input.event)
    else if (input.kind === "tick") {
      runtime.tick()
      if (!this.isConnected && this.machine === undefined && this.nowMs >= this.connectAtMs) this.connect()
      for (const order of this.orders.splice(0)) if (this.isConnected) this.machine?.submit(order)
      for (const caller of this.callers) this.look(caller)
      this.tickedMs = this.nowMs
    }
    runtime.endTurn()
  }

  /** Asks something that is no caller's affair, an operator's order, with the next tick. @returns whether it will be asked */
  order(request: Pending): boolean {
    if (this.isConnected) this.orders.push(request)
    return this.isConnected
  }

  private connect(): void {
    const { options, prng } = this
    const addresses = options.addresses.map(parseAddress)
    prng.shuffle(addresses)
    const clientId = Uint8Array.from({ length: 16 }, () => prng.below(256))
    const machine = new Machine(this.runtime, {
      addresses,
      clientId,
      softwareVersion: "simulated",
      dialTimeoutMs: options.dialTimeoutMs,
      learns: true,
    })
    this.machine = machine
    machine.start(
      () => (this.isConnected = true),
      () => {
        // Nobody was there: whoever called tries again.
        this.machine = undefined
        this.connectAtMs = this.nowMs + reconnectMs
      },
    )
  }

  private look(caller: Caller): void {
    const { nowMs } = this
    if (caller.deadlineMs === undefined) {
      if (!this.stopped && this.isConnected && nowMs >= caller.startAtMs) this.begin(caller)
      return
    }
    // Who was paused could not look at the clock.
    const awake = nowMs - this.tickedMs < 500
    this.checks.that("I22", !awake || nowMs < caller.deadlineMs + 1_000, () => {
      return `client ${this.options.index}: something has not ended at its deadline`
    })
  }

  private begin(caller: Caller): void {
    const { options, prng } = this
    if (options.scanPerMille > 0 && prng.chance(options.scanPerMille, 1_000)) return this.scan(caller)
    const { large } = options
    const { key, input } =
      large?.next(options.realMs(), "connected") ?? caller.workload.next(options.calendarMs())
    const place = this.callers.indexOf(caller)
    const index = this.recorder.called(options.index * 100 + place, key, input, options.calendarMs())
    const text = (part: string | undefined) =>
      bytesOf(large?.stored(part ?? "") ?? grown(part ?? "", options.contentBytes))
    this.submit(
      caller,
      new Pending(
        operation[input.op],
        options.timeoutMs,
        (reply) => this.answered(caller, key, index, outputOf(input, reply)),
        (error) => this.failed(caller, key, index, input, error),
        bytesOf(key),
        "content" in input ? text(input.content) : undefined,
        "comparand" in input ? text(input.comparand) : undefined,
        "expiresAtMs" in input ? input.expiresAtMs : 0,
      ),
    )
  }

  private submit(caller: Caller, request: Pending): void {
    caller.deadlineMs = this.nowMs + request.timeoutMs
    this.machine?.submit(request)
  }

  private answered(caller: Caller, key: string, index: number, output: EntryOutput): void {
    const { large } = this.options
    if (output.content !== undefined) caller.workload.saw(key, output.content)
    if (large?.has(output.content) === true) this.coverage.count("large value answered")
    this.recorder.returned(index, output, this.options.calendarMs())
    this.coverage.count("answered")
    this.end(caller)
  }

  private failed(caller: Caller, key: string, index: number, { op }: EntryInput, error: QdbError): void {
    if (isEvaluated(error)) {
      const told = error.name as EntryOutput["error"]
      // Only a cas tells what it found instead.
      const content = op === "cas" && error.content !== undefined ? shrunk(latin1(error.content)) : undefined
      return this.answered(caller, key, index, {
        error: told,
        ...(content === undefined ? {} : { content }),
      })
    }
    if (error.definite) {
      this.recorder.dropped(index)
      this.coverage.count("definite error")
    }
    this.coverage.count(error.name === "in_doubt" ? "in_doubt" : `error ${error.name}`)
    this.end(caller)
  }

  private end(caller: Caller): void {
    caller.deadlineMs = undefined
    caller.startAtMs = this.nowMs + caller.workload.thinkMs()
  }

  private scan(caller: Caller): void {
    const prefix = caller.workload.prefix()
    const scan = this.scans.began(prefix, this.recorder.mark())
    const cursor = new ListCursor()
    const next = () => {
      const request: Pending = new Pending(
        operation.prefix_get,
        this.options.timeoutMs,
        (reply) => {
          const piece = listOf(reply)
          scan.aliases.push(...piece.aliases.map((alias) => latin1(alias)))
          if (cursor.advance(piece)) return next()
          scan.endedAt = this.recorder.mark()
          this.coverage.count("list complete")
          this.end(caller)
        },
        () => {
          this.coverage.count("list given up")
          this.end(caller)
        },
        bytesOf(prefix),
      )
      request.cursorSlot = cursor.slot
      request.cursorAfter = cursor.after
      this.submit(caller, request)
    }
    next()
  }
}

function outputOf({ op }: EntryInput, reply: Reply): EntryOutput {
  if (op === "get_expiry") return { error: "none", expiresAtMs: integerOf(reply) }
  if (op === "get" || op === "get_update" || op === "get_remove" || op === "cas")
    return { error: "none", content: shrunk(latin1(contentOf(reply))) }
  nothingOf(reply)
  return { error: "none" }
}
