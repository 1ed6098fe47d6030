/** File systems that a test can fill: small ones in memory, which take root to mount. */
import { spawnSync } from "node:child_process"
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestContext } from "vitest"

/** Mounts one, or changes the size of the one that is there. @param size as `48m` */
export function mountSmallDisk(directory: string, size: string, how: "new" | "remount" = "new"): boolean {
  const options = how === "new" ? `size=${size}` : `remount,size=${size}`
  return spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", directory]).status === 0
}

export function unmountSmallDisk(directory: string): void {
  spawnSync("umount", ["-l", directory])
}

/** Skips the test where none can be mounted. */
export function requireSmallDisks(context: TestContext): void {
  const path = mkdtempSync(join(tmpdir(), "qdb-mount-"))
  const isMounted = mountSmallDisk(path, "1m")
  if (isMounted) unmountSmallDisk(path)
  rmSync(path, { recursive: true, force: true })
  if (!isMounted) context.skip("needs root, to mount a small file system")
}

/** Takes all room that there is. */
export function fillDisk(path: string): void {
  const file = openSync(path, "w")
  try {
    for (;;) writeSync(file, new Uint8Array(4096).fill(1))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error
  } finally {
    closeSync(file)
  }
}
