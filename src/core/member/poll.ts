/**
 * The vote before an eviction: have you heard from this node? It binds nobody and changes nothing; it only keeps the
 * coordinator from evicting a node that it alone cannot reach, which would cost a takeover for nothing and, the node
 * being well, would be undone at once. A majority of voters, the coordinator among them, must have heard nothing.
 */
import { heartbeatMs } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import { isMajority, type StorageId } from "../view/view.ts"

interface Ballot {
  number: number
  /** Voters who have not heard from it either. */
  unheard: StorageId[]
  askAgainAtMs: number
  /** Opinions grow stale. */
  staleAtMs: number
}

export interface PollState {
  nextNumber: number
  open: Map<StorageId, Ballot>
}

/** An opinion counts for so long, ms. */
const opinionMs = 1_000

export class Poll {
  readonly state: PollState

  constructor(state: PollState = { nextNumber: 1, open: new Map() }) {
    this.state = state
  }

  /** Keeps a vote open for each suspect. @returns those to ask the other voters about now, with the question's number */
  tick(suspects: readonly StorageId[], self: StorageId, now: Now): { subject: StorageId; number: number }[] {
    for (const subject of this.state.open.keys())
      if (!suspects.includes(subject)) this.state.open.delete(subject)
    const questions: { subject: StorageId; number: number }[] = []
    for (const subject of suspects) {
      const open = this.state.open.get(subject)
      if (open !== undefined && now.monotonicMs < open.askAgainAtMs) continue
      const number = this.state.nextNumber++
      // Opinions of the last round count until they are stale, so that a vote once won is not lost while it is renewed.
      const isKept = open !== undefined && now.monotonicMs < open.staleAtMs
      this.state.open.set(subject, {
        number,
        unheard: isKept ? open.unheard : [self],
        askAgainAtMs: now.monotonicMs + heartbeatMs,
        staleAtMs: isKept ? open.staleAtMs : now.monotonicMs + opinionMs,
      })
      questions.push({ subject, number })
    }
    return questions
  }

  onReply(voter: StorageId, subject: StorageId, number: number, heard: boolean): void {
    const open = this.state.open.get(subject)
    if (open === undefined || number > open.number || number < open.number - 1) return
    if (heard) open.unheard = open.unheard.filter((other) => other !== voter)
    else if (!open.unheard.includes(voter)) open.unheard.push(voter)
  }

  /** @returns whether a majority of the voters has not heard from it */
  isPassed(subject: StorageId, voters: readonly StorageId[], now: Now): boolean {
    const open = this.state.open.get(subject)
    if (open === undefined || now.monotonicMs >= open.staleAtMs) return false
    return isMajority(voters, (voter) => open.unheard.includes(voter))
  }
}
