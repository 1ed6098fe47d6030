/**
 * What a member does at each tick: renew its leases and report, and, as a voter, call who is silent and coordinate.
 */
import { cleanStopMs, heartbeatMs, stopGatherMs, wantsPerHeartbeatMax } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import { memberOf } from "../view/view.ts"
import { handOvers } from "./hand-over.ts"
import type { Member } from "./member.ts"
import { askForLeases } from "./renewal.ts"
import type { Seat } from "./seat.ts"

/** Without a majority's lease for so long, a node looks for its cluster at every address it knows, ms. */
const lostMs = 3_000
/** Who wants to stop and has been without one for so long stops as it is: nothing can be agreed on, so nothing handed over, ms. */
const unheardMs = 1_500

/** The node begins to act on its view. */
export function enterActive(member: Member, now: Now): void {
  const { state, seat } = member
  if (seat === undefined) return
  state.phase = "active"
  state.heartbeatAtMs = now.monotonicMs
  state.said = ""
  member.roll.listen(now, seat.view.settings.suspectMs)
  state.coordinator.repairAtMs = now.monotonicMs + seat.view.settings.repairGraceMs
  member.log("info", `is a member of cluster ${seat.view.clusterId}, view ${seat.view.epoch}`)
  tickActive(member, now)
}

export function tickActive(member: Member, now: Now): void {
  const { state, seat } = member
  if (seat === undefined) return
  if (seat.holder.dropIfClockJumped(now)) {
    member.log("warning", "the clocks have parted (was the machine suspended?): drops its leases")
  }
  if (now.monotonicMs >= state.heartbeatAtMs) {
    // How late the tick came tells how long the event loop was busy.
    state.lagMs = Math.max(0, now.monotonicMs - state.heartbeatAtMs)
    state.heartbeatAtMs = now.monotonicMs + heartbeatMs
    const releasesAtMs = state.stopping === "stop" ? state.stopAtMs - cleanStopMs + stopGatherMs : 0
    if (now.monotonicMs >= releasesAtMs) handOver(member, seat, now)
    else state.heartbeatAtMs = Math.min(state.heartbeatAtMs, releasesAtMs)
    const report = reportOf(member, seat)
    // What this node reports to the voters it reports to itself, where it is one.
    const own = { kind: "heartbeat", number: 0, ...report } as const
    member.roll.onHeartbeat(member.self, seat.view.epoch, own, seat.view.settings.suspectMs, now)
    askForLeases(seat, report, now)
  }
  if (seat.isVoter() && now.monotonicMs >= state.callAtMs) {
    state.callAtMs = now.monotonicMs + heartbeatMs
    callSilent(member, seat, now)
  }
  member.coordinator.tick(seat, member.roll, member.poll, now, member.out)
  if (state.stopping === "stop") {
    const heardUntilMs = Math.max(seat.leaseUntilMs(), state.stopAtMs - cleanStopMs)
    if (now.monotonicMs >= heardUntilMs + unheardMs) state.stopAtMs = now.monotonicMs
  }
  if (seat.leaseUntilMs() < now.monotonicMs - lostMs) {
    const addresses = seat.view.members.map((other) => other.address)
    member.finder.tick(member.self, [], [...state.peers, ...addresses], member.hello(), now, member.out)
  }
}

function reportOf(member: Member, seat: Seat) {
  const { state } = member
  const wants = [...state.handOvers, ...state.wants].filter((want) => {
    const named = want.kind === "promote" ? want.certificate : want.kind === "release" ? want.release : want
    return named.epoch === seat.view.epoch
  })
  return {
    wants: wants.slice(0, wantsPerHeartbeatMax),
    standing: state.stopping === "stop" ? "down" : state.stopping === "leave" ? "leaving" : "up",
    unclean: state.unclean && !seat.isNamed(),
    lagMs: state.lagMs,
  } as const
}

/**
 * Releases what is to go elsewhere, once per view, and while there are learners not before the view's first certificates: each
 * view makes void what learners have said so far, so a view for some primaries alone would keep thousands of learners waiting.
 */
function handOver(member: Member, seat: Seat, now: Now): void {
  const { state } = member
  const isInTouch = now.monotonicMs < seat.leaseUntilMs()
  if (!isInTouch || state.handOvers.length > 0 || seat.isAdopting) return
  const isEarly = now.monotonicMs < state.handOverAtMs
  // The whole outlook costs ten milliseconds and more: not for views that are replaced before it is needed.
  if (isEarly && state.stopping !== "stop" && seat.view.slots.some(({ learners }) => learners.length > 0))
    return
  const wants = handOvers(seat, state.stopping, member.coordinator.mayRepair(seat, now))
  if (wants.length === 0) return
  state.handOvers = wants
  for (const want of wants) member.release(want)
  member.out.push({ kind: "released", slots: wants.map((want) => want.release.slot) })
}

/**
 * Calls the members that have fallen silent, by address: whoever is there now may have lost its directory and be about
 * to found a cluster of its own.
 */
function callSilent(member: Member, seat: Seat, now: Now): void {
  const silent = member.roll.silent(seat.view, member.self.storageId, now)
  if (silent.length === 0) return
  const voters = seat.view.voters.flatMap((voter) => memberOf(seat.view, voter)?.address ?? [])
  for (const { storageId, address } of silent) {
    const nodeId = memberOf(seat.view, storageId)?.nodeId ?? ""
    seat.sendTo(address, "", { kind: "call", nodeId, storageId, voters }, now)
  }
}
