/** Faults of a cluster: they befall nodes, and the links of everybody. Clients live through the whole history. */
import type { SlotAssignment } from "../../../src/core/view/view.ts"
import type { Fault, Target } from "../faults.ts"
import type { Machine } from "../machine.ts"
import { MemberFaults } from "../member/faults.ts"
import type { MemberContents } from "../member/contents.ts"
import type { MemberObserver } from "../member/observer.ts"
import type { Coverage } from "../violation.ts"
import type { World } from "../world.ts"
import { memberSide } from "./contents.ts"
import type { ClusterContents } from "./contents.ts"
import type { Operator } from "./operator.ts"

export class ClusterFaults extends MemberFaults {
  private readonly nodes: readonly Machine<ClusterContents>[]
  private readonly operator: Operator

  constructor(
    world: World<ClusterContents>,
    observer: MemberObserver,
    faults: readonly Fault[],
    coverage: Coverage,
    join: () => Machine<ClusterContents>,
    nodes: readonly Machine<ClusterContents>[],
    operator: Operator,
  ) {
    // What the faults of members write into a directory keeps all else that is in it.
    super(world as unknown as World<MemberContents>, observer, faults, coverage, join as never)
    this.nodes = nodes
    this.operator = operator
  }

  protected override resolve(target: Target): Machine<MemberContents> {
    const machine = super.resolve(target)
    if (this.isNode(machine)) return machine
    const { nodes } = this
    return memberSide(nodes[machine.index % nodes.length] as Machine<ClusterContents>)
  }

  protected override kill(
    machine: Machine<MemberContents>,
    power: boolean,
    downMs: number | undefined,
  ): void {
    if (this.isNode(machine)) super.kill(machine, power, downMs)
  }

  protected override applyOwn(fault: Fault): void {
    switch (fault.kind) {
      case "bitFlip":
        return this.flip(this.resolve(fault.target), fault.nth)
      case "setFactor":
        return this.operator.setFactor(fault.factor)
      case "remove": {
        const { index, address, disk } = this.resolve(fault.target)
        if (disk.durable.view === undefined || this.observer.oldCopies.has(index)) return
        this.leavers.add(index)
        this.operator.remove(address)
        return
      }
      case "breakConnections":
        if (this.world.streams.breakAll(this.resolve(fault.target)) > 0)
          this.coverage.count("connections broken")
        return
      case "slowReader":
        return this.slowReader(fault.target, fault.durationMs)
      case "loseForGood":
        return this.loseForGood(fault.nth, fault.acceptedAfterMs)
      default:
        super.applyOwn(fault)
    }
  }

  private slowReader(target: Target | { readonly client: number }, durationMs: number): void {
    const { streams, machines } = this.world
    const clients = machines.filter((machine) => !this.isNode(machine))
    const isClient = "client" in target
    const reader = isClient ? clients[target.client % clients.length] : this.resolve(target)
    if (reader === undefined || !streams.holdAll(reader)) return
    this.coverage.count(isClient ? "slow client" : "slow node")
    const { incarnation } = reader
    this.after(durationMs, () => {
      if (reader.incarnation === incarnation) streams.releaseAll(reader)
    })
  }

  /** Where a majority of the voters is left, and somebody to go on with the slot. */
  private loseForGood(nth: number, acceptedAfterMs: number): void {
    const view = this.observer.ledger.newest()
    if (view === undefined) return
    for (let i = 0; i < view.slots.length; i++) {
      const { inSync } = view.slots[(nth + i) % view.slots.length] as SlotAssignment
      const holders = this.nodes.filter(({ disk }) => inSync.includes(disk.durable.storageId))
      const left = this.nodes.filter((node) => node.running && !holders.includes(node))
      const isUp = ({ disk }: Machine<ClusterContents>) =>
        view.members.some((m) => m.storageId === disk.durable.storageId && m.standing === "up")
      const voters = view.voters.filter((voter) => !inSync.includes(voter))
      const isPossible = voters.length * 2 > view.voters.length && left.some(isUp)
      if (!isPossible || holders.length < inSync.length) continue
      if (holders.some(({ index }) => this.observer.oldCopies.has(index))) continue
      for (const holder of holders) {
        holder.restarts = false
        this.world.kill(memberSide(holder), true, undefined)
      }
      this.coverage.count("all copies lost")
      const addresses = holders.map(({ address }) => address)
      this.after(acceptedAfterMs, () => this.operator.recover(inSync, addresses))
      return
    }
  }

  /** In fewer copies than there are: where no other in-sync replica holds the entry whole, nothing is flipped. */
  private flip(target: Machine<MemberContents>, nth: number): void {
    const machine = target as unknown as Machine<ClusterContents>
    const { storageId, table } = machine.disk.durable
    const view = this.observer.ledger.newest()
    const isWholeElsewhere = (alias: string, slot: number) =>
      this.nodes.some(({ disk, running }) => {
        const { storageId: other, table: held } = disk.durable
        if (!running || other === storageId || view?.slots[slot]?.inSync.includes(other) !== true)
          return false
        const entry = held.entries.get(alias)
        return entry !== undefined && entry.isDamaged !== true
      })
    const candidates = [...table.entries].filter(([alias, { slot }]) => isWholeElsewhere(alias, slot))
    const [alias, entry] = candidates[nth % Math.max(1, candidates.length)] ?? []
    if (alias === undefined || entry === undefined) return
    const entries = new Map(table.entries).set(alias, { ...entry, isDamaged: true })
    machine.disk.durable = { ...machine.disk.durable, table: { ...table, entries } }
    this.coverage.count("entry damaged on disk")
  }

  private isNode(machine: Machine<MemberContents>): boolean {
    return this.nodes.map(memberSide).includes(machine)
  }
}
