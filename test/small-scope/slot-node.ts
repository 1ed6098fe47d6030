/**
 * A node of the small world of one slot: the real `Node` with its whole data path, on a disk that keeps what was synced, and
 * with a stub in the place of membership that says what the world says: which view there is, who holds a lease.
 *
 * After every step the node is made *normal*: message numbers, tokens and instants, which only save work or wait, become
 * one and the same. So a refusal counts however late it comes, what is under way counts as lost at once, and every probe is
 * due: the world allows more than time and counters would.
 */
import { operation } from "../../src/core/entry/operation.ts"
import { CurrentEntry } from "../../src/core/entry/current.ts"
import { Outcome } from "../../src/core/entry/evaluate.ts"
import { RecordView } from "../../src/core/entry/record.ts"
import { Request } from "../../src/core/entry/request.ts"
import { progressMs } from "../../src/core/lib/limits.ts"
import type { MemberEffect, MemberEvent } from "../../src/core/member/event.ts"
import type { Member } from "../../src/core/member/member.ts"
import { Counters } from "../../src/core/node/counters.ts"
import type { DataMessage } from "../../src/core/node/data-message.ts"
import type { NodeHost } from "../../src/core/node/host.ts"
import { Node } from "../../src/core/node/node.ts"
import { Pace } from "../../src/core/replication/pace.ts"
import { Pinned } from "../../src/core/replication/pinned.ts"
import type { SlotEntry, SlotPiece, TailPiece, TailWanted } from "../../src/core/replication/transfer.ts"
import type { Certificate } from "../../src/core/view/evidence.ts"
import type { View } from "../../src/core/view/view.ts"
import { errorOf } from "../../src/wire/errors.ts"
import { requestOf } from "../simulation/data/message.ts"
import { latin1, MapMemory } from "../support/map-memory.ts"
import { Graphs } from "./graph.ts"
import { settings } from "./scope.ts"
import { identityOf } from "./seat-steps.ts"
import { Log, type LogRecord, recordAt } from "./slot-log.ts"
import type { SlotScope, SlotRequest } from "./slot-scopes.ts"
import { nowMs } from "./snapshot.ts"

const session = Object.freeze({})
const client = "client-number-01"
const probeId = 1000

export const graphs = new Graphs({
  scratch: new Set<object>([Counters, RecordView, CurrentEntry, Outcome, Request]),
  scratchFields: new Set(["recent", "words", "sweeping"]),
})

/** In the place of membership. */
class Membership {
  readonly phase = "active"
  readonly seat = undefined
  effects: MemberEffect[] = []
  certificates: Certificate[] = []

  step(event: MemberEvent): MemberEffect[] {
    if (event.kind === "wants")
      for (const want of event.wants) if (want.kind === "promote") this.certificates.push(want.certificate)
    return this.effects.splice(0)
  }
}

export interface Answer {
  readonly request: number
  readonly text: string
}

class Host implements NodeHost {
  sent: DataMessage[] = []
  answers: Answer[] = []
  wantedTails: { readonly token: number; readonly wanted: readonly TailWanted[] }[] = []
  wantedPieces: { readonly token: number; readonly after: Uint8Array | undefined }[] = []
  memory = new MapMemory()

  sendData(_address: string, message: DataMessage): void {
    this.sent.push(message)
  }
  readTail(token: number, wanted: readonly TailWanted[]): void {
    this.wantedTails.push({ token, wanted })
  }
  readSlot(token: number, _slot: number, after: Uint8Array | undefined): void {
    this.wantedPieces.push({ token, after })
  }
  ok(_: object, request: number): void {
    this.answers.push({ request, text: "ok" })
  }
  resident(_: object, request: number, handle: number): void {
    const content = new Uint8Array(this.memory.contentLength(handle))
    this.memory.copyContent(handle, content, 0)
    this.answers.push({ request, text: `ok ${latin1(content)}` })
  }
  content(_: object, request: number, bytes: Uint8Array, start: number, length: number): void {
    this.answers.push({ request, text: `ok ${latin1(bytes, start, start + length)}` })
  }
  expiry(_: object, request: number, expiresAtMs: number): void {
    this.answers.push({ request, text: `ok ${expiresAtMs}` })
  }
  error(_: object, request: number, code: number): void {
    this.answers.push({ request, text: errorOf(code).name })
  }
  errorContent(_: object, request: number, code: number, b: Uint8Array, at: number, length: number): void {
    this.answers.push({ request, text: `${errorOf(code).name} ${latin1(b, at, at + length)}` })
  }
  send(): void {}
  persistMeta(): void {}
  settle(): void {}
  isTableAwaited(): boolean {
    return false
  }
  flushedSlot(): undefined {}
  log(): void {}
  view(): void {}
  outdated(): void {}
  load(): void {
    throw new Error("all entries are in memory here")
  }
  stop(_outcome: string, reason: string): void {
    throw new Error(`the node stops: ${reason}`)
  }
  startOver(reason: string): void {
    throw new Error(`the node starts over: ${reason}`)
  }
}

