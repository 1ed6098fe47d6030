/**
 * After a restart with a view on disk: asking who is there until a majority of the voters has told the newest view that they
 * know, this node itself counting as one of them. Only then is it a member again; or, where the cluster has gone on
 * without it, somebody who asks to be one.
 */
import type { Now } from "../lib/clock.ts"
import { isMajority, memberOf, type View } from "../view/view.ts"
import { enterActive } from "./active.ts"
import type { Member } from "./member.ts"
import type { Seat } from "./seat.ts"

export function tickRejoining(member: Member, seat: Seat, now: Now): void {
  const { state, self } = member
  const { voters, members } = seat.view
  const answered = (voter: string) => voter === self.storageId || state.answered.has(voter)
  if (isMajority(voters, answered)) {
    // It has left, or was removed, and was started again all the same.
    if (memberOf(seat.view, self.storageId) === undefined) member.joinAgain(seat.view)
    else enterActive(member, now)
    return
  }
  const missing = members.filter(({ storageId }) => voters.includes(storageId) && !answered(storageId))
  member.say(`waits for ${missing.map(({ address }) => address).join(", ")}`)
  const decisive = members.filter(({ storageId }) => voters.includes(storageId))
  const addresses = (list: View["members"]) => list.map((other) => seat.addressOf(other))
  const others = [...addresses(members), ...state.peers]
  member.finder.tick(self, addresses(decisive), others, member.hello(), now, member.out)
}
