/** How much memory entries may take when the configuration leaves it to the node. */
import { readFileSync } from "node:fs"
import { totalmem } from "node:os"

/** Version 2 of control groups, then version 1. */
const files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]

/** @returns bytes: half of the smaller of RAM and the control group's limit */
export function automaticMemoryBytes(): number {
  let bytes = totalmem()
  for (const file of files) {
    try {
      const limit = Number(readFileSync(file, "latin1"))
      if (Number.isFinite(limit) && limit > 0) bytes = Math.min(bytes, limit)
    } catch {
      // No such control group here.
    }
  }
  return Math.floor(bytes / 2)
}
