/**
 * One founder of `founding-world.ts`, and what of its state makes a difference: everything else would only multiply states.
 */
import type { PeerMessage } from "../../src/core/member/event.ts"
import type { Answer } from "../../src/core/member/finder.ts"
import type { MemberState } from "../../src/core/member/state.ts"
import { compareBallots, type AcceptorState } from "../../src/core/view/ballot.ts"
import { sameFounding, type FoundingRecord } from "../../src/core/view/founding.ts"
import type { View } from "../../src/core/view/view.ts"
import { settings } from "./scope.ts"
import { age, nowMs } from "./snapshot.ts"

export interface Machine {
  readonly index: number
  generation: number
  /** How often it gave a founding up. */
  startsOver: number
  boot: number
  member: MemberState | undefined
  /** In this cluster: it has a view that names it, or joins one. */
  cluster: string | undefined
  view: View | undefined
  founding: FoundingRecord | undefined
  acceptor: AcceptorState | undefined
}

export const futureMs = nowMs * 2

export function storageOf({ index, generation }: Machine): string {
  return `s${index}.${generation}`
}

export function indexOf(storageId: string): number {
  return Number(storageId.slice(1, storageId.indexOf(".")))
}

/**
 * Whether the message can change nothing at the machine any more: it is for a storage that is gone, of an instance that is
 * over, of an attempt that was given up; or it was heard before, since the answer to the first is not taken away.
 */
export function isSpentAt({ to, from, body, clusterId }: PeerMessage, machine: Machine): boolean {
  if (storageOf(machine) !== to || machine.cluster !== undefined || !("instance" in body)) return true
  const seat = machine.member?.seat
  if (seat === undefined) return false // it may record yet
  if (seat.view.clusterId !== clusterId) return true
  const { attempt } = seat.proposer
  const { promised, acceptedBallot } = seat.acceptor.record ?? {}
  switch (body.kind) {
    case "prepare":
      return promised !== undefined && compareBallots(body.ballot, promised) <= 0
    case "accept": {
      const isLower = promised !== undefined && compareBallots(body.ballot, promised) < 0
      return isLower || (acceptedBallot !== undefined && compareBallots(body.ballot, acceptedBallot) === 0)
    }
    case "promise":
    case "accepted":
      if (attempt === undefined || compareBallots(attempt.ballot, body.ballot) !== 0) return true
      return body.kind === "promise"
        ? attempt.proposed !== undefined || attempt.promises.includes(from.storageId)
        : attempt.acceptances.includes(from.storageId)
    default:
      return true
  }
}

/** One form for what cannot be told apart. Nobody waits: what may be done may be done now. */
export function normal(machine: Machine): Machine {
  const { member } = machine
  if (machine.cluster !== undefined) {
    machine.member = undefined
    machine.acceptor = undefined
    machine.founding = undefined
    return machine
  }
  if (member === undefined) return machine
  age(member, Infinity)
  member.foundAtMs = 0 // in its turn
  member.said = ""
  member.refused.clear()
  member.nextToken = 1
  member.finder.firstNumber = 1
  member.finder.nextNumber = 1
  member.finder.askAtMs = futureMs
  const { answers } = member.finder
  for (const [address, answer] of answers) {
    const told = canonical(answer, machine)
    if (told === undefined) answers.delete(address)
    else answers.set(address, told)
  }
  const { seat } = member
  if (seat !== undefined) {
    seat.finishAtMs = undefined
    seat.journal.nextToken = 1
    const { attempt } = seat.proposer
    seat.duelsLost = 0
    if (attempt !== undefined) {
      attempt.giveUpAtMs = futureMs
      attempt.resendAtMs = futureMs
      attempt.promises.sort()
      attempt.acceptances.sort()
      // How it came to what it proposes matters no more.
      if (attempt.proposed !== undefined) {
        Object.assign(attempt, { wanted: attempt.proposed, acceptedBallot: undefined, accepted: undefined })
        attempt.promises = []
      }
    }
  }
  return machine
}

/**
 * What an answer means to the machine, and no more of it. To one that has recorded, another founder has recorded the same,
 * or is gone, or may still record, which is as if it had not answered. To one that has not, a record which does not name it
 * is one and the same, whatever it says: whatever this machine will record itself, that one will be another.
 */
function canonical(answer: Answer, { founding, index, generation }: Machine): Answer | undefined {
  const { identity, hello } = answer
  if (hello === undefined) return undefined
  const own = `s${index}.${generation}`
  const record = hello.founding
  if (founding === undefined) {
    const isForeign = record !== undefined && !record.founders.some((founder) => founder.storageId === own)
    return isForeign ? foreign(answer) : plain(answer)
  }
  const isFounder = founding.founders.some((founder) => founder.storageId === identity.storageId)
  const isSame = record !== undefined && sameFounding(record, founding)
  if (isFounder && record === undefined) return undefined
  return isFounder && isSame ? plain(answer) : foreign(answer)
}

function plain(answer: Answer): Answer {
  if (Object.isFrozen(answer)) return answer
  const hello = answer.hello === undefined ? undefined : { ...answer.hello, number: 0 }
  const identity = { ...answer.identity, boot: 0 }
  return Object.freeze({ ...answer, identity, hello, number: 0, freshUntilMs: futureMs })
}

const otherFounding: FoundingRecord = Object.freeze({ founders: Object.freeze([]), settings })

function foreign(answer: Answer): Answer {
  const { identity, hello } = plain(answer)
  const other = hello === undefined ? undefined : { ...hello, founding: otherFounding }
  const gone = { ...identity, storageId: "gone" }
  return Object.freeze({ identity: gone, number: 0, hello: other, view: undefined, freshUntilMs: futureMs })
}
