/**
 * The one driver loop of a node: events go into the core one at a time, and its effects are carried out in order
 * (`core/node/host.ts` has the contract). Per turn of the event loop:
 *
 * 1. Frames that have arrived become requests and messages and are stepped at once, in place, while their bytes are there.
 * 2. At the end of the turn batches go to the replicas and what the core appended to the log (`publish`), and
 *    every connection with something to send gets one write.
 * 3. When the log is durable here and where else it must be, the core commits, applies and answers; those answers leave in
 *    the same way.
 *
 * Nothing that a client sees leaves before the step that made it has returned and the clocks were read again: where the
 * lease that answers rest on has ended meanwhile, they are thrown away and their connections closed, since what they
 * would have said may no longer be true. Nobody but the driver touches the core.
 */
import { operation } from "../../core/entry/operation.ts"
import { Request } from "../../core/entry/request.ts"
import { logRoomBytes } from "../../core/lib/limits.ts"
import type { PeerMessage } from "../../core/member/event.ts"
import type { DataMessage } from "../../core/node/data-message.ts"
import type { DataPath } from "../../core/node/data.ts"
import { Node } from "../../core/node/node.ts"
import type { Recovery } from "../../core/replication/recovery.ts"
import type { SlotPiece, TailPiece } from "../../core/replication/transfer.ts"
import type { View } from "../../core/view/view.ts"
import { latin1 } from "../../platform/latin1.ts"
import { sha3 } from "../../platform/digest.ts"
import type { Storage } from "../../storage/storage.ts"
import { code } from "../../wire/errors.ts"
import type { Hello } from "../../wire/hello.ts"
import { decodeRequest } from "../../wire/request.ts"
import { AcceptedLink, type PeerRefusal } from "../link/accepted.ts"
import { Clock } from "../net/clock.ts"
import type { Cluster } from "./cluster.ts"
import { Host, type HostEvents } from "./host.ts"
import { pause, type Session } from "../net/session.ts"
import type { SlowLog } from "./slow-log.ts"

/** Less than the ring keeps free above what it promises. */
const roomGrantedBytes = 64 * 1024

/** Everything that is not one entry's affair: lists and questions about the node. */
export interface SideRequests {
  handle(request: Request, session: Session): void
  /** Ten times a second. */
  tick(): void
}

export interface DriverOptions {
  readonly sideRequests: (driver: Driver) => SideRequests
  /** Sessions that were held back may be read again. */
  readonly resume: (session: Session) => void
  /** The connection is gone. */
  readonly drop: (session: Session) => void
  readonly slowLog: SlowLog
  readonly events: HostEvents
  /** For requests that state no time. */
  readonly requestTimeoutMs: number
}

export class Driver {
  readonly clock = new Clock()
  readonly storage: Storage
  readonly cluster: Cluster
  readonly answers: Host
  readonly node: Node
  private readonly options: DriverOptions
  private readonly side: SideRequests
  private readonly request = new Request()
  private dirty: Session[] = []
  private readonly waitingForRoom = new Set<Session>()
  private turnScheduled = false
  private turnBeganMs = 0
  /** Up to this log position there is room, for this turn. */
  private roomUntil = 0
  private stopping = false
  private idle: (() => void) | undefined
  /** Requests since the start. */
  taken = 0
  private readonly turn = () => this.endTurn()

  constructor(storage: Storage, cluster: Cluster, options: DriverOptions) {
    const { slowLog } = options
    const { entryBytesMax: contentBytesMax } = cluster.settings
    this.storage = storage
    this.cluster = cluster
    this.options = options
    this.answers = new Host(this, storage, cluster, options.events)
    this.node = new Node({
      identity: cluster.self,
      member: cluster.member,
      memory: storage.memory,
      log: storage.log,
      host: this.answers,
      digest: sha3,
      text: latin1,
      decode: (frame, request) => {
        const failed = decodeRequest(frame, 0, frame.length, request, contentBytesMax)
        request.frameStart = 0
        request.frameEnd = frame.length
        return failed
      },
      contentBytesMax,
      diskFull: () => storage.diskFull,
      draw: cluster.prng,
      slotCount: cluster.settings.slotCount,
    })
    this.side = options.sideRequests(this)
    this.data.counters.slowMs = slowLog.thresholdMs
    this.data.counters.onSlow = (...slow) => slowLog.operation(...slow)
  }

