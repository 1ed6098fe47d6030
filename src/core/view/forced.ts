/**
 * The view that one storage makes alone, where the disks of a majority of the voters are gone for good and so nobody is left to
 * decide. An operator orders it who knows that they are, and on one node only (`qdbd recover-quorum`).
 *
 * It gives nothing up: all places stay. This storage alone votes, and takes the others for down, so that it leads what it holds in
 * sync and waits for the rest as for any member that is down; what only the others held is given up by name, by
 * `cluster_recover`, if at all. Others whose disks live follow it, because its epoch is far beyond any that they may have
 * decided meanwhile; so far and so random that two nodes which were both forced, against the rule, are told apart, and one of
 * them follows the other.
 */
import { freezeView, isMajority, memberOf, type StorageId, type View } from "./view.ts"

/** Beyond what a cluster decides while a node is away: one view a second for twelve days. */
const epochsAhead = 2 ** 20

export type ForcedRefusal = "no_member" | "decides_alone"

/**
 * @param view the last that this storage knows
 * @param random from 0 to 2^32 - 1
 */
export function forcedView(view: View, self: StorageId, boot: number, random: number): View | ForcedRefusal {
  if (memberOf(view, self) === undefined) return "no_member"
  if (isMajority(view.voters, (voter) => voter === self)) return "decides_alone"
  return freezeView({
    ...view,
    epoch: view.epoch + epochsAhead + (random % epochsAhead),
    members: view.members.map((member) =>
      member.storageId === self
        ? { ...member, boot, standing: "up" as const }
        : { ...member, standing: "down" as const },
    ),
    voters: [self],
  })
}
