/**
 * One step of one node of a slot: the real code run once per (state, event), and what it sent and answered kept as numbers.
 * `slot-world.ts` makes a world of three.
 */
import type { DataMessage } from "../../src/core/node/data-message.ts"
import type { Certificate } from "../../src/core/view/evidence.ts"
import type { State } from "./explore.ts"
import { Entries, type Facts, factsOf } from "./slot-facts.ts"
import { type Answer, graphs, Machine, type SlotEvent } from "./slot-node.ts"
import type { SlotScope } from "./slot-scopes.ts"

export interface Step {
  readonly serial: number
  /** -1 where it broke. */
  readonly node: number
  readonly messages: readonly number[]
  readonly answers: readonly Answer[]
  readonly certificates: readonly Certificate[]
  readonly violation: string | undefined
}

export class SlotSteps {
  protected readonly scope: SlotScope
  protected readonly shells: Machine[] = []
  private readonly copies: Machine[] = []
  protected readonly facts: Facts[] = []
  private readonly byText = new Map<string, number>()
  private readonly steps = new Map<string, Step>()
  protected readonly messages: DataMessage[] = []
  private readonly messageNumbers = new Map<string, number>()
  protected readonly entries = new Entries()

  constructor(scope: SlotScope) {
    this.scope = scope
  }

  protected intern(machine: Machine): number {
    const text = graphs.describe(machine)
    let node = this.byText.get(text)
    if (node === undefined) {
      this.byText.set(text, (node = this.copies.length))
      this.copies.push(graphs.copy(machine))
      this.facts.push(factsOf(machine, this.entries))
    }
    return node
  }

  protected factsAt(state: State, i: number): Facts {
    return this.facts[state[i] as number] as Facts
  }

  /** Runs one event of a node in one state, once. */
  protected step(node: number, name: string, event: SlotEvent): Step {
    const key = `${node} ${name}`
    let step = this.steps.get(key)
    if (step === undefined) {
      const copy = this.copies[node] as Machine
      const shell = this.shells[copy.index] as Machine
      graphs.graft(copy, shell)
      shell.clearCaches()
      this.steps.set(key, (step = this.outcome(() => shell.run(event), shell)))
    }
    return step
  }

  private outcome(act: () => void, machine: Machine): Step {
    try {
      act()
      const { sent, answers, certificates } = machine.take()
      const messages = sent.map((message) => this.messageNumber(message))
      const node = this.intern(machine)
      return { serial: this.steps.size, node, messages, answers, certificates, violation: undefined }
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      return this.broken(text)
    }
  }

  private broken(text: string): Step {
    const violation = `assertion: ${text}`
    return { serial: this.steps.size, node: -1, messages: [], answers: [], certificates: [], violation }
  }

  /** What synced up to `end` comes back as another process. */
  protected restart(node: number, end: number, hasLease: boolean): Step {
    const key = `${node} crash ${end} ${hasLease}`
    let step = this.steps.get(key)
    if (step === undefined) {
      const { index, boot, view, wallMs, log } = this.copies[node] as Machine
      const kept = log.records.filter((record) => record.end <= end)
      let machine = this.shells[index] as Machine
      const start = () => {
        machine = this.shells[index] = new Machine(this.scope, index, boot + 1, view, wallMs, kept, hasLease)
      }
      try {
        start()
        step = this.outcome(() => undefined, machine)
      } catch (error) {
        step = this.broken(error instanceof Error ? error.message : String(error))
      }
      this.steps.set(key, step)
    }
    return step
  }

  private messageNumber(message: DataMessage): number {
    const text = graphs.describe(message)
    let number = this.messageNumbers.get(text)
    if (number === undefined) {
      this.messageNumbers.set(text, (number = this.messages.length))
      this.messages.push(message)
    }
    return number
  }
}
