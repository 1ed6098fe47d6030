/** Views for tests: drawn from a seed, with every field in use. */
import { Prng } from "../../../src/core/lib/prng.ts"
import { freezeView, type View, type ViewMember } from "../../../src/core/view/view.ts"

/** @returns a view of so many members `s0`, `s1`, … that is well-formed; not always a legal successor of anything */
export function drawView(seed: number, memberCount: number, slotCount: number): View {
  const prng = new Prng(seed)
  const members: ViewMember[] = Array.from({ length: memberCount }, (_, i) => ({
    nodeId: `${i.toString(16).padStart(4, "0")}${prng.uint32().toString(16)}`.padEnd(64, "0"),
    storageId: `s${i}`,
    boot: prng.between(1, 9),
    address: `10.0.0.${i}:2836`,
    standing: prng.pick(["up", "up", "up", "down", "leaving"] as const),
    weight: prng.pick([1, 1, 2.5]),
    zone: prng.pick(["", "a", "ü"]),
  }))
  const storages = members.map((member) => member.storageId)
  const epoch = prng.between(2, 300)
  return freezeView({
    clusterId: prng.uint32().toString(16),
    epoch,
    members,
    voters: storages.slice(0, memberCount >= 3 ? 3 : 1),
    settings: {
      replicationFactor: 2,
      slotCount,
      sync: prng.chance(1, 2),
      transient: prng.chance(1, 2),
      entryBytesMax: 64 * 2 ** 20,
      leaseMs: 3000,
      suspectMs: 1500,
      repairGraceMs: 30_000,
    },
    slots: Array.from({ length: slotCount }, () => {
      const order = [...storages]
      prng.shuffle(order)
      const replicas = prng.between(1, Math.min(3, memberCount))
      return Object.freeze({
        inSync: Object.freeze(order.slice(0, replicas)),
        learners: Object.freeze(order.slice(replicas, replicas + prng.below(2))),
        slotEpoch: prng.between(1, epoch),
      })
    }),
    losses: Array.from({ length: seed % 5 === 0 ? 2 : 0 }, (_, i) => ({
      epoch: 1 + i,
      lost: [{ storageId: `gone${i}`, address: `10.0.1.${i}:2836` }],
      slots: [0, slotCount - 1].slice(0, slotCount),
    })),
  })
}

/** Three members, all voters, one slot [s0, s1] with learner s2, epoch 7. */
export function smallView(): View {
  const view = drawView(1, 3, 1)
  return freezeView({
    ...view,
    epoch: 7,
    members: view.members.map((member) => Object.freeze({ ...member, boot: 4, standing: "up" as const })),
    slots: [Object.freeze({ inSync: ["s0", "s1"], learners: ["s2"], slotEpoch: 3 })],
  })
}
