/**
 * The world of three founders: the real member from an empty directory to the first view, with one list of addresses,
 * directories that are wiped and processes that restart. Who looks at whom, who acts on what he saw, and in which order
 * votes arrive, is free; what a founder saw of another may be as old as it likes when he acts on it.
 *
 * Explored to the end, with two questions: can two clusters be founded? And is there a state from which none can be any
 * more? Ballots are bounded, so that duels end; a state in which a founder would need a further one does not count as
 * stuck.
 */
import type { Identity, MemberEffect, MemberEvent, PeerMessage } from "../../src/core/member/event.ts"
import { Member } from "../../src/core/member/member.ts"
import type { MemberState } from "../../src/core/member/state.ts"
import type { State, Transition, World } from "./explore.ts"
import { futureMs, indexOf, isSpentAt, normal, storageOf, type Machine } from "./founding-machine.ts"
import { settings } from "./scope.ts"
import { MessageSets } from "./message-sets.ts"
import { copy, Names, now } from "./snapshot.ts"

export interface FoundingScope {
  readonly name: string
  /** Nodes that may be wiped once, and that may restart once. The three differ in nothing but their names. */
  readonly wiped: readonly number[]
  readonly restarted: readonly number[]
  /** Ballots of higher rounds are not explored. */
  readonly roundsMax: number
  /** Nor is a founder followed that starts over for more than this many times. */
  readonly startsOverMax: number
  readonly statesMax: number
  readonly msMax: number
  readonly isWhole: boolean
}

export const foundingScopes = {
  founding: {
    name: "founding, one wiped, one restarted",
    wiped: [0],
    restarted: [1],
    roundsMax: 1,
    startsOverMax: 1,
    statesMax: 6_000_000,
    msMax: 60_000,
    isWhole: true,
  },
} satisfies Record<string, FoundingScope>

interface Observed {
  readonly founded: readonly string[]
  readonly wipesLeft: readonly number[]
  readonly restartsLeft: readonly number[]
}

interface Step {
  readonly machine: number
  readonly messages: readonly number[]
  readonly founded: string | undefined
  readonly violation: string | undefined
  /** It wanted a ballot beyond the bound. */
  readonly isCut: boolean
}

const addresses = ["n0:1", "n1:1", "n2:1"]
/** The number of every question: in the one form of a machine's state none was asked before. */
const firstQuestion = 1
const deterministic = { between: (low: number) => low }

export class FoundingWorld implements World {
  readonly scope: FoundingScope
  private readonly shared = new Names()
  private readonly machines = new Names(this.shared)
  private readonly messages = new Names(this.shared)
  private readonly observed = new Names(this.shared)
  private readonly sets = new MessageSets(
    (message) => this.targetOf(message),
    (message, id) =>
      isSpentAt(this.messages.value(message) as PeerMessage, this.machines.value(id) as Machine),
  )
  private readonly steps = new Map<number, Step>()
  private readonly answers = new Names(this.shared)
  /** What a machine says of itself, -1 = nothing; whether it asks one of the others. */
  private readonly answerOf = new Map<number, number>()
  private readonly asks = new Map<number, boolean>()
  private readonly targets: number[] = []
  private readonly cuts = new Set<string>()
  private readonly next = new Int32Array(5)

  constructor(scope: FoundingScope) {
    this.scope = scope
  }

  initial(): State {
    const machines = [0, 1, 2].map((index) => this.machines.of(this.fresh(index, 1)))
    const { wiped, restarted } = this.scope
    const observed: Observed = { founded: [], wipesLeft: wiped, restartsLeft: restarted }
    return Int32Array.from([...machines, this.observed.of(Object.freeze(observed)), MessageSets.none])
  }

  check(state: State): string | undefined {
    const { founded } = this.observed.value(state[3] as number) as Observed
    return founded.length > 1 ? `I30: two clusters are founded: ${founded.join(", ")}` : undefined
  }

  isDone(state: State): boolean {
    if (this.cuts.has(state.join())) return true
    return [0, 1, 2].some((i) => (this.machines.value(state[i] as number) as Machine).cluster !== undefined)
  }

