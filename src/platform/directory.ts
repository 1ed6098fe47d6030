/** What makes files and directories durable, as systems differ in it. */
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

/** Makes durable what anybody has written to a file. */
export function syncFile(path: string): void {
  // Windows syncs no file that is open for reading alone.
  const file = openSync(path, "r+")
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
