/**
 * Puts what is to be sent on connections: each request on its primary's, if that is open, else on the home; and from there
 * as much as the windows allow, so that nothing piles up in sockets.
 */
import type { Backlog } from "./backlog.ts"
import type { Lane } from "./lane.ts"
import type { Lanes } from "./lanes.ts"
import type { Numbers } from "./numbers.ts"
import { type Pending, pendingState } from "./pending.ts"
import type { Queue } from "./queue.ts"
import type { Session } from "./session.ts"

export class Dispatcher {
  /** Attempts of requests that concern one entry. */
  sent = 0
  /** Those that did not go to the primary, as far as it is known: another node has to forward them. */
  astray = 0
  /** Something waits for room. */
  isBlocked = false
  private readonly lanes: Lanes
  private readonly backlog: Backlog
  private readonly numbers: Numbers
  private readonly dial: (lane: Lane) => void

  constructor(lanes: Lanes, backlog: Backlog, numbers: Numbers, dial: (lane: Lane) => void) {
    this.lanes = lanes
    this.backlog = backlog
    this.numbers = numbers
    this.dial = dial
  }

  /** @param home open. @returns whether an answer is waited for */
  dispatch(home: Lane, nowMs: number): boolean {
    for (let request = this.backlog.next(); request !== undefined; request = this.backlog.next()) {
      this.laneFor(request, home, nowMs).put(request, nowMs)
    }
    // The floor does not change while requests are sent, only when they are answered.
    const { floor } = this.numbers
    let waits = false
    this.isBlocked = false
    for (const lane of this.lanes) {
      const { session } = lane
      if (session?.state !== "open") continue
      while (this.sendNext(lane, session, lane.again, floor, nowMs)) continue
      if (lane.again.length === 0) while (this.sendNext(lane, session, lane.fresh, floor, nowMs)) continue
      session.flush(nowMs)
      waits ||= !session.isIdle
      this.isBlocked ||= lane.again.length + lane.fresh.length > 0
    }
    return waits
  }

  private laneFor(request: Pending, home: Lane, nowMs: number): Lane {
    // The client's own question goes where it is meant to.
    if (!request.isKeyed) return request.lane?.isOpen ? request.lane : home
    this.sent++
    const direct = this.lanes.directFor(request)
    if (direct?.isOpen) return direct
    this.astray++
    if (direct !== undefined && direct.session === undefined && nowMs >= direct.restUntilMs) this.dial(direct)
    return home
  }

  /** @returns whether to go on with this queue */
  private sendNext(
    lane: Lane,
    session: Session,
    queue: Queue<Pending>,
    floor: number,
    nowMs: number,
  ): boolean {
    const request = queue.peek()
    if (request === undefined) return false
    if (request.state !== pendingState.settled) {
      if (!session.hasRoomFor(request.bytes)) return false
      if (request.write && request.number === 0) {
        if (!this.numbers.available) return false
        request.number = this.numbers.take()
      }
      request.lane = lane
      session.send(request, floor, nowMs)
    }
    queue.shift()
    return true
  }
}
