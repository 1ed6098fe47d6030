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

  private isNode(machine: Machine<MemberContents>): boolean {
    return this.nodes.map(memberSide).includes(machine)
  }
}
