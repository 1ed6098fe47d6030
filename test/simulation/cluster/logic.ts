/** One process of a node in the simulated world: the product's `Node`, with a driver's duties. */
import type { Now } from "../../../src/core/lib/clock.ts"
import type { Prng } from "../../../src/core/lib/prng.ts"
import type { DurableRecord, MemberOptions, PeerMessage } from "../../../src/core/member/event.ts"
import type { DataMessage } from "../../../src/core/node/data-message.ts"
import type { NodeHost } from "../../../src/core/node/host.ts"
import { Node } from "../../../src/core/node/node.ts"
import type { FlushedSlot, TailWanted } from "../../../src/core/replication/transfer.ts"
import { Request } from "../../../src/core/entry/request.ts"
import type { View } from "../../../src/core/view/view.ts"
import { sha3 } from "../../../src/platform/digest.ts"
import { latin1 } from "../../support/map-memory.ts"
import { type Ask, bytesOf, type Reply } from "../data/message.ts"
import type { Host, Input, Logic, Machine } from "../machine.ts"
import { written } from "../member/contents.ts"
import { isVoid } from "../member/agent.ts"
import { labelOf, restartOf } from "../member/logic.ts"
import type { Coverage } from "../violation.ts"
import { emptyDirectory } from "./contents.ts"
import type { ClusterContents } from "./contents.ts"
import { decodeFrame, frameOf } from "./message.ts"
import { SimulatedStorage } from "./storage.ts"

export interface ClusterLogicOptions {
  readonly member: MemberOptions
  readonly tailBytes: number
  readonly coverage: Coverage
  readonly onStartOver: () => void
}

interface Session {
  readonly address: string
}

export class ClusterLogic implements Logic, NodeHost {
  readonly storage: SimulatedStorage
  readonly node: Node
  /** A view, a lease or a role changed since the observer looked. */
  changed = false
  steppedMs = 0
  private readonly machine: Machine<ClusterContents>
  private readonly host: Host<ClusterContents>
  private readonly options: ClusterLogicOptions
  private readonly unclean: boolean
  private readonly sessions = new Map<string, Session>()
  private readonly loading: string[] = []
  private readonly asked: ((now: Now) => void)[] = []
  private replies: { readonly address: string; readonly reply: Reply }[] = []
  /** What becomes of a write to the disk, by its token. */
  private readonly writes = new Map<number, (now: Now) => void>()
  private lastToken = 0
  private leaving = false
  private over = false

  constructor(
    machine: Machine<ClusterContents>,
    host: Host<ClusterContents>,
    prng: Prng,
    options: ClusterLogicOptions,
  ) {
    this.machine = machine
    this.host = host
    this.options = options
    const found = machine.disk.durable
    this.unclean = !found.clean
    // The driver raises the boot durably before anything is sent.
    machine.disk.replace({ ...found, boot: found.boot + 1, clean: false })
    const contents = machine.disk.durable
    this.storage = new SimulatedStorage(contents, options.tailBytes, prng.fork())
    const { nodeId, storageId, boot, view } = contents
    this.node = new Node({
      identity: { nodeId, storageId, boot, address: machine.address },
      member: options.member,
      memory: this.storage.memory,
      log: this.storage.log,
      host: this,
      digest: sha3,
      text: latin1,
      decode: decodeFrame,
      contentBytesMax: 1_000,
      diskFull: () => false,
      draw: prng,
      slotCount: view?.settings.slotCount ?? options.member.settings.slotCount,
    })
    this.node.replication.seen = (what) => options.coverage.count(what)
  }

  // What the observer asks

  get acceptorRecord() {
    return this.node.member?.seat?.state.acceptor.record
  }
  get leaseEndMs(): number {
    return this.node.path.leaseUntilMs
  }
  holdsLease(now: Now): boolean {
    const { seat } = this.node.member ?? {}
    if (seat === undefined) return false
    seat.holder.dropIfClockJumped(now)
    return now.monotonicMs < seat.leaseUntilMs()
  }
  isPrimary(slot: number): boolean {
    return this.node.member?.isPrimary(slot) === true
  }
  mayAnswer(slot: number, now: Now): boolean {
    const { member, replication } = this.node
    return member?.mayAnswer(slot, now) === true && replication.slots[slot]?.serving === true
  }

