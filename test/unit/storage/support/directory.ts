/** A temporary directory per test. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach } from "vitest"

/** @returns a function that tells the present test's directory */
export function temporaryDirectory(): () => string {
  let directory = ""
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "qdb-storage-"))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))
  return () => directory
}
