/**
 * The one driver loop of a node: events go into the core one at a time, and its effects are carried out in order.
 *
 * The contract (etcd-io/raft, `doc.go`), per turn of the event loop:
 * 1. Frames that have arrived become requests and are stepped at once, in place, while their bytes are still there.
 * 2. At the end of the turn what the core appended is handed to the commit worker (`publish`), and every session with
 *    answers gets one write.
 * 3. When the log is durable the core commits, applies and answers; those answers leave in the same way.
 *
 * Nothing that a client sees leaves before the step that made it has returned, and no answer to a write before its record
 * is durable. Nobody but the driver touches the core.
 */
import { operation } from "../../core/entry/operation.ts"
import { Request } from "../../core/entry/request.ts"
import { assert } from "../../core/lib/assert.ts"
import { logRingRecordBytesMax, slotCountDefault } from "../../core/lib/limits.ts"
import { DataPath } from "../../core/node/data.ts"
import { latin1 } from "../../platform/latin1.ts"
import { sha3 } from "../../platform/digest.ts"
import type { Storage } from "../../storage/storage.ts"
import { code } from "../../wire/errors.ts"
import { decodeRequest } from "../../wire/request.ts"
import type { Answers } from "../net/answers.ts"
import { Clock } from "../net/clock.ts"
import type { Cluster } from "./cluster.ts"
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
  readonly contentBytesMax: number
  readonly sideRequests: (driver: Driver) => SideRequests
  /** Sessions that were held back may be read again. */
  readonly resume: (session: Session) => void
  /** The connection is gone. */
  readonly drop: (session: Session) => void
  readonly slowLog: SlowLog
}

export class Driver {
  readonly clock = new Clock()
  readonly answers: Answers
  readonly storage: Storage
  readonly data: DataPath
  private place: Cluster | undefined
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
  private readonly turn = () => this.endTurn()

  constructor(storage: Storage, data: DataPath, answers: Answers, options: DriverOptions) {
    this.storage = storage
    this.data = data
    this.answers = answers
    this.options = options
    this.side = options.sideRequests(this)
    data.counters.slowMs = options.slowLog.thresholdMs
    data.counters.onSlow = (...slow) => options.slowLog.operation(...slow)
  }

  /** The node's place among others; known once it listens. */
  get cluster(): Cluster {
    assert(this.place !== undefined, "a node that listens has its place")
    return this.place
  }

  set cluster(cluster: Cluster) {
    this.place = cluster
  }

  /** Takes the frame [start, end) as a request of `session`. */
  take(session: Session, bytes: Uint8Array, start: number, end: number): void {
    const { request, clock } = this
    const failed = decodeRequest(bytes, start, end, request, this.options.contentBytesMax)
    session.inFlight++
    if (request.opcode !== operation.ping) session.requestedMs = clock.monotonicMs
    if (failed !== 0) {
      this.answers.error(session, request.requestId, failed)
      if (failed === code.protocol_error) session.closing = true
      return
    }
    if (this.stopping) return this.answers.error(session, request.requestId, code.shutting_down)
    if (request.timeLeftMs === 0) return this.answers.error(session, request.requestId, code.timeout)
    request.frameStart = start
    request.frameEnd = end
    if (request.opcode > operation.ping && request.opcode <= operation.get_expiry) {
      if (this.cluster.membership.servesAlone(clock)) return this.data.request(request, session, clock)
      return this.answers.error(session, request.requestId, code.unstable_cluster)
    }
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
    if (this.storage.hasRoom(logRingRecordBytesMax)) {
      this.roomUntil = position + roomGrantedBytes
      return true
    }
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
    this.storage.publish()
    this.place?.links.flush(this.clock.monotonicMs)
    this.flush()
    const { counters } = this.data
    const ms = performance.now() - this.turnBeganMs
    this.options.slowLog.turn(ms, counters.endTurn(ms))
  }

  private flush(): void {
    const { dirty } = this
    if (dirty.length === 0) return
    this.dirty = []
    const { monotonicMs } = this.clock
    for (const session of dirty) {
      session.dirty = false
      if (!session.send(monotonicMs)) this.options.drop(session)
      else this.options.resume(session)
    }
  }

  /** `meta.db` has what it was given under this token. */
  metaPersisted(token: number): void {
    this.cluster.membership.metaPersisted(token, this.clock.read())
    this.schedule()
  }

  /** Storage finished something: a commit, a load. */
  progress(): void {
    const now = this.clock.read()
    const { durablePosition } = this.storage
    this.data.persisted(durablePosition, now)
    // The only replica there is: what is durable is committed, and has just been applied.
    this.storage.settle(durablePosition)
    for (const load of this.storage.takeLoads())
      this.data.loaded(load.alias, load.found, load.error !== undefined, now)
    this.storage.publish()
    this.flush()
    if (this.waitingForRoom.size > 0 && this.storage.hasRoom(logRingRecordBytesMax)) this.releaseWaiting()
    if (this.idle !== undefined && this.quiet) this.idle()
  }

  private releaseWaiting(): void {
    const waiting = [...this.waitingForRoom]
    this.waitingForRoom.clear()
    for (const session of waiting) this.options.resume(session)
  }

  /** Ten times a second: the deadlines of membership and links. */
  tickCluster(): void {
    this.cluster.tick(this.clock.read())
    this.side.tick()
    this.schedule()
  }

  /** Once a second: forgets silent clients, removes what has expired. */
  tick(): void {
    const now = this.clock.read()
    if (this.storage.hasRoom(2 * logRingRecordBytesMax)) this.data.tick(now)
    this.options.slowLog.tick()
    this.schedule()
  }

  /** Storage believes that these entries (latin1) have expired. */
  expire(aliases: readonly { readonly alias: string }[]): void {
    const now = this.clock.read()
    for (const { alias } of aliases)
      if (this.storage.hasRoom(logRingRecordBytesMax)) this.data.expire(alias, now)
    this.schedule()
  }

  private get quiet(): boolean {
    return this.data.preparedCount === 0 && this.data.loadingCount === 0
  }

  /** Refuses new requests and waits until all that was taken is answered. */
  async drain(): Promise<void> {
    this.stopping = true
    this.endTurn()
    if (!this.quiet) await new Promise<void>((resolve) => (this.idle = resolve))
    this.flush()
  }
}

/** The data path of a node with this storage, and where its answers go. */
export function makeData(
  storage: Pick<Storage, "memory" | "identity" | "log" | "diskFull" | "load">,
  contentBytesMax: number,
  answers: Answers,
): DataPath {
  return new DataPath({
    memory: storage.memory,
    log: storage.log,
    output: answers,
    digest: sha3,
    text: latin1,
    slotCount: slotCountDefault,
    contentBytesMax,
    // A cluster of one decides a view at each start, which names the present boot (cluster.md, "Restarts").
    slotEpoch: storage.identity.boot,
    diskFull: () => storage.diskFull,
  })
}