  handle(input: Input, now: Now): void {
    this.steppedMs = now.monotonicMs
    const { node } = this
    switch (input.kind) {
      case "start":
        this.start(now)
        break
      case "message":
        if (input.label.startsWith("data ")) node.data(input.message as DataMessage, now)
        else if (input.label === "request") this.request(input.message as Ask, now)
        else node.control(input.message as PeerMessage, now)
        break
      case "persisted": {
        const done = this.writes.get(input.token)
        this.writes.delete(input.token)
        done?.(now)
        break
      }
      case "command":
        this.leaving = input.command === "leave"
        node.stop(input.command === "stop" ? "stop" : "leave", now)
        break
      case "tick":
        this.tick(now)
    }
    if (this.over) return
    node.endTurn(now)
    this.handLog()
    const { replies } = this
    this.replies = []
    if (node.answersHold(now))
      for (const { address, reply } of replies) this.host.send(address, reply, "reply")
    else this.options.coverage.count("answers thrown away")
  }

  private start(now: Now): void {
    const contents = this.machine.disk.durable
    this.storage.recover(contents, this.node.recovery(now))
    if (contents.records.length > 0) this.options.coverage.count("log replayed")
    const { view, acceptor, founding } = contents
    this.node.start({ view, acceptor, founding, unclean: this.unclean }, now)
  }

  private request(ask: Ask, now: Now): void {
    const { node } = this
    const frame = frameOf(ask)
    const request = new Request()
    decodeFrame(frame, request)
    let session = this.sessions.get(ask.from)
    if (session === undefined) this.sessions.set(ask.from, (session = { address: ask.from }))
    const before = node.path.counters.duplicates
    node.request(request, session, now)
    if (node.path.counters.duplicates > before)
      this.options.coverage.count("duplicate request answered from memory")
  }

  private tick(now: Now): void {
    const { node, storage } = this
    node.tick(now)
    if (this.over) return
    for (const ask of this.asked.splice(0)) ask(now)
    for (const alias of this.loading.splice(0)) {
      const isDamaged = storage.isDamaged(this.machine.disk.durable, alias)
      if (!isDamaged) storage.memory.onDisk.delete(alias)
      node.loaded(alias, !isDamaged && storage.memory.entries.has(alias), isDamaged, now)
    }
    for (const alias of storage.expired(now, (slot) => node.replication.slots[slot]?.serving === true))
      node.expire(alias, now)
    const forgotten = storage.forgetSome((alias) => !this.isPrepared(alias))
    if (forgotten > 0) this.options.coverage.count("entry left memory")
    this.handLog()
    const flush = storage.flush()
    if (flush !== undefined) this.write(flush, () => undefined)
  }

  private isPrepared(alias: string): boolean {
    const { memory } = this.storage
    const bytes = bytesOf(alias)
    memory.find(bytes, 0, bytes.length)
    const { changes } = this.node.replication.queue
    return changes.latest(memory.aliasHash, bytes, 0, bytes.length) !== undefined
  }

  /** The turn's records, in one write. */
  private handLog(): void {
    const { log } = this.storage
    const { fresh, position } = log
    if (fresh.length === 0) return
    log.fresh = []
    this.write(
      (contents) => ({ ...contents, records: [...contents.records, ...fresh] }),
      (now) => this.node.persisted(position, now),
    )
  }

  private write(change: (contents: ClusterContents) => ClusterContents, done: (now: Now) => void): void {
    const token = ++this.lastToken
    this.writes.set(token, done)
    this.host.persist(token, change)
  }

  // What the node wants done