export type SlotEvent =
  | { readonly kind: "request"; readonly request: number }
  | { readonly kind: "durable" }
  | { readonly kind: "deliver"; readonly message: DataMessage }
  | { readonly kind: "adopt"; readonly view: View; readonly hasLease: boolean }
  | { readonly kind: "demoted" }
  | { readonly kind: "tick" }
  /** Nothing has come from those who owe something for as long as a primary waits. */
  | { readonly kind: "stall" }
  | { readonly kind: "release" }
  /** Its wall clock moves on. */
  | { readonly kind: "clock" }

/** All that a step of a node changes. */
export class Machine {
  readonly index: number
  readonly scope: SlotScope
  boot: number
  view: View
  wallMs: number
  readonly log: Log
  readonly host: Host
  readonly member = new Membership()
  readonly node: Node

  constructor(
    scope: SlotScope,
    index: number,
    boot: number,
    view: View,
    wallMs: number,
    records: readonly LogRecord[],
    hasLease = false,
  ) {
    this.scope = scope
    this.index = index
    this.boot = boot
    this.view = view
    this.wallMs = wallMs
    this.log = new Log()
    this.host = new Host()
    const { log, host } = this
    const { memory } = host
    log.records = [...records]
    log.position = records.at(-1)?.end ?? 0
    log.durable = log.position
    this.node = new Node({
      identity: identityOf(index, boot),
      member: { bootstrappingPeers: [], settings, weight: 1, zone: "" },
      memory,
      log,
      host,
      digest: () => new Uint8Array(32),
      text: latin1,
      decode: () => 1,
      contentBytesMax: 100,
      diskFull: () => false,
      draw: { between: (low) => low },
      slotCount: 1,
    })
    const recovery = this.node.recovery(this.now)
    const cursor = new RecordView()
    for (const { bytes, end } of records) recovery.record(cursor.at(bytes, recordAt), end)
    const nothing = { view: undefined, acceptor: undefined, founding: undefined, unclean: true }
    this.node.start(nothing, this.now)
    this.node.member = this.member as unknown as Member
    this.adopt(view, hasLease)
    this.settleDown()
  }

  get now() {
    return { monotonicMs: nowMs, wallMs: this.wallMs }
  }

  private adopt(view: View, hasLease: boolean): void {
    this.view = view
    this.member.effects.push({ kind: "view", view, previous: undefined })
    this.member.effects.push({ kind: "lease", endMs: hasLease ? Infinity : -Infinity })
    this.node.stop("stop", this.now)
  }

  run(event: SlotEvent): void {
    const { node, now, member, log } = this
    switch (event.kind) {
      case "request":
        this.request(this.scope.requests[event.request] as SlotRequest, event.request)
        break
      case "durable":
        log.durable = log.position
        node.persisted(log.durable, now)
        break
      case "deliver":
        node.data(event.message, now)
        break
      case "adopt":
        this.adopt(event.view, event.hasLease)
        break
      case "demoted":
        member.effects.push({ kind: "lease", endMs: -Infinity })
        node.stop("stop", now)
        break
      case "release":
        member.effects.push({ kind: "released", slots: [0] })
        node.stop("stop", now)
        break
      case "clock":
        this.wallMs += this.scope.clockStepMs
        break
      case "stall":
        for (const follower of node.replication.slot(0).followers)
          if (follower.ackedSequence < follower.slot.sequence) follower.stalledMs = progressMs
        node.tick(now)
        break
      default:
        node.tick(now)
    }
    this.settleDown()
  }

  /** Ends the turn, with all that storage has to answer. */
  private settleDown(): void {
    const { node, now, host, log, scope } = this
    for (let turn = 0; ; turn++) {
      node.endTurn(now)
      const tails = host.wantedTails.splice(0)
      const pieces = host.wantedPieces.splice(0)
      for (const { token, wanted } of tails) node.tailPiece(token, this.tail(wanted), now)
      for (const { token, after } of pieces) node.slotPiece(token, this.piece(after), now)
      if (tails.length + pieces.length === 0) break
      if (turn > 10) throw new Error("the node asks storage for ever")
    }
    const isPrompt = scope.disk === "prompt" || scope.promptDisks.includes(this.index)
    if (isPrompt && log.durable < log.position) {
      log.durable = log.position
      node.persisted(log.durable, now)
      this.settleDown()
    }
    if (!node.answersHold(now) && host.answers.length > 0) host.answers = []
    this.normalise()
  }

