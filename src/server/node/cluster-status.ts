/**
 * `node_topology` and `cluster_status`: the agreed view, and beside it what this node has heard of the others. Status names
 * in words what is wrong and what it waits for, never just "unstable".
 *
 * Voters hear every member's heartbeats; a node that does not vote knows the view alone, and takes it at its word.
 */
import type { Now } from "../../core/lib/clock.ts"
import { assert } from "../../core/lib/assert.ts"
import type { Member } from "../../core/member/member.ts"
import { formatNodeId, type NodeId } from "../../core/ring/node-id.ts"
import { predecessorOf, successorOf } from "../../core/ring/order.ts"
import { progressOf } from "../../core/replication/progress.ts"
import { lossText } from "../../core/view/loss.ts"
import { memberOf, primaryOf, type StorageId, type View, type ViewMember } from "../../core/view/view.ts"
import type {
  ClusterState,
  ClusterStatus,
  MemberState,
  MemberStatus,
  NodeReference,
  NodeTopology,
} from "../../wire/status.ts"
import type { Driver } from "./driver.ts"
import { type SlotTally, tallyOf } from "./slot-tally.ts"

/** What one look at a cluster needs. */
export interface ClusterSources {
  readonly driver: Driver
  readonly factorWanted: number
  readonly version: string
  /** Nodes talk over a network without a secret. */
  readonly isOpenToAll: boolean
  readonly now: Now
}

/** Places of primaries among the members, made once: every client asks for them when there is a new view. */
const primaries = new WeakMap<View, readonly number[]>()

function primariesOf(view: View): readonly number[] {
  let found = primaries.get(view)
  if (found === undefined) {
    const places = new Map(view.members.map(({ storageId }, place) => [storageId, place]))
    found = view.slots.map((assignment) => places.get(primaryOf(assignment)) as number)
    primaries.set(view, found)
  }
  return found
}

/** @param self the node that says it */
export function nodeTopology(
  view: View | undefined,
  self: { readonly nodeId: string; readonly address: string },
): NodeTopology | undefined {
  if (view === undefined) return undefined
  const ring = view.members.map((member) => member.nodeId as NodeId)
  const references = view.members.map(referenceOf)
  const at = (id: NodeId | undefined) => references[ring.indexOf(id as NodeId)] as NodeReference
  const id = self.nodeId as NodeId
  return {
    predecessor: at(predecessorOf(ring, id)),
    center: { reference: formatNodeId(id), endpoint: self.address },
    successor: at(successorOf(ring, id)),
    cluster_id: view.clusterId,
    epoch: view.epoch,
    members: references,
    primaries: primariesOf(view),
  }
}

function referenceOf({ nodeId, address }: ViewMember): NodeReference {
  return { reference: formatNodeId(nodeId as NodeId), endpoint: address }
}

export function clusterStatus(sources: ClusterSources): ClusterStatus {
  const { view } = sources.driver
  if (view === undefined) return outside(sources)
  const look = new Look(sources, view)
  return {
    state: look.state,
    reasons: look.reasons,
    clusterId: view.clusterId,
    epoch: view.epoch,
    members: view.members.map((member) => look.member(member)),
    factor: { wanted: view.settings.replicationFactor, reached: look.tally.least },
    moves: look.moves(),
  }
}

/** Of a node that is in no cluster yet. */
function outside({ driver, factorWanted }: ClusterSources): ClusterStatus {
  const { cluster, node } = driver
  const phase = node.member?.phase
  const waits = cluster.waitsFor === "" ? "looks for other nodes" : cluster.waitsFor
  return {
    state: "unstable",
    reasons: [phase === "joining" ? "waits to be taken into the cluster" : waits],
    clusterId: "",
    epoch: 0,
    members: [],
    factor: { wanted: factorWanted, reached: 0 },
    moves: [],
  }
}

/** Nobody but a person knows that a disk will not come back. */
const ifLost = "(if the disks of a majority are gone for good: qdbd recover-quorum)"

/** One look at a view. */
class Look {
  readonly reasons: string[] = []
  readonly state: ClusterState
  readonly tally: SlotTally
  private readonly sources: ClusterSources
  private readonly view: View
  private readonly here: Member
  private readonly live: ReadonlySet<StorageId>
  private unserved: number

  constructor(sources: ClusterSources, view: View) {
    this.sources = sources
    this.view = view
    const { member } = sources.driver.node
    assert(member !== undefined, "who has a view was started")
    this.here = member
    this.live = new Set(
      view.members.filter((member) => this.stateOf(member) === "up").map((member) => member.storageId),
    )
    this.tally = tallyOf(view, this.live)
    this.unserved = this.tally.unserved
    const waits = this.judge()
    this.state = this.unserved > 0 ? "unstable" : waits ? "serving" : "stable"
  }