  successors(state: State, emit: (transition: Transition) => void): void {
    const observed = this.observed.value(state[3] as number) as Observed
    for (let i = 0; i < 3; i++) {
      const machine = this.machines.value(state[i] as number) as Machine
      const take = (event: number, run: () => Step, after: Observed, label: () => string) => {
        this.act(state, i, event, run, after, label, emit)
      }
      if (observed.wipesLeft.includes(i)) {
        const after = { ...observed, wipesLeft: observed.wipesLeft.filter((k) => k !== i) }
        const wiped = () => this.still(this.fresh(i, machine.generation + 1))
        take(0, wiped, after, () => `the directory of ${i} is wiped`)
      }
      if (machine.cluster !== undefined) continue
      if (observed.restartsLeft.includes(i)) {
        const after = { ...observed, restartsLeft: observed.restartsLeft.filter((k) => k !== i) }
        take(
          1,
          () => this.still(this.restarted(machine)),
          after,
          () => `node ${i} restarts`,
        )
      }
      take(
        2,
        () => this.run(machine, [{ kind: "tick" }]),
        observed,
        () => `node ${i} acts on what it knows`,
      )
      for (const number of this.sets.for(state[4] as number, i)) {
        const message = this.messages.value(number) as PeerMessage
        const receive = () => this.run(machine, [{ kind: "message", message }])
        take(number * 4 + 4, receive, observed, () => `node ${i} receives ${tell(message)}`)
      }
      for (let k = 0; k < 3; k++) {
        if (k === i || !this.doesAsk(state[i] as number, k)) continue
        const answer = this.answer(state[k] as number)
        if (answer === -1) continue
        const hear = () => this.hear(machine, this.answers.value(answer) as PeerMessage)
        take(answer * 4 + 5, hear, observed, () => `node ${i} looks at node ${k}`)
      }
    }
  }

  /** @param event a number that tells apart all that may happen to a machine */
  private act(
    state: State,
    i: number,
    event: number,
    run: () => Step,
    after: Observed,
    label: () => string,
    emit: (transition: Transition) => void,
  ): void {
    const key = (state[i] as number) * 2 ** 24 + event
    let step = this.steps.get(key)
    if (step === undefined) this.steps.set(key, (step = run()))
    if (step.isCut) {
      this.cuts.add(state.join())
      return
    }
    const { next } = this
    next.set(state)
    next[i] = step.machine
    const { founded } = step
    const isNew = founded !== undefined && !after.founded.includes(founded)
    const seen = isNew ? { ...after, founded: [...after.founded, founded].sort() } : after
    next[3] = this.observed.of(Object.isFrozen(seen) ? seen : Object.freeze({ ...seen }))
    next[4] = this.sets.after(state[4] as number, i, next, step.messages)
    if (step.violation === undefined && next.every((x, k) => x === state[k])) return
    emit({ next, violation: step.violation, label })
  }

  private targetOf(number: number): number {
    return (this.targets[number] ??= indexOf((this.messages.value(number) as PeerMessage).to))
  }

  private fresh(index: number, generation: number): Machine {
    return this.restarted({
      index,
      generation,
      startsOver: 0,
      boot: 0,
      member: undefined,
      cluster: undefined,
      view: undefined,
      founding: undefined,
      acceptor: undefined,
    })
  }

  private restarted(before: Machine): Machine {
    const machine = { ...copy(before), boot: before.boot + 1, member: undefined as MemberState | undefined }
    const member = memberOf(machine)
    const { view, acceptor, founding } = machine
    // What it does at once, before it has looked at anybody, is nothing: it asks and waits.
    member.step({ kind: "start", recovered: { view, acceptor, founding, unclean: true } }, now)
    machine.member = member.state
    return normal(machine)
  }

  private still(machine: Machine): Step {
    return {
      machine: this.machines.of(machine),
      messages: [],
      founded: undefined,
      violation: undefined,
      isCut: false,
    }
  }

  /** Whether the machine asks node k who is there. */
  private doesAsk(id: number, k: number): boolean {
    const key = id * 4 + k
    let asks = this.asks.get(key)
    if (asks === undefined) {
      const member = memberOf(copy(this.machines.value(id) as Machine))
      member.finder.state.askAtMs = 0
      asks = member.step({ kind: "tick" }, now).some((effect) => isQuestion(effect, addresses[k] as string))
      this.asks.set(key, asks)
    }
    return asks
  }

  /** What the machine says of itself at this moment, to whoever asks: the same to all, so it is asked once. */
  private answer(id: number): number {
    let answer = this.answerOf.get(id)
    if (answer === undefined) {
      const message = this.answerIn(this.machines.value(id) as Machine)
      answer = message === undefined ? -1 : this.answers.of(Object.freeze(message))
      this.answerOf.set(id, answer)
    }
    return answer
  }