  send(address: string, message: PeerMessage): void {
    this.host.send(address, message, labelOf(message))
  }
  sendData(address: string, message: DataMessage): void {
    if (message.body.kind === "forward") this.options.coverage.count("request forwarded")
    this.host.send(address, message, `data ${message.body.kind}`)
  }
  persistMeta(token: number, records: readonly DurableRecord[]): void {
    this.write(
      (contents) => ({ ...contents, ...written(contents, records) }),
      (now) => this.node.metaPersisted(token, now),
    )
  }
  readSlot(token: number, slot: number, after: Uint8Array | undefined, bytesMax: number): void {
    this.asked.push((now) =>
      this.node.slotPiece(
        token,
        this.storage.readSlot(this.machine.disk.durable, slot, after, Math.min(40, bytesMax)),
        now,
      ),
    )
  }
  readTail(token: number, wanted: readonly TailWanted[], bytesMax: number): void {
    this.asked.push((now) => {
      const piece = this.storage.readTail(this.machine.disk.durable, wanted, Math.min(2_000, bytesMax))
      this.node.tailPiece(token, piece, now)
    })
  }
  settle(position: number): void {
    if (position < this.storage.settled) throw new Error("settled goes back")
    this.storage.settled = position
  }
  /** Here reads do not wait for the table; in a real node they do. */
  isTableAwaited(): boolean {
    return this.node.replication.sendings.size > 0
  }
  flushedSlot(slot: number): FlushedSlot | undefined {
    return SimulatedStorage.flushedSlot(this.machine.disk.durable, slot)
  }
  log(_: string, text: string): void {
    this.host.note(text)
  }
  outdated(): void {
    // The simulated clients know no view.
  }

  view(view: View): void {
    this.changed = true
    const { wants = [], handOvers = [] } = this.node.member?.state ?? {}
    for (const want of [...wants, ...handOvers])
      if (isVoid(want, view)) this.options.coverage.count("statement made void by another view")
    this.host.note(`enters view ${view.epoch}`)
  }
  startOver(reason: string): void {
    this.over = true
    this.options.coverage.count("started over")
    this.options.onStartOver()
    this.host.exit(`starts over: ${reason}`, 10, (contents) =>
      emptyDirectory(contents.nodeId, this.machine.index, this.machine.incarnation),
    )
  }
  stop(outcome: "stopped" | "failed", reason: string): void {
    this.over = true
    this.options.coverage.count(outcome === "stopped" ? "stopped cleanly" : "stopped with an error")
    this.host.exit(
      `${outcome}: ${reason}`,
      restartOf(this.machine, this.leaving, outcome, reason),
      outcome === "stopped" ? (contents) => ({ ...contents, clean: true }) : undefined,
    )
  }

  // Answers

  private reply(
    requester: object,
    requestId: number,
    code: number,
    content?: string,
    expiresAtMs?: number,
  ): void {
    const { address } = requester as Session
    this.replies.push({ address, reply: { requestId, code, content, expiresAtMs } })
  }
  ok(requester: object, requestId: number): void {
    this.reply(requester, requestId, 0)
  }
  resident(requester: object, requestId: number, handle: number): void {
    const { memory } = this.storage
    const content = new Uint8Array(memory.contentLength(handle))
    memory.copyContent(handle, content, 0)
    this.reply(requester, requestId, 0, latin1(content))
  }
  content(requester: object, requestId: number, bytes: Uint8Array, start: number, length: number): void {
    this.reply(requester, requestId, 0, latin1(bytes, start, start + length))
  }
  expiry(requester: object, requestId: number, expiresAtMs: number): void {
    this.reply(requester, requestId, 0, undefined, expiresAtMs)
  }
  error(requester: object, requestId: number, code: number): void {
    this.reply(requester, requestId, code)
  }
  errorContent(
    requester: object,
    requestId: number,
    code: number,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): void {
    this.reply(requester, requestId, code, latin1(bytes, start, start + length))
  }
  load(_slot: number, alias: string): void {
    this.loading.push(alias)
  }
}
