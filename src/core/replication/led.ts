/**
 * The slots of which a node is primary and that others follow: what it has to look at ten times a second. All slots would be three times as
 * many, and in no cache.
 */
import { partitionFiles } from "../lib/limits.ts"
import type { SlotLog } from "./slot-log.ts"

/**
 * @returns those that lie in one file of the table after each other: a copy waits until that file has caught up with the log, which is
 * an eighth of the work where all copies of a group are of one
 */
export function ledOf(slots: readonly SlotLog[]): readonly SlotLog[] {
  const led: SlotLog[] = []
  for (let file = 0; file < partitionFiles; file++)
    for (let index = file; index < slots.length; index += partitionFiles) {
      const slot = slots[index] as SlotLog
      if (slot.followers.length > 0) led.push(slot)
    }
  return led
}
