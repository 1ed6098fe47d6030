/** Finds the clients of a slot that no attempt can come from any more. */
import { clientRowMs } from "../lib/limits.ts"
import type { SlotLog } from "../replication/slot-log.ts"

/** One record's worth. */
const clientsPerRecordMax = 1024

/** @returns ids of clients whose last request is more than `clientRowMs` ago and of whom nothing is prepared */
export function silentClients(slot: SlotLog, monotonicMs: number): readonly string[] {
  const silent: string[] = []
  for (const [id, row] of slot.clients) {
    if (monotonicMs - row.usedMs <= clientRowMs || row.busy) continue
    silent.push(id)
    if (silent.length === clientsPerRecordMax) break
  }
  return silent
}