  get data(): DataPath {
    return this.node.path
  }

  get view(): View | undefined {
    return this.node.member?.view
  }

  /** What storage recovers goes in here. */
  recovery(): Recovery {
    return this.node.recovery(this.clock.read())
  }

  /** The node listens at `address`: it takes its place among the others. */
  start(address: string): void {
    this.cluster.self.address = address
    this.node.start(this.cluster.recovered, this.clock.read())
    this.schedule()
  }

  // Other nodes

  /** Another node greets this one. */
  greet(hello: Hello): AcceptedLink | PeerRefusal {
    const { cluster, storage } = this
    if (hello.node !== null) cluster.versions.set(hello.node.storageId, hello.softwareVersion)
    return AcceptedLink.greet(hello, {
      identity: storage.identity,
      secret: cluster.secret,
      onControl: (message) => this.control(message),
      onData: (message) => this.takeData(message),
    })
  }

  private control(message: PeerMessage): void {
    this.node.control(message, this.clock)
  }

  private takeData(message: DataMessage): void {
    this.node.data(message, this.clock)
  }

  slotPiece(token: number, piece: SlotPiece | undefined): void {
    this.node.slotPiece(token, piece, this.clock.read())
    this.schedule()
  }

  tailPiece(token: number, piece: TailPiece | undefined): void {
    this.node.tailPiece(token, piece, this.clock.read())
    this.schedule()
  }

  // Clients

  /** Takes the frame [start, end) as a request of `session`. */
  take(session: Session, bytes: Uint8Array, start: number, end: number): void {
    const { request, clock } = this
    const failed = decodeRequest(bytes, start, end, request, this.cluster.settings.entryBytesMax)
    session.inFlight++
    this.taken++
    if (request.opcode !== operation.ping) session.requestedMs = clock.monotonicMs
    if (failed !== 0) {
      this.answers.error(session, request.requestId, failed)
      if (failed === code.protocol_error) session.closing = true
      return
    }
    if (this.stopping) return this.answers.error(session, request.requestId, code.shutting_down)
    if (request.timeLeftMs === 0) request.timeLeftMs = this.options.requestTimeoutMs
    request.frameStart = start
    request.frameEnd = end
    if (request.opcode > operation.ping && request.opcode <= operation.get_expiry)
      return this.node.request(request, session, clock)
    this.data.counters.take(request.opcode, 0)
    request.arrivedMs = clock.monotonicMs
    if (request.opcode === operation.ping) {
      this.data.counters.answered(request.opcode, 0, request.bytes, 0, 0)
      this.answers.ok(session, request.requestId)
    } else this.side.handle(request, session)
  }

  /** False while storage has no room for another record: `session` is then read again when it has. */
  hasRoom(session: Session): boolean {
    // Asked for every frame: storage is asked once per turn, and again after what a turn usually appends.
    const { position } = this.storage.log
    if (position < this.roomUntil) return true
    if (this.storage.hasRoom(logRoomBytes)) {
      this.roomUntil = position + roomGrantedBytes
      return true
    }
    session.paused |= pause.room
    this.waitingForRoom.add(session)
    return false
  }

  /** The same for a connection of another node on which records come, up to a mebibyte at once. */
  hasRoomForRecords(session: Session): boolean {
    if (this.storage.hasRoom(logRoomBytes)) return true
    session.paused |= pause.room
    this.waitingForRoom.add(session)
    return false
  }

  /** Sessions that are not read from, because storage has no room for what they send. */
  get waitingCount(): number {
    return this.waitingForRoom.size
  }

  /** Whether storage still has no room for what the session sends. */
  waitsForRoom(session: Session): boolean {
    return this.waitingForRoom.has(session)
  }

