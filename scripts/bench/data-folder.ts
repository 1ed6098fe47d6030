/** Sizes of a daemon's data files, from outside. */
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"

/** @returns the log's files in MiB; @param folder the server's */
export function logMiB(folder: string): number {
  return folderMiB(join(folder, "db"), (name) => name.startsWith("log"))
}

export function dataMiB(folder: string): number {
  return folderMiB(join(folder, "db"), () => true)
}

function folderMiB(path: string, chosen: (name: string) => boolean): number {
  let bytes = 0
  for (const found of readdirSync(path, { withFileTypes: true, recursive: true })) {
    if (!found.isFile() || !chosen(found.name)) continue
    try {
      bytes += statSync(join(found.parentPath, found.name)).size
    } catch {
      // The daemon has removed it in between.
    }
  }
  return bytes / 2 ** 20
}
