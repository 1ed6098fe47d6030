/**
 * A cluster of several fake nodes for the tests of routing: slots with primaries, views that reach the nodes late, forwarding,
 * and nodes that die, freeze and come back. What is executed is the `FakeCluster`'s, which all nodes share, so that a write is
 * executed once however it came; which node may execute it is decided here, by the newest view.
 */
import { slotOfDigest } from "../../../src/core/ring/slot.ts"
import { isWrite, operation } from "../../../src/core/entry/operation.ts"
import { sha3 } from "../../../src/platform/digest.ts"
import { code } from "../../../src/wire/errors.ts"
import type { NodeReference, NodeTopology } from "../../../src/wire/status.ts"
import type { Action, Decoded, FakeCluster } from "./fake-cluster.ts"
import type { VirtualWorld } from "./virtual-world.ts"

export const slotCount = 64

interface View {
  readonly epoch: number
  /** Addresses, in the order of the ring. */
  readonly members: readonly string[]
  /** Per slot an address. */
  readonly primaries: readonly string[]
}

export class FakeRing {
  readonly cluster: FakeCluster
  readonly world: VirtualWorld
  /** Requests that a node passed on to another. */
  forwarded = 0
  /** What a node does with a request that it serves itself. */
  serve: (request: Decoded, node: string) => Action = () => ({ do: "answer" })
  private view: View
  /** The view that each node has; the newest, where it has not been held back. */
  private readonly seen = new Map<string, View>()
  private readonly dead = new Set<string>()
  private readonly told = new Map<string, number>()

  constructor(world: VirtualWorld, members: readonly string[]) {
    this.world = world
    this.cluster = world.cluster
    this.view = { epoch: 1, members, primaries: evenly(members) }
    this.cluster.nodeIdOf = idOf
    this.cluster.documents.set(operation.node_topology, (node) => this.topologyOf(node))
    this.cluster.behaviour = (request, node) => this.act(request, node)
    this.cluster.notice = (request, node) => this.noticeFor(request, node)
    world.dialOutcome = (address) => (this.dead.has(address) ? "refused" : "open")
  }

  get epoch(): number {
    return this.view.epoch
  }

  get members(): readonly string[] {
    return this.view.members
  }

  primaryOf(alias: string): string {
    return this.view.primaries[slotOf(alias)] as string
  }

  /** The next view. @param lateMs when a node learns of it; at once unless said otherwise */
  decide(change: Partial<Omit<View, "epoch">>, lateMs: (node: string) => number = () => 0): void {
    for (const node of this.view.members) if (!this.seen.has(node)) this.seen.set(node, this.view)
    const members = change.members ?? this.view.members
    const primaries =
      change.primaries ?? (change.members === undefined ? this.view.primaries : evenly(members))
    const next = { epoch: this.view.epoch + 1, members, primaries }
    this.view = next
    for (const node of members) {
      const learn = () => {
        if ((this.seen.get(node)?.epoch ?? 0) < next.epoch) this.seen.set(node, next)
      }
      if (lateMs(node) === 0) learn()
      else this.world.at(this.world.nowMs + lateMs(node), learn)
    }
  }

  /** Its slots go to the other members, round and round. */
  moveAway(node: string, lateMs?: (node: string) => number): void {
    const others = this.view.members.filter((m) => m !== node && !this.dead.has(m))
    const primaries = this.view.primaries.map((p, slot) =>
      p === node ? (others[slot % others.length] ?? p) : p,
    )
    this.decide({ primaries }, lateMs)
  }

  kill(node: string): void {
    this.dead.add(node)
    this.world.reset(node)
  }

  /** Keeps its connections, and says nothing any more. */
  freeze(node: string): void {
    this.world.muted.add(node)
    this.dead.add(node)
  }

  revive(node: string): void {
    this.dead.delete(node)
    if (this.world.muted.delete(node)) this.world.reset(node)
    this.seen.delete(node)
  }

  isDead(node: string): boolean {
    return this.dead.has(node)
  }

  private viewOf(node: string): View {
    return this.seen.get(node) ?? this.view
  }

  private topologyOf(node: string): NodeTopology {
    const { epoch, members, primaries } = this.viewOf(node)
    const at = Math.max(0, members.indexOf(node))
    const reference = (index: number): NodeReference => {
      const endpoint = members[(index + members.length) % members.length] as string
      return { reference: idOf(endpoint), endpoint }
    }
    return {
      predecessor: reference(at - 1),
      center: reference(at),
      successor: reference(at + 1),
      cluster_id: this.cluster.clusterId,
      epoch,
      members: members.map((_, index) => reference(index)),
      primaries: primaries.map((p) => members.indexOf(p)),
    }
  }

  private act(request: Decoded, node: string): Action {
    if (this.dead.has(node)) return { do: "ignore" }
    if (!isKeyed(request)) return this.serve(request, node)
    const asked = this.viewOf(node).primaries[slotOf(request.alias)] as string
    if (asked === node) return this.serveIfPrimary(request, node, 0)
    this.forwarded++
    // What is on its way to a node that does not answer is in doubt.
    if (this.dead.has(asked)) return { do: "refuse", code: code.in_doubt, delayMs: 300 }
    return this.serveIfPrimary(request, asked, 2)
  }

  private serveIfPrimary(request: Decoded, node: string, delayMs: number): Action {
    if (this.primaryOf(request.alias) === node) {
      const action = this.serve(request, node)
      return action.do === "answer" ? { ...action, delayMs: delayMs + (action.delayMs ?? 0) } : action
    }
    // Who believes to be the primary and is not has lost its lease; another one knows that it is not.
    const believes = this.viewOf(node).primaries[slotOf(request.alias)] === node
    return { do: "refuse", code: believes ? code.unstable_cluster : code.wrong_node, delayMs }
  }

  /** Once for each epoch and node, as long as there is one client. */
  private noticeFor(request: Decoded, node: string): number {
    const { epoch, primaries } = this.viewOf(node)
    if (this.dead.has(node) || !isKeyed(request) || request.epoch === 0 || request.epoch >= epoch) return 0
    if (primaries[slotOf(request.alias)] === node || this.told.get(node) === epoch) return 0
    this.told.set(node, epoch)
    return epoch
  }
}

export function slotOf(alias: string): number {
  return slotOfDigest(sha3(new TextEncoder().encode(alias)), slotCount)
}

function isKeyed({ opcode }: Decoded): boolean {
  return isWrite(opcode) || opcode === operation.get || opcode === operation.get_expiry
}

function evenly(members: readonly string[]): readonly string[] {
  return Array.from({ length: slotCount }, (_, slot) => members[slot % members.length] as string)
}

/** Node ids that are told apart from addresses. */
function idOf(address: string): string {
  return `${address.split(":")[0]?.split(".").at(-1)}-0-0-1`
}
