/** `qdbd recover-quorum`: a node whose cluster has lost the disks of a majority of its voters decides alone (`core/view/forced.ts`). */
import { randomBytes } from "node:crypto"
import { loadForCommand } from "../config/command-config.ts"
import type { CommandIo } from "../config/command-io.ts"
import { forcedView } from "../core/view/forced.ts"
import { memberOf, type StorageId, type View } from "../core/view/view.ts"
import { changeMembership } from "../storage/directory/data-directory.ts"
import { type Identity, StorageError } from "../storage/storage.ts"
import { decodeRecords, encodeRecord } from "../wire/peer/record.ts"

const failedStatus = 1
const unsureStatus = 2
const help = `usage: qdbd recover-quorum -c FILE [--yes]

For a cluster that decides nothing any more because the disks of a majority of its voters are gone for
good. Makes this node, which must be stopped, decide alone. Started again it serves what it holds in
sync; other nodes whose disks live follow it, and new ones join it as they join any node.

Do it on one node only: of those that are left, one with the newest view, and of these the one that
holds most, both of which the command tells of a node without --yes. Never do it while the lost nodes may
come back: what they acknowledged that this node has not is dropped when they meet.

Without --yes it says what it would do, and changes nothing.
Exit status: 0 done, 1 not possible, 2 usage or --yes is missing.
`

/** @returns the exit status */
export function run(argv: readonly string[], io: Omit<CommandIo, "nowMs" | "ask">): number {
  const isSure = argv.includes("--yes")
  const loaded = loadForCommand(
    argv.filter((word) => word !== "--yes"),
    io,
    help,
  )
  if (typeof loaded === "number") return loaded
  let epoch = 0
  try {
    changeMembership(loaded.config.global.depot.root, ({ identity, recovered }) => {
      const { view, forced } = decideAlone(recovered, identity)
      epoch = forced.epoch
      io.stdout(planText(view, identity.storageId))
      return isSure ? { view: encodeRecord({ key: "view", value: forced }) } : {}
    })
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    io.stderr(`qdbd recover-quorum: ${error.message}\n`)
    return failedStatus
  }
  if (isSure) {
    io.stdout(
      `done:    view ${epoch}. Start this node, then the others; whose disk is lost starts with an empty directory\n`,
    )
    return 0
  }
  io.stderr("qdbd recover-quorum: nothing was changed; with --yes it is done\n")
  return unsureStatus
}

/** @throws StorageError where it is not possible */
function decideAlone(
  recovered: ReadonlyMap<string, Uint8Array>,
  { storageId, boot }: Identity,
): { readonly view: View; readonly forced: View } {
  const records = decodeRecords(recovered, true)
  if (typeof records === "string")
    throw new StorageError(`meta.db: ${JSON.stringify(records)} is not what this version writes`)
  const { view } = records
  if (view === undefined) throw new StorageError("this node has never been in a cluster; start it")
  const forced = forcedView(view, storageId, boot, randomBytes(4).readUInt32LE())
  if (forced === "no_member")
    throw new StorageError(
      "this node was removed from its cluster: what it holds is not the cluster's any more",
    )
  if (forced === "decides_alone") throw new StorageError("this node decides alone already; start it")
  return { view, forced }
}

function planText(view: View, self: StorageId): string {
  const addressesOf = (storageIds: readonly StorageId[]) =>
    storageIds.map((storageId) => memberOf(view, storageId)?.address).join(", ")
  const held = view.slots.filter(({ inSync }) => inSync.includes(self)).length
  const others = view.members.filter(({ storageId }) => storageId !== self).map(({ storageId }) => storageId)
  const rest = view.slots.length - held
  return [
    `node:    ${addressesOf([self])}, in view ${view.epoch} of cluster ${view.clusterId}`,
    `voters:  ${addressesOf(view.voters)}; from now on this node alone, until others are up`,
    `down:    ${addressesOf(others)}, until they are heard of`,
    `slots:   ${held} of ${view.slots.length} are in sync here and are served at once`,
    ...(rest === 0
      ? []
      : [
          `         ${rest} are not: they wait for one of the nodes that hold them, or until qdbsh cluster_recover gives those up`,
        ]),
    "",
  ].join("\n")
}
