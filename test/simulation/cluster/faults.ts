/** Faults of a cluster: they befall nodes, and the links of everybody. Clients live through the whole history. */
import type { Fault, Target } from "../faults.ts"
import type { Machine } from "../machine.ts"
import { MemberFaults } from "../member/faults.ts"
import type { MemberContents } from "../member/contents.ts"
import type { MemberObserver } from "../member/observer.ts"
import type { Coverage } from "../violation.ts"
import type { World } from "../world.ts"
import { memberSide } from "./contents.ts"
import type { ClusterContents } from "./contents.ts"

export class ClusterFaults extends MemberFaults {
  private readonly nodes: readonly Machine<ClusterContents>[]

  constructor(
    world: World<ClusterContents>,
    observer: MemberObserver,
    faults: readonly Fault[],
    coverage: Coverage,
    join: () => Machine<ClusterContents>,
    nodes: readonly Machine<ClusterContents>[],
  ) {
    // What the faults of members write into a directory keeps all else that is in it.
    super(world as unknown as World<MemberContents>, observer, faults, coverage, join as never)
    this.nodes = nodes
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
    if (fault.kind === "bitFlip") this.flip(this.resolve(fault.target), fault.nth)
    else super.applyOwn(fault)
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
