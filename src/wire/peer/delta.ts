/**
 * A step between views. The first of a cluster fills every slot, so a slot names its storages by their place in a list of
 * the step's own, and takes a dozen bytes instead of a hundred.
 */
import { membersMax, slotsMax, votersMax } from "../../core/lib/limits.ts"
import type { ViewDelta } from "../../core/view/delta.ts"
import type { Loss } from "../../core/view/loss.ts"
import type { SlotAssignment } from "../../core/view/view.ts"
import type { MessageReader } from "../reader.ts"
import type { Writer } from "../writer.ts"
import { type Codec, extended, list, optional, struct } from "./codec.ts"
import { count, member, name, settings, slotNumber } from "./fields.ts"

type SlotChanges = ViewDelta["slots"]

const storages = list(name, membersMax)
const places = list(slotNumber, membersMax)

/** `[storages, [slot, slotEpoch, in sync, learners] …]`, slots ascending. */
const slotChanges: Codec<SlotChanges> = {
  write: writeSlots,
  read: readSlots,
}

export const delta: Codec<ViewDelta> = extended<ViewDelta, "loss">(
  {
    epoch: count,
    clusterId: optional(name),
    members: list(member, membersMax),
    removed: list(name, membersMax),
    voters: optional(list(name, votersMax)),
    settings: optional(settings),
    slots: slotChanges,
  },
  "loss",
  struct<Loss>({
    epoch: count,
    lost: list(struct<Loss["lost"][number]>({ storageId: name, address: name }), membersMax),
    slots: list(slotNumber, slotsMax),
  }),
)

function writeSlots(writer: Writer, changes: SlotChanges): void {
  const found = new Map<string, number>()
  const place = (storageId: string): number => {
    const known = found.get(storageId)
    if (known !== undefined) return known
    found.set(storageId, found.size)
    return found.size - 1
  }
  const rows = changes.map(({ slot, assignment }) => ({
    slot,
    slotEpoch: assignment.slotEpoch,
    inSync: assignment.inSync.map(place),
    learners: assignment.learners.map(place),
  }))
  writer.arrayHeader(1 + rows.length)
  storages.write(writer, [...found.keys()])
  for (const { slot, slotEpoch, inSync, learners } of rows) {
    writer.arrayHeader(4)
    slotNumber.write(writer, slot)
    count.write(writer, slotEpoch)
    places.write(writer, inSync)
    places.write(writer, learners)
  }
}

function readSlots(reader: MessageReader): { slot: number; assignment: SlotAssignment }[] {
  const changes: { slot: number; assignment: SlotAssignment }[] = []
  const items = reader.readArrayHeader()
  const known = storages.read(reader)
  const named = (): readonly string[] => {
    const holders = places.read(reader).map((at) => known[at])
    if (holders.includes(undefined) || new Set(holders).size !== holders.length) reader.failed = true
    return reader.failed ? [] : (holders as string[])
  }
  if (items < 1 || items > 1 + slotsMax) reader.failed = true
  let last = -1
  for (let i = 1; i < items && !reader.failed; i++) {
    if (reader.readArrayHeader() !== 4) reader.failed = true
    const slot = slotNumber.read(reader)
    const slotEpoch = count.read(reader)
    const inSync = named()
    const learners = named()
    if (slot <= last || inSync.length === 0) reader.failed = true
    last = slot
    changes.push(Object.freeze({ slot, assignment: Object.freeze({ inSync, learners, slotEpoch }) }))
  }
  return changes
}