  private answerIn(machine: Machine): PeerMessage | undefined {
    const number = firstQuestion
    if (machine.cluster !== undefined) {
      if (machine.view === undefined) return undefined // a joiner that is not yet in it
      const body = { kind: "welcome", view: machine.view, number } as const
      return { clusterId: machine.view.clusterId, from: identityOf(machine), to: "", epoch: 1, body }
    }
    const asker = this.fresh((machine.index + 1) % 3, 1)
    const member = memberOf(asker)
    member.finder.state.askAtMs = 0
    const question = member
      .step({ kind: "tick" }, now)
      .find((effect) => isQuestion(effect, addresses[machine.index] as string))
    if (question?.kind !== "send") throw new Error("whoever is new asks all others")
    const answers = memberOf(copy(machine)).step({ kind: "message", message: question.message }, now)
    const sent = answers.find((effect) => effect.kind === "send" && effect.message.body.kind === "hello")
    return sent?.kind === "send" ? { ...sent.message, to: "" } : undefined
  }

  /** Question and answer: the question alone, nothing else of that tick happens. */
  private hear(before: Machine, answer: PeerMessage): Step {
    const kept = copy(before)
    if (kept.member !== undefined) kept.member.finder.nextNumber = firstQuestion + 1
    return this.run(kept, [{ kind: "message", message: { ...answer, to: storageOf(before) } }])
  }

  private run(before: Machine, events: readonly MemberEvent[]): Step {
    const machine = copy(before)
    const member = memberOf(machine)
    member.finder.state.askAtMs = futureMs
    const messages: number[] = []
    let founded: string | undefined
    let hasStartedOver = false
    let violation: string | undefined
    const queue = [...events]
    try {
      for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
        for (const effect of member.step(event, now)) {
          if (effect.kind === "persist") {
            persist(machine, effect)
            queue.push({ kind: "persisted", token: effect.token })
          } else if (effect.kind === "send" && isVote(effect.message)) {
            messages.push(this.messages.of(Object.freeze(effect.message)))
          } else if (effect.kind === "view" && machine.cluster === undefined) {
            machine.cluster = effect.view.clusterId
            machine.view = effect.view
            founded = effect.view.clusterId
          } else if (effect.kind === "startOver") hasStartedOver = true
        }
        if (hasStartedOver) break
      }
    } catch (error) {
      violation = `an assertion fails at node ${machine.index}: ${String(error)}`
    }
    if (hasStartedOver) {
      const isCut = machine.startsOver >= this.scope.startsOverMax
      const fresh = {
        ...this.fresh(machine.index, machine.generation + 1),
        startsOver: machine.startsOver + 1,
      }
      return { machine: this.machines.of(fresh), messages, founded, violation, isCut }
    }
    machine.member = member.state
    if (member.phase === "joining" && machine.cluster === undefined) {
      machine.cluster = member.joining.state.known?.clusterId ?? "unknown"
    }
    const round = member.state.seat?.proposer.attempt?.ballot.round ?? 0
    const isCut = machine.cluster === undefined && round > this.scope.roundsMax
    return { machine: this.machines.of(normal(machine)), messages, founded, violation, isCut }
  }
}

function memberOf(machine: Machine): Member {
  const peers = { bootstrappingPeers: addresses, settings, weight: 1, zone: "" }
  const self = identityOf(machine)
  if (machine.member === undefined) return Member.create(self, peers, deterministic, now)
  return new Member(self, peers, deterministic, machine.member)
}

function identityOf(machine: Machine): Identity {
  return Object.freeze({
    nodeId: String(machine.index).padStart(64, "0"),
    storageId: storageOf(machine),
    boot: machine.boot,
    address: addresses[machine.index] as string,
  })
}

function persist(machine: Machine, { records }: Extract<MemberEffect, { kind: "persist" }>): void {
  for (const record of records) Object.assign(machine, { [record.key]: record.value })
}

function isQuestion(effect: MemberEffect, address: string): boolean {
  return effect.kind === "send" && effect.address === address && effect.message.body.kind === "hello"
}

/** Refusals and news are lost here: who needs them looks again. */
function isVote({ body }: PeerMessage): boolean {
  return "instance" in body && body.kind !== "refused"
}

function tell({ from, body }: PeerMessage): string {
  return "ballot" in body
    ? `${body.kind} ${body.ballot.round} from ${from.storageId}`
    : `${body.kind} from ${from.storageId}`
}