  member(member: ViewMember): MemberStatus {
    const { version } = this.sources
    const { cluster } = this.sources.driver
    const { storageId } = member
    return {
      nodeId: formatNodeId(member.nodeId as NodeId),
      address: member.address,
      state: this.stateOf(member),
      voter: this.view.voters.includes(storageId),
      slots: this.tally.held.get(storageId) ?? { primary: 0, replica: 0 },
      version: storageId === cluster.self.storageId ? version : (cluster.versions.get(storageId) ?? ""),
    }
  }

  /** Replicas in the making, and the primaries that they are made from. */
  moves(): ClusterStatus["moves"] {
    const { view } = this
    // Of thousands of moves between few nodes, while there is no time to lose.
    const names = new Map(
      view.members.map(({ storageId, nodeId }) => [storageId, formatNodeId(nodeId as NodeId)]),
    )
    const name = (storageId: StorageId) => names.get(storageId) as string
    const moves: ClusterStatus["moves"][number][] = []
    const { replication } = this.sources.driver.node
    view.slots.forEach(({ inSync, learners }, slot) => {
      for (const learner of learners)
        moves.push({
          slot,
          from: inSync.length < view.settings.replicationFactor ? "" : name(inSync[0] as StorageId),
          to: name(learner),
          progress: progressOf(replication, slot, learner) ?? null,
        })
    })
    return moves
  }

  private get votes(): boolean {
    return this.view.voters.includes(this.sources.driver.cluster.self.storageId)
  }

  private isSilent(storageId: StorageId): boolean {
    if (storageId === this.sources.driver.cluster.self.storageId || !this.votes) return false
    return this.here.phase === "active" && this.here.roll.isSuspect(storageId, this.sources.now)
  }

  private stateOf({ storageId, standing }: ViewMember): MemberState {
    if (standing !== "up") return standing
    return this.isSilent(storageId) ? "suspect" : "up"
  }

  /** Says what is wrong. @returns whether the cluster waits for something */
  private judge(): boolean {
    const { view, here, reasons, sources, live } = this
    const { now } = sources
    const { cluster } = sources.driver
    const { orphans, short, copying } = this.tally
    const before = reasons.length
    if (here.phase !== "active") {
      const waitsFor = cluster.waitsFor === "" ? "this node looks for the other members" : cluster.waitsFor
      reasons.push(here.phase === "rejoining" ? `${waitsFor} ${ifLost}` : waitsFor)
      this.unserved = view.slots.length
    } else if (!((here.seat?.leaseUntilMs() ?? 0) > now.monotonicMs)) {
      reasons.push(`this node hears from no majority of the voters ${ifLost}`)
      this.unserved = view.slots.length
    }
    for (const member of view.members) {
      const state = this.stateOf(member)
      const name = `node ${formatNodeId(member.nodeId as NodeId)} at ${member.address}`
      if (state === "suspect") reasons.push(`${name} does not answer`)
      if (state === "down") reasons.push(`${name} is down: waits for it to come back`)
      if (state === "leaving") reasons.push(`${name} is leaving: its slots are moving`)
      if (this.isBehind(member)) reasons.push(`${name} has not the newest view yet`)
    }
    if (this.unserved > 0 && here.phase === "active")
      reasons.push(`${this.unserved} slots are served by nobody at present`)
    if (orphans.size > 0) {
      const nodes = [...orphans].map((storageId) => memberOf(view, storageId)?.address ?? storageId)
      reasons.push(
        `only nodes that are down have all that was acknowledged of some slots: waits for ${nodes.join(", ")} ` +
          "(if it is gone for good: cluster_recover)",
      )
    }
    if (short > 0)
      reasons.push(
        `${short} slots have fewer copies than ${Math.min(view.settings.replicationFactor, live.size)}`,
      )
    if (copying > 0) reasons.push(`${copying} replicas are being made`)
    if (this.wantsChange) reasons.push("the next view is being agreed on")
    const waits = reasons.length > before
    this.remark()
    return waits
  }

  /** What is no obstacle to be stable, and should be known all the same. */
  private remark(): void {
    const { view, reasons, sources } = this
    const { replicationFactor } = view.settings
    const count = view.members.length
    if (count < replicationFactor) {
      const nodes = count === 1 ? "one node: one copy is" : `${count} nodes: ${count} copies are`
      reasons.push(`the replication factor is ${replicationFactor}, and the cluster has ${nodes} kept`)
    }
    reasons.push(...view.losses.map(lossText))
    if (sources.isOpenToAll)
      reasons.push("local.network.cluster_secret_file is not set: any machine of the network can join")
  }

  /** A voter knows what is still to be done before anybody has begun to do it. */
  private get wantsChange(): boolean {
    const { here } = this
    if (!this.votes || here.phase !== "active") return false
    return here.coordinator.state.proposeAtMs !== undefined || here.seat?.proposer.attempt !== undefined
  }

  private isBehind({ storageId, boot }: ViewMember): boolean {
    if (!this.votes || this.here.phase !== "active") return false
    const report = this.here.roll.state.reports.get(storageId)
    if (report === undefined || !this.live.has(storageId)) return false
    return report.identity.boot > boot || report.epoch < this.view.epoch
  }
}
