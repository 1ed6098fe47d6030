/** Directories, as systems differ in them. */
import { closeSync, fsyncSync, openSync } from "node:fs"

/** Makes names in a directory durable. Windows has no such call, and needs none. */
export function syncDirectory(directory: string): void {
  if (process.platform === "win32") return
  const file = openSync(directory, "r")
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
