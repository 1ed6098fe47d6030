/**
 * Keeps the routes up to date: decides when to ask whom for `node_topology`. It asks
 *
 * - the first node that the client is connected to
 * - a node that says that there is a newer view (`protocol.md`, "Notices")
 * - some *other* node, when one refuses for the cluster's sake (`wrong_node`, `unstable_cluster`, …) or is lost: what is cut
 *   off from the others is the last to learn of a new view.
 *
 * One question at a time, and where answers bring no news the pauses between them grow as those of retries do: a
 * cluster that is in trouble is not asked more often for it. Nobody waits for an answer; requests go their old ways meanwhile.
 */
import { operation } from "../core/entry/operation.ts"
import { dialTimeoutMsDefault } from "../core/lib/limits.ts"
import type { Prng } from "../core/lib/prng.ts"
import { decodeDocument, type Reply, replyKind } from "../wire/reply.ts"
import type { NodeTopology } from "../wire/status.ts"
import { topologyOf } from "../wire/topology.ts"
import { retryDelayMs } from "./backoff.ts"
import type { Lane } from "./lane.ts"
import { Pending } from "./pending.ts"

export interface ScoutOwner {
  readonly prng: Prng
  /** Sends a question that counts for no bound and that no closing waits for. */
  ask(question: Pending): void
  /** @returns an open lane, another than `except` if there is one */
  anyOpen(except: Lane | undefined): Lane | undefined
  /** @returns whether it was news */
  learn(topology: NodeTopology): boolean
  /** Sees to it that `wake` is called by then. */
  wakeBy(atMs: number): void
}

export class Scout {
  private readonly owner: ScoutOwner
  private question: Pending | undefined
  /** When to ask; Infinity: not wanted. */
  private atMs = Infinity
  private stopped = false
  private askedMs = -Infinity
  /** Questions since the last that brought news. */
  private vain = 0
  private preferred: Lane | undefined
  private avoided: Lane | undefined

  constructor(owner: ScoutOwner) {
    this.owner = owner
  }

  get isAsking(): boolean {
    return this.question !== undefined
  }

  /** When to call `wake` next. */
  get nextMs(): number {
    return this.question === undefined ? this.atMs : Infinity
  }

  /**
   * There may be news.
   * @param preferred knows of them; @param avoided is the last to know
   */
  want(nowMs: number, preferred?: Lane, avoided?: Lane): void {
    if (this.stopped) return
    this.preferred = preferred ?? this.preferred
    this.avoided = avoided
    if (this.atMs === Infinity) {
      const pauseMs = retryDelayMs(Math.max(1, this.vain), this.owner.prng)
      this.atMs = Math.max(nowMs, this.askedMs + pauseMs)
    }
    this.owner.wakeBy(this.nextMs)
  }

  /** Asks, if it is time. */
  wake(nowMs: number): void {
    if (this.question !== undefined || nowMs < this.atMs) return
    const lane = this.preferred?.isOpen ? this.preferred : this.owner.anyOpen(this.avoided)
    this.atMs = Infinity
    // Without a connection there is nobody to ask; the next one that opens will be.
    if (lane === undefined) return
    this.askedMs = nowMs
    this.preferred = this.avoided = undefined
    const question: Pending = new Pending(
      operation.node_topology,
      dialTimeoutMsDefault,
      (reply) => this.ended(question, topologyIn(reply)),
      () => this.ended(question, undefined),
    )
    question.lane = lane
    this.question = question
    this.owner.ask(question)
  }

  /** Asks nothing more. @returns the question under way, to be given up */
  stop(): Pending | undefined {
    this.stopped = true
    return this.question
  }

  private ended(question: Pending, topology: NodeTopology | undefined): void {
    this.question = undefined
    const news = topology !== undefined && this.owner.learn(topology)
    this.vain = news ? 0 : this.vain + 1
    // What was wanted meanwhile, and what was not answered, is asked again.
    if (this.atMs < Infinity) this.owner.wakeBy(this.atMs)
    else if (topology === undefined) this.want(this.askedMs, undefined, question.lane)
  }
}

/** @returns undefined where it is none: a broken answer teaches nothing */
function topologyIn(reply: Reply): NodeTopology | undefined {
  const document = reply.kind === replyKind.document ? decodeDocument(reply) : undefined
  return document === undefined ? undefined : topologyOf(document)
}
