/** One process of a node in the simulated world: the product's `Node`, with a driver's duties. */
import type { Now } from "../../../src/core/lib/clock.ts"
import type { Prng } from "../../../src/core/lib/prng.ts"
import type { DurableRecord, MemberOptions, PeerMessage } from "../../../src/core/member/event.ts"
import type { DataMessage } from "../../../src/core/node/data-message.ts"
import type { NodeHost, NodeIdentity } from "../../../src/core/node/host.ts"
import { Node, type QueueBounds } from "../../../src/core/node/node.ts"
import type { FlushedSlot, TailWanted } from "../../../src/core/replication/transfer.ts"
import { operation } from "../../../src/core/entry/operation.ts"
import type { Request } from "../../../src/core/entry/request.ts"
import type { View } from "../../../src/core/view/view.ts"
import { Answers } from "../../../src/server/net/answers.ts"
import type { ListingNode } from "../../../src/server/node/listing.ts"
import type { Session } from "../../../src/server/net/session.ts"
import { AcceptedLink, type PeerRefusal } from "../../../src/server/link/accepted.ts"
import type { ClusterSecret } from "../../../src/server/link/secret.ts"
import { code, errorOf } from "../../../src/wire/errors.ts"
import type { Hello } from "../../../src/wire/hello.ts"
import { latin1 } from "../../support/map-memory.ts"
import { type Ask, bytesOf } from "../data/message.ts"
import type { Host, Input, Logic, Machine } from "../machine.ts"
import { written } from "../member/contents.ts"
import { isVoid } from "../member/agent.ts"
import { labelOf, restartOf } from "../member/logic.ts"
import type { Coverage } from "../violation.ts"
import { emptyDirectory } from "./contents.ts"
import type { ClusterContents } from "./contents.ts"
import { decodeForwarded, digestOf } from "./message.ts"
import { Sessions, type SessionNode } from "./sessions.ts"
import { type SideMessage, Sides } from "./sides.ts"
import { SimulatedStorage } from "./storage.ts"
import { carried, largeIn } from "./wire.ts"

export interface ClusterLogicOptions {
  readonly member: MemberOptions
  readonly tailBytes: number
  /** Of records in the log's ring, until sessions are not read from. */
  readonly ringBytes?: number
  readonly coverage: Coverage
  readonly onStartOver: () => void
  /** What nodes prove to each other where they greet. */
  readonly secret?: ClusterSecret
  readonly isForgetful?: boolean
  readonly contentBytesMax?: number
  readonly bounds?: QueueBounds
  /** Whether another node takes what this one is about to send. */
  readonly onFrame?: (isTaken: boolean, what: string) => void
  /** Other nodes come by the network itself: whoever greets as one is none. */
  readonly onStranger: (outcome: "heard" | "refused") => void
}

/** What faults and traces call the data path's messages. */
const dataLabels: { readonly [K in DataMessage["body"]["kind"]]: string } = {
  append: "data append",
  appended: "data appended",
  piece: "data piece",
  taken: "data taken",
  compare: "data compare",
  forward: "data forward",
  forwarded: "data forwarded",
}
const isDataLabel: ReadonlySet<string> = new Set(Object.values(dataLabels))

/** Of an entry's content, bytes. */
const contentBytesMaxDefault = 1_000
const full: readonly number[] = [code.overloaded, code.disk_full]

export class ClusterLogic extends Answers implements Logic, NodeHost, SessionNode {
  readonly storage: SimulatedStorage
  readonly node: Node
  readonly identity: NodeIdentity
  /** A view, a lease or a role changed since the observer looked. */
  changed = false
  steppedMs = 0
  private steppedAt: Now = { monotonicMs: 0, wallMs: 0 }
  private readonly machine: Machine<ClusterContents>
  private readonly host: Host<ClusterContents>
  private readonly options: ClusterLogicOptions
  private readonly unclean: boolean
  readonly contentBytesMax: number
  private readonly sessions: Sessions
  private readonly sides: Sides
  private readonly loading: string[]
  private readonly asked: ((now: Now) => void)[] = []
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
    const found = machine.disk.durable
    // The driver raises the boot durably before anything is sent.
    machine.disk.replace({ ...found, boot: found.boot + 1, clean: false })
    const contents = machine.disk.durable
    const storage = new SimulatedStorage(contents, options.tailBytes, prng.fork())
    const loading: string[] = []
    const dirty: Session[] = []
    super(
      storage.memory,
      (_, alias) => loading.push(alias),
      (session) => dirty.push(session),
    )
    this.machine = machine
    this.host = host
    this.options = options
    const contentBytesMax = options.contentBytesMax ?? contentBytesMaxDefault
    this.contentBytesMax = contentBytesMax
    this.unclean = !found.clean
    this.storage = storage
    this.loading = loading
    this.sessions = new Sessions(host, this, dirty)
    const { nodeId, storageId, boot, view } = contents
    this.identity = { nodeId, storageId, boot, address: machine.address }
    this.node = new Node({
      identity: this.identity,
      member: options.member,
      memory: this.storage.memory,
      log: this.storage.log,
      host: this,
      digest: digestOf,
      text: latin1,
      decode: (frame, request) => decodeForwarded(frame, request, contentBytesMax),
      contentBytesMax,
      diskFull: () => machine.disk.isFull,
      draw: prng,
      ...(options.bounds === undefined ? {} : { bounds: options.bounds }),
      slotCount: view?.settings.slotCount ?? options.member.settings.slotCount,
    })
    this.node.replication.seen = (what) => options.coverage.count(what)
    this.sides = new Sides(this, host)
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
  get peers(): readonly string[] {
    return this.node.member?.options.bootstrappingPeers ?? []
  }
  mayAnswer(slot: number, now: Now): boolean {
    const { member, replication } = this.node
    return member?.mayAnswer(slot, now) === true && replication.slots[slot]?.serving === true
  }