  private tail(wanted: readonly TailWanted[]): TailPiece {
    if (!this.scope.keepsLog)
      return { records: new Uint8Array(0), more: false, missing: wanted.map((w) => w.slot) }
    const [{ afterSequence } = { afterSequence: 0 }] = wanted
    const cursor = new RecordView()
    let kept: Uint8Array[] = []
    let first = 1
    for (const { bytes } of this.log.records) {
      const { kind, sequence } = cursor.at(bytes, recordAt)
      if (kind === 1) kept[sequence - first] = bytes.subarray(recordAt)
      else if (kind === 3) kept = kept.slice(0, Math.max(0, sequence - first + 1))
      else if (kind === 4 || kind === 7) {
        kept = []
        first = sequence + 1
      }
    }
    if (afterSequence + 1 < first) return { records: new Uint8Array(0), more: false, missing: [0] }
    return { records: Buffer.concat(kept.slice(afterSequence + 1 - first)), more: false, missing: [] }
  }

  /** One entry at a time. */
  private piece(after: Uint8Array | undefined): SlotPiece {
    const entries = [...this.host.memory.entries.values()].sort((a, b) => (a.alias < b.alias ? -1 : 1))
    const last = after === undefined ? "" : latin1(after)
    const [entry] = entries.filter(({ alias }) => alias > last)
    if (entry === undefined) return { entries: [], next: undefined }
    const alias = Uint8Array.from(entry.alias, (letter) => letter.charCodeAt(0))
    const piece: SlotEntry = { alias, content: entry.content, expiresAtMs: entry.expiresAtMs }
    return { entries: [piece], next: entries.at(-1) === entry ? undefined : alias }
  }

  private request(request: SlotRequest, id: number): void {
    const { op, alias, content = "", comparand = "", expiresAtMs = 0, number = 0, floor = 1 } = request
    const timeLeftMs = 60_000
    const from = ""
    const ask = {
      from,
      requestId: id,
      client,
      op,
      alias,
      content,
      comparand,
      expiresAtMs,
      number,
      floor,
      timeLeftMs,
    }
    this.node.request(requestOf(ask), session, this.now)
  }

  /** What a read of each alias is told now: for looking at a copy. `turned away`, `waits`, or the answer. */
  probe(): readonly string[] {
    const { host, scope, node } = this
    return scope.aliases.map((alias) => {
      host.answers = []
      const forwarded = node.forwards.count
      this.request({ op: "get", alias }, probeId)
      // Sent on to another: this node does not serve.
      if (node.forwards.count > forwarded || !node.answersHold(this.now)) return "turned away"
      const [answer] = host.answers
      if (answer === undefined) return "waits"
      return answer.text === "unstable_cluster" || answer.text === "wrong_node" ? "turned away" : answer.text
    })
  }

  private normalise(): void {
    const { replication } = this.node
    Object.assign(this.node, {
      wanted: "",
      requests: 0,
      tickedMs: nowMs,
      sweepAtMs: Infinity,
      durableBefore: 0,
      stalledMs: 0,
    })
    const pinned = new Pinned()
    // Of one slot a copy may always begin.
    const pace = new Pace()
    Object.assign(replication, {
      lastToken: 0,
      appendSerial: 0,
      compareAtMs: 0,
      pinned,
      pace,
    })
    for (const peer of replication.peers.values()) {
      peer.forgetUnderWay()
      peer.number = 1
      peer.receivedNumber = 0
      peer.bytesSinceTold = 0
      peer.heardAtMs = nowMs
    }
    for (const slot of replication.slots) {
      slot.accepting = 0
      for (let prepared = slot.first; prepared !== undefined; prepared = prepared.nextInSlot) {
        // Retries of one request are one.
        const waiters = prepared.waiters?.filter(
          (waiter, i, all) => all.findIndex((other) => other.requestId === waiter.requestId) === i,
        )
        prepared.waiters = waiters
      }
      for (const follower of slot.followers) {
        follower.appendNumber = 0
        follower.segment = 0
        follower.rewoundNumber = 0
        follower.probeAtMs = 0
        follower.stalledMs = follower.stalledMs >= progressMs ? progressMs : 0
        if (follower.snapshot !== undefined) {
          follower.snapshot.token = 0
          follower.snapshot.resendAtMs = 0
        }
      }
    }
  }

  /** Forgets what `Graphs` leaves as it is. */
  clearCaches(): void {
    const { clients } = this.node.replication
    clients["recent"].clear()
    clients["sweeping"] = undefined
  }

  take(): { readonly sent: DataMessage[]; readonly answers: Answer[]; readonly certificates: Certificate[] } {
    const { host, member } = this
    const { sent, answers } = host
    const { certificates } = member
    host.sent = []
    host.answers = []
    member.certificates = []
    return { sent, answers, certificates }
  }
}

export const isRead = (request: SlotRequest): boolean => operation[request.op] === operation.get
