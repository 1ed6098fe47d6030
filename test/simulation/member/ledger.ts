/**
 * What an all-knowing onlooker writes down: every proposal accepted on a disk, every view decided, every statement of a
 * primary. From this it judges agreement (I1, I2, I4, I14, I15, I30): a value is chosen at the moment at which a majority
 * of the voters durably accepted it in one ballot, whether anybody knows it yet or not, and from then on no other may be.
 */
import type { Ballot, Proposal } from "../../../src/core/view/ballot.ts"
import { applyDelta } from "../../../src/core/view/delta.ts"
import { viewZero } from "../../../src/core/view/founded.ts"
import type { Certificate, Release } from "../../../src/core/view/evidence.ts"
import type { StorageId, View } from "../../../src/core/view/view.ts"
import type { Checks, Coverage } from "../violation.ts"
import type { MemberContents } from "./contents.ts"
import { wrongStep } from "./legality.ts"

interface Acceptances {
  readonly proposal: Proposal
  readonly storages: Set<StorageId>
}

interface Instance {
  /** By ballot. */
  readonly accepted: Map<string, Acceptances>
  /** Highest ballot durably accepted by each acceptor, in their order. */
  readonly byStorage: Map<StorageId, Ballot[]>
  /** Values by ballot, as proposers sent them. */
  readonly values: Map<string, string>
  chosen: string | undefined
}

export interface Chosen {
  readonly view: View
  readonly next: View
  readonly proposal: Proposal
}

export const ballotKey = (ballot: Ballot) => `${ballot.round} ${ballot.storageId} ${ballot.boot}`

const textOfView = new WeakMap<View, string>()
export function viewText(view: View): string {
  let text = textOfView.get(view)
  if (text === undefined) textOfView.set(view, (text = JSON.stringify(view)))
  return text
}

/** The founding talks under its own id until view 1; to the ledger it is one cluster. */
const clusterOf = (clusterId: string) => clusterId.replace(/^\?/, "")

export class Ledger {
  /** Decided views by cluster and epoch. */
  readonly clusters = new Map<string, Map<number, View>>()
  readonly certificates = new Set<string>()
  readonly releases = new Set<string>()
  /** Members that an operator has named as lost. */
  readonly givenUp = new Set<StorageId>()
  /** A view gives something up. */
  onLoss: (view: View) => void = () => undefined
  private readonly instances = new Map<string, Instance>()
  private readonly checks: Checks
  private readonly coverage: Coverage
  private readonly onChosen: (chosen: Chosen) => void

  constructor(checks: Checks, coverage: Coverage, onChosen: (chosen: Chosen) => void) {
    this.checks = checks
    this.coverage = coverage
    this.onChosen = onChosen
  }

  /** The newest view of the largest cluster. */
  newest(): View | undefined {
    let best: View | undefined
    for (const views of this.clusters.values())
      for (const view of views.values())
        if (best === undefined || view.epoch > best.epoch || view.members.length > best.members.length * 2)
          best = view
    return best
  }

  newestOf(clusterId: string): View | undefined {
    let best: View | undefined
    for (const view of this.clusters.get(clusterOf(clusterId))?.values() ?? [])
      if (best === undefined || view.epoch > best.epoch) best = view
    return best
  }

  /** Somebody has recorded view 0: it is what its cluster's first instance starts from. */
  founded(contents: MemberContents): void {
    if (contents.founding === undefined) return
    const zero = viewZero(contents.founding)
    const views = this.viewsOf(zero.clusterId)
    if (!views.has(0)) views.set(0, zero)
  }

  /** Whether the view behind that of this epoch is decided. */
  isSucceeded(clusterId: string, epoch: number): boolean {
    return this.viewsOf(clusterId).has(epoch + 1)
  }

  /** A view is on somebody's disk, so it was decided. */
  decided(view: View): void {
    const views = this.viewsOf(view.clusterId)
    const known = views.get(view.epoch)
    if (known !== undefined) {
      this.checks.that("I1", known === view || viewText(known) === viewText(view), () => {
        return `two views ${view.epoch}:\n${viewText(known)}\n${viewText(view)}`
      })
      return
    }
    views.set(view.epoch, view)
    const chosen = this.instances.get(this.instanceKey(view.clusterId, view.epoch))?.chosen
    const before = views.get(view.epoch - 1)
    // Whoever knows of a decision knows it from a majority of disks; only what follows an unknown view cannot be judged.
    const isChosen = chosen === viewText(view) || (chosen === undefined && before === undefined)
    this.checks.that("I1", isChosen, () => {
      return `view ${view.epoch} is not what a majority of voters has on disk:\n${viewText(view)}\n${chosen}`
    })
    if (before !== undefined && before.epoch > 0 && view.members.length > 0) this.judgeStep(before, view)
  }

  private judgeStep(view: View, next: View): void {
    const wrong = wrongStep(view, next, {
      certified: (of, slot, learner) => {
        const primary = of.slots[slot]?.inSync[0] ?? ""
        const boot = of.members.find((member) => member.storageId === primary)?.boot ?? 0
        return this.certificates.has(statementKey(of.epoch, slot, primary, boot) + learner)
      },
      givenUp: (storageId) => this.givenUp.has(storageId),
    })
    if (next.losses.length > view.losses.length) this.onLoss(next)
    for (const invariant of ["I2", "I14", "I15"])
      this.checks.that(invariant, wrong?.[0] !== invariant, () => {
        return `${wrong?.[1]}\n${viewText(view)}\n${viewText(next)}`
      })
    this.coverStep(view, next)
  }

