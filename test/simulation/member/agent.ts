/**
 * Stands in for the data path where membership is simulated alone: it says what the primary of a slot would say about its
 * replicas, truthfully as far as there is anything to be true about. It certifies a learner some time after it appeared,
 * drops a backup that it cannot reach for two seconds, and hands slots over for no reason now and then.
 */
import type { Want } from "../../../src/core/member/event.ts"
import { memberOf, type StorageId, type View } from "../../../src/core/view/view.ts"
import type { Now } from "../../../src/core/lib/clock.ts"
import type { Prng } from "../../../src/core/lib/prng.ts"
import type { Coverage } from "../violation.ts"
import type { Ledger } from "./ledger.ts"

export interface AgentOptions {
  readonly catchUpMsMax: number
  readonly movesPerMille: number
  /** Whether two storages can talk to each other at this moment. */
  readonly reaches: (from: StorageId, to: StorageId) => boolean
  readonly ledger: Ledger
}

const progressMs = 2_000

/** Stated in the epoch before, and not what the new view is about: it counts for nothing any more. */
export function isVoid(statement: Want, view: View): boolean {
  if (statement.kind === "promote") {
    const { slot, learner } = statement.certificate
    return view.slots[slot]?.inSync.includes(learner) === false
  }
  return (
    statement.kind === "release" &&
    view.slots[statement.release.slot]?.inSync[0] === statement.release.primary
  )
}

export class SlotAgent {
  private readonly self: { readonly storageId: StorageId; readonly boot: number }
  private readonly options: AgentOptions
  private readonly prng: Prng
  private view: View | undefined
  /** When a learner of a slot will have caught up. */
  private readonly caughtUpAtMs = new Map<string, number>()
  /** Since when a backup could not be reached. */
  private readonly lostSinceMs = new Map<StorageId, number>()
  /** Stated in the present epoch. */
  private statements: Want[] = []
  private readonly stated = new Set<string>()
  private wished = ""

  constructor(
    self: { readonly storageId: StorageId; readonly boot: number },
    options: AgentOptions,
    prng: Prng,
  ) {
    this.self = self
    this.options = options
    this.prng = prng
  }

  onView(view: View, coverage: Coverage): void {
    for (const statement of this.statements)
      if (isVoid(statement, view)) coverage.count("statement made void by another view")
    this.view = view
    this.statements = []
    this.stated.clear()
    this.wished = ""
  }

  /** The member hands these over by itself. */
  released(slots: readonly number[]): void {
    const { view } = this
    if (view === undefined) return
    for (const slot of slots) this.state(view, slot)
  }

  /** @returns all that is wanted now, where that changed */
  tick(now: Now): readonly Want[] | undefined {
    const { view } = this
    if (view === undefined) return undefined
    if (memberOf(view, this.self.storageId)?.boot !== this.self.boot) return undefined
    const wishes: Want[] = []
    for (let slot = 0; slot < view.slots.length; slot++) this.lookAt(view, slot, now, wishes)
    const wants = [...this.statements, ...wishes]
    const text = wants.length === 0 ? "[]" : JSON.stringify(wants)
    if (text === this.wished) return undefined
    this.wished = text
    return wants
  }

  private lookAt(view: View, slot: number, now: Now, wishes: Want[]): void {
    const { inSync, learners } = view.slots[slot] as View["slots"][number]
    const { storageId } = this.self
    const { epoch } = view
    if (inSync[0] !== storageId) {
      if (inSync.includes(storageId) && this.options.movesPerMille > 0 && this.prng.chance(1, 20_000))
        wishes.push({ kind: "giveUp", epoch, slot })
      return
    }
    if (this.stated.has(`release ${slot}`)) return
    for (const learner of learners) this.lookAtLearner(view, slot, learner, now)
    for (const other of [...inSync.slice(1), ...learners])
      if (this.isLost(other, now)) wishes.push({ kind: "drop", epoch, slot, storageId: other })
    const ready = inSync.slice(1).filter((other) => this.options.reaches(this.self.storageId, other))
    if (ready.length > 0 && this.prng.chance(this.options.movesPerMille, 50_000))
      this.statements.push({
        kind: "release",
        release: this.state(view, slot),
        target: this.prng.pick(ready),
      })
    else if (this.prng.chance(this.options.movesPerMille, 100_000)) {
      const outside = view.members.filter((m) => ![...inSync, ...learners].includes(m.storageId))
      if (outside.length > 0)
        wishes.push({ kind: "addLearner", epoch, slot, storageId: this.prng.pick(outside).storageId })
    }
  }

  private lookAtLearner(view: View, slot: number, learner: StorageId, now: Now): void {
    const key = `${slot} ${learner}`
    let atMs = this.caughtUpAtMs.get(key)
    if (atMs === undefined) {
      atMs = now.monotonicMs + this.prng.between(0, this.options.catchUpMsMax)
      this.caughtUpAtMs.set(key, atMs)
    }
    if (now.monotonicMs < atMs || this.stated.has(key)) return
    if (!this.options.reaches(this.self.storageId, learner)) return
    const certificate = {
      epoch: view.epoch,
      slot,
      primary: this.self.storageId,
      boot: this.self.boot,
      learner,
    }
    this.stated.add(key)
    this.statements.push({ kind: "promote", certificate })
    this.options.ledger.certify(certificate)
  }

  private isLost(other: StorageId, now: Now): boolean {
    if (this.options.reaches(this.self.storageId, other)) {
      this.lostSinceMs.delete(other)
      return false
    }
    const sinceMs = this.lostSinceMs.get(other)
    if (sinceMs === undefined) this.lostSinceMs.set(other, now.monotonicMs)
    return sinceMs !== undefined && now.monotonicMs - sinceMs >= progressMs
  }

  private state(view: View, slot: number) {
    const release = { epoch: view.epoch, slot, primary: this.self.storageId, boot: this.self.boot }
    this.stated.add(`release ${slot}`)
    this.options.ledger.release(release)
    return release
  }
}