  handle(input: Input, now: Now): void {
    this.steppedAt = now
    this.steppedMs = now.monotonicMs
    const { node } = this
    switch (input.kind) {
      case "start":
        this.start(now)
        break
      case "message":
        this.receive(input.message, input.label, now)
        break
      case "stream":
        this.sessions.event(input.end, input.event, now)
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
    do {
      node.endTurn(now)
      this.handLog()
      if (this.sessions.flush(node.answersHold(now), now)) this.seen("answers thrown away")
    } while (this.sessions.isDirty)
  }

  private receive(message: unknown, label: string, now: Now): void {
    if (label === "request") this.sessions.stray(message as Ask, now)
    else if (label === "list" || label === "listed") this.sides.message(message as SideMessage, now)
    else if (isDataLabel.has(label)) this.node.data(message as DataMessage, now)
    else this.node.control(message as PeerMessage, now)
  }

  private start(now: Now): void {
    const contents = this.machine.disk.durable
    this.storage.recover(contents, this.node.recovery(now))
    if (this.options.isForgetful === true) this.storage.loseOne()
    if (contents.records.length > 0) this.options.coverage.count("log replayed")
    const { view, acceptor, founding } = contents
    this.node.start({ view, acceptor, founding, unclean: this.unclean }, now)
  }

  // Clients

  get ownView(): View | undefined {
    return this.node.member?.view
  }

  greet(hello: Hello): AcceptedLink | PeerRefusal {
    const link = AcceptedLink.greet(hello, {
      identity: this.identity,
      secret: this.options.secret,
      onControl: (message) => {
        this.options.onStranger("heard")
        this.node.control(message, this.steppedAt)
      },
      onData: (message) => {
        this.options.onStranger("heard")
        this.node.data(message, this.steppedAt)
      },
    })
    if (!(link instanceof AcceptedLink)) this.options.onStranger("refused")
    return link
  }

  refusing(): void {
    this.options.onStranger("refused")
  }

  hasRoom(): boolean {
    return this.storage.log.heldBytes < (this.options.ringBytes ?? Infinity)
  }
  seen(what: string): void {
    this.options.coverage.count(what)
  }

  request(request: Request, session: Session, now: Now): void {
    const { opcode } = request
    if (opcode <= operation.ping || opcode > operation.get_expiry)
      return this.sides.request(request, session, now)
    const { counters } = this.node.path
    const before = counters.duplicates
    this.node.request(request, session, now)
    if (counters.duplicates > before) this.options.coverage.count("duplicate request answered from memory")
  }

  override error(session: object, requestId: number, errorCode: number, message?: string): void {
    if (full.includes(errorCode)) this.seen(`refused: ${errorOf(errorCode).name}`)
    super.error(session, requestId, errorCode, message)
  }

  private tick(now: Now): void {
    const { node, storage } = this
    node.tick(now)
    if (this.over) return
    this.sessions.tick(now)
    this.sides.tick(now)
    if (this.asked.length > 0) for (const ask of this.asked.splice(0)) ask(now)
    if (this.loading.length > 0) this.readEntries(now)
    for (const alias of storage.expired(now, (slot) => node.replication.slots[slot]?.serving === true))
      node.expire(alias, now)
    const forgotten = storage.forgetSome((alias) => !this.isPrepared(alias))
    if (forgotten > 0) this.options.coverage.count("entry left memory")
    this.handLog()
    const flush = storage.flush()
    if (flush !== undefined) this.write(flush, () => undefined)
  }

  /** What was asked for is read. */
  private readEntries(now: Now): void {
    const { node, storage } = this
    for (const alias of this.loading.splice(0)) {
      const isDamaged = storage.isDamaged(this.machine.disk.durable, alias)
      if (!isDamaged) storage.memory.onDisk.delete(alias)
      node.loaded(alias, !isDamaged && storage.memory.entries.has(alias), isDamaged, now)
    }
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
    if (log.fresh.length === 0) return
    const fresh = log.take()
    const { position } = log
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
    const label = dataLabels[message.body.kind]
    const sent = largeIn(message) === undefined ? message : this.carried(message)
    if (sent !== undefined) this.host.send(address, sent, label)
  }
  private carried(message: DataMessage): DataMessage | undefined {
    this.seen(largeIn(message) ?? "")
    const received = carried(message, this.contentBytesMax)
    this.options.onFrame?.(received !== undefined, `a frame of "${message.body.kind}"`)
    return received
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
  scan(...[prefix, from, bytesMax, slots, done]: Parameters<ListingNode["scan"]>): void {
    this.asked.push(() => {
      done(this.storage.scan(this.machine.disk.durable, prefix, from, Math.min(40, bytesMax), slots))
    })
  }
  readTail(token: number, wanted: readonly TailWanted[]): void {
    this.asked.push((now) => {
      const piece = this.storage.readTail(this.machine.disk.durable, wanted)
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
}