  private coverStep(view: View, next: View): void {
    const before = new Map(view.members.map((member) => [member.storageId, member]))
    for (const member of next.members) {
      const old = before.get(member.storageId)
      if (old === undefined) this.coverage.count("view change by join")
      else if (old.standing === "up" && member.standing === "down")
        this.coverage.count("view change by failure")
      else if (old.standing !== "leaving" && member.standing === "leaving") this.coverage.count("leave begun")
      else if (old.boot !== member.boot) this.coverage.count("view change by restart")
    }
    if (view.members.some((m) => !next.members.some((n) => n.storageId === m.storageId)))
      this.coverage.count("view change by leave")
    if (view.voters.join() !== next.voters.join()) this.coverage.count("voters changed")
    view.slots.forEach((slot, s) => {
      const after = next.slots[s]
      if (after === undefined) return
      if (slot.inSync[0] !== after.inSync[0]) this.coverage.count("takeover")
      if (after.inSync.some((storageId) => !slot.inSync.includes(storageId))) this.coverage.count("promotion")
    })
  }

  /** The founding of this record is settled: its view 1 was chosen, and is not the void one. */
  isFounded(contents: MemberContents): boolean {
    if (contents.founding === undefined) return false
    const { chosen } = this.instance(viewZero(contents.founding).clusterId, 1)
    return chosen !== undefined && (JSON.parse(chosen) as View).members.length > 0
  }

  /** A proposer asks for acceptance. */
  proposed(clusterId: string, epoch: number, ballot: Ballot, proposal: Proposal): void {
    const { values } = this.instance(clusterId, epoch)
    const key = ballotKey(ballot)
    const text = JSON.stringify(proposal)
    const known = values.get(key)
    this.checks.that("I4", known === undefined || known === text, () => {
      return `ballot ${key} of instance ${epoch} carries two values:\n${known}\n${text}`
    })
    values.set(key, text)
  }

  /** A voter's acceptance is on its disk. */
  accepted(clusterId: string, epoch: number, storageId: StorageId, ballot: Ballot, proposal: Proposal): void {
    const instance = this.instance(clusterId, epoch)
    const key = ballotKey(ballot)
    let acceptances = instance.accepted.get(key)
    if (acceptances === undefined)
      instance.accepted.set(key, (acceptances = { proposal, storages: new Set() }))
    if (acceptances.storages.has(storageId)) return
    acceptances.storages.add(storageId)
    const ballots = instance.byStorage.get(storageId)
    if (ballots === undefined) instance.byStorage.set(storageId, [ballot])
    else ballots.push(ballot)
    this.lookForChoice(clusterId, epoch, acceptances, instance)
  }

  /** Ballots that the storage has durably accepted in the instance. */
  acceptedBallots(clusterId: string, epoch: number, storageId: StorageId): readonly Ballot[] {
    return this.instance(clusterId, epoch).byStorage.get(storageId) ?? []
  }

  private lookForChoice(
    clusterId: string,
    epoch: number,
    acceptances: Acceptances,
    instance: Instance,
  ): void {
    const view = this.viewsOf(clusterId).get(epoch - 1)
    if (view === undefined) return
    const votes = view.voters.filter((voter) => acceptances.storages.has(voter)).length
    if (votes * 2 <= view.voters.length) return
    const next = applyDelta(view, acceptances.proposal.delta)
    const text = viewText(next)
    this.checks.that("I1", instance.chosen === undefined || instance.chosen === text, () => {
      return `instance ${epoch} chose two views:\n${instance.chosen}\n${text}`
    })
    if (instance.chosen !== undefined) return
    instance.chosen = text
    const decided = this.viewsOf(clusterId).get(epoch)
    this.checks.that("I1", decided === undefined || viewText(decided) === text, () => {
      return `chosen after another view ${epoch} was decided:\n${text}`
    })
    this.onChosen({ view, next, proposal: acceptances.proposal })
  }

  certify(certificate: Certificate): void {
    const { epoch, slot, primary, boot, learner } = certificate
    this.certificates.add(statementKey(epoch, slot, primary, boot) + learner)
  }

  release({ epoch, slot, primary, boot }: Release): void {
    this.releases.add(statementKey(epoch, slot, primary, boot))
  }

  isReleased(view: View, slot: number): boolean {
    const primary = view.slots[slot]?.inSync[0] ?? ""
    const boot = view.members.find((member) => member.storageId === primary)?.boot ?? 0
    return this.releases.has(statementKey(view.epoch, slot, primary, boot))
  }

  private viewsOf(clusterId: string): Map<number, View> {
    const id = clusterOf(clusterId)
    let views = this.clusters.get(id)
    if (views === undefined) this.clusters.set(id, (views = new Map()))
    return views
  }

  private instanceKey(clusterId: string, epoch: number): string {
    return `${clusterOf(clusterId)} ${epoch}`
  }

  private instance(clusterId: string, epoch: number): Instance {
    const key = this.instanceKey(clusterId, epoch)
    let instance = this.instances.get(key)
    if (instance === undefined) {
      instance = { accepted: new Map(), byStorage: new Map(), values: new Map(), chosen: undefined }
      this.instances.set(key, instance)
    }
    return instance
  }
}

/** Storages are never shared by clusters, so the statement needs no cluster id. */
const statementKey = (epoch: number, slot: number, primary: StorageId, boot: number) =>
  `${epoch} ${slot} ${primary} ${boot} `
