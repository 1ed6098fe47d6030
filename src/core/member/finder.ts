/**
 * Finding the others by address, before there is a view to go by and after a restart. Every half second it asks each
 * address "who is there?", and keeps the newest answer of each.
 *
 * Questions are numbered, and only an answer to a newer question than the last replaces it: what an address said long
 * ago, delayed on the network, must not pass for what is there now. A founder concludes from an answer that a storage is
 * gone, and who rejoins concludes that nobody knows of a later start of its own, so that is no nicety. The first number
 * is drawn: a directory that was put back from a copy starts with a boot that had been before, and an answer
 * to the process of then, still on its way, must not pass for one to the process of now.
 */
import { askedInTurnMax, heartbeatMs } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import type { Address, View } from "../view/view.ts"
import type { Hello, Identity, MemberEffect, PeerMessage } from "./event.ts"
import type { Draw } from "./seat.ts"

/** What an address said last: that it is in a cluster (`view`), or what it is waiting for (`hello`). */
export interface Answer {
  readonly identity: Identity
  readonly number: number
  readonly hello: Hello | undefined
  readonly view: View | undefined
  /** Counts as up until then. */
  readonly freshUntilMs: number
}

export interface FinderState {
  firstNumber: number
  nextNumber: number
  askAtMs: number
  /** Where among those who are asked in turn it goes on. */
  askFrom: number
  answers: Map<Address, Answer>
}

/** An answer is fresh for so many rounds of questions. */
const freshRounds = 4

export class Finder {
  readonly state: FinderState

  constructor(state: FinderState) {
    this.state = state
  }

  static started(now: Now, boot: number, draw: Draw): Finder {
    // Numbers of one boot do not recur in the next: the other half of its range lasts for 48 days of questions.
    const firstNumber = boot * 2 ** 24 + draw.between(1, 2 ** 23)
    return new Finder({
      firstNumber,
      nextNumber: firstNumber,
      askAtMs: now.monotonicMs,
      askFrom: 0,
      answers: new Map(),
    })
  }

  /**
   * Asks, where it is time to: all of `always`, and of the others some in turn. Who is in a cluster answers with its view, so
   * with a thousand nodes everybody must not ask everybody.
   */
  tick(
    self: Identity,
    always: readonly Address[],
    others: readonly Address[],
    hello: Omit<Hello, "number" | "isAnswer">,
    now: Now,
    out: MemberEffect[],
  ): void {
    if (now.monotonicMs < this.state.askAtMs) return
    this.state.askAtMs = now.monotonicMs + heartbeatMs
    const number = this.state.nextNumber++
    for (const address of new Set([...always, ...this.nextOf(others)])) {
      if (address === self.address) continue
      const body = { kind: "hello", hello: { ...hello, number, isAnswer: false } } as const
      out.push({ kind: "send", address, message: { clusterId: "", from: self, to: "", epoch: 0, body } })
    }
  }

  private nextOf(addresses: readonly Address[]): readonly Address[] {
    const all = [...new Set(addresses)]
    if (all.length <= askedInTurnMax) return all
    const { askFrom } = this.state
    this.state.askFrom = (askFrom + askedInTurnMax) % all.length
    return Array.from({ length: askedInTurnMax }, (_, i) => all[(askFrom + i) % all.length] as Address)
  }

  /** Whether it is the number of a question of this process. */
  hasAsked(number: number): boolean {
    return number >= this.state.firstNumber && number < this.state.nextNumber
  }

  /** Keeps the answer to one of its questions. */
  onAnswer(message: PeerMessage, now: Now): void {
    const { body, from } = message
    if (body.kind !== "welcome" && !(body.kind === "hello" && body.hello.isAnswer)) return
    const number = body.kind === "welcome" ? body.number : body.hello.number
    const before = this.state.answers.get(from.address)
    if (!this.hasAsked(number) || (before !== undefined && number < before.number)) return
    this.state.answers.set(from.address, {
      identity: from,
      number,
      hello: body.kind === "hello" ? body.hello : undefined,
      view: body.kind === "welcome" ? body.view : undefined,
      freshUntilMs: now.monotonicMs + freshRounds * heartbeatMs,
    })
  }

  /** @returns what is at the address at present, as far as one can know; undefined if nothing answers */
  at(address: Address, now: Now): Answer | undefined {
    const answer = this.state.answers.get(address)
    return answer !== undefined && now.monotonicMs < answer.freshUntilMs ? answer : undefined
  }
}