  forget(session: Session): void {
    this.waitingForRoom.delete(session)
  }

  /** Makes sure that the end of this turn comes. */
  schedule(): void {
    if (this.turnScheduled) return
    this.turnScheduled = true
    this.turnBeganMs = this.clock.monotonicMs
    setImmediate(this.turn)
  }

  markDirty(session: Session): void {
    this.dirty.push(session)
    this.schedule()
  }

  private endTurn(): void {
    this.turnScheduled = false
    this.roomUntil = 0
    this.node.endTurn(this.clock)
    this.storage.publish()
    this.flush()
    this.releaseWaiting()
    const { counters } = this.data
    const ms = performance.now() - this.turnBeganMs
    this.options.slowLog.turn(ms, counters.endTurn(ms))
  }

  private flush(): void {
    const { links } = this.cluster
    const { dirty } = this
    if (dirty.length === 0 && !links.isDirty) return
    this.dirty = []
    const now = this.clock.read()
    const hold = this.node.answersHold(now)
    // Answers to forwarded requests are among what waits there; all of it may be lost.
    if (!hold) links.forget(now.monotonicMs)
    links.flush(now.monotonicMs)
    for (const session of dirty) {
      session.dirty = false
      if ((!hold && session.peer === undefined) || !session.send(now.monotonicMs)) this.options.drop(session)
      else this.options.resume(session)
    }
  }

  /** `meta.db` has what it was given under this token. */
  metaPersisted(token: number): void {
    this.node.metaPersisted(token, this.clock.read())
    this.schedule()
  }

  /** Storage finished something: a commit, a load. */
  progress(): void {
    const now = this.clock.read()
    const { node, storage } = this
    node.persisted(storage.durablePosition, now)
    for (const load of storage.takeLoads()) node.loaded(load.alias, load.found, load.error !== undefined, now)
    node.endTurn(now)
    storage.publish()
    this.flush()
    this.releaseWaiting()
    if (this.idle !== undefined && this.quiet) this.idle()
  }

  /**
   * Reads sessions again that waited, once there is room. That may come with any turn and not only with a commit: a tick
   * gives the ring's places back of records that wait for the word of a primary, whose session is among these.
   */
  private releaseWaiting(): void {
    if (this.waitingForRoom.size === 0 || !this.storage.hasRoom(logRoomBytes)) return
    const waiting = [...this.waitingForRoom]
    this.waitingForRoom.clear()
    for (const session of waiting) this.options.resume(session)
  }

  /** Ten times a second: every time-out of the core and of the links. */
  tick(): void {
    const now = this.clock.read()
    this.cluster.tick(now)
    this.node.tick(now)
    this.side.tick()
    this.schedule()
  }

  /** Once a second. */
  tickSecond(): void {
    this.options.slowLog.tick()
  }

  /** Slots that this node serves, ascending; undefined where it serves all. */
  servedSlots(): readonly number[] | undefined {
    const { slots, servingCount } = this.node.replication
    if (servingCount === slots.length) return undefined
    return slots.filter((slot) => slot.serving).map((slot) => slot.slot)
  }

  /** Storage believes that these entries (latin1) have expired. */
  expire(aliases: readonly { readonly alias: string }[]): void {
    const now = this.clock.read()
    for (const { alias } of aliases) if (this.storage.hasRoom(logRoomBytes)) this.node.expire(alias, now)
    this.schedule()
  }

  /** All that was taken is answered. */
  private get quiet(): boolean {
    return this.taken === this.answers.answered
  }

  /** Hands over what this node serves and takes leave of the others; `onStop` follows. */
  stop(how: "stop" | "leave"): void {
    this.node.stop(how, this.clock.read())
    this.schedule()
  }

  /** Refuses new requests and waits until all that was taken is answered. */
  async drain(): Promise<void> {
    this.stopping = true
    this.endTurn()
    if (!this.quiet) await new Promise<void>((resolve) => (this.idle = resolve))
    this.flush()
  }
}
