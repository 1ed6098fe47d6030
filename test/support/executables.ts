/**
 * The compiled executables, for tests that drive what users run. A test that imports this module makes the test command
 * build them first; run alone, such a test needs `npm run build` before it.
 */
import { existsSync } from "node:fs"
import { hostTargetName } from "../../scripts/build/target.ts"
import { projectRoot } from "../../scripts/source/files.ts"

/** Holds `qdbd`, `qdbsh` and `qdb_license.txt`. */
export const executablesFolder: string = `${projectRoot}/dist/${hostTargetName()}`

const suffix = process.platform === "win32" ? ".exe" : ""

export const qdbdPath: string = executable("qdbd")
export const qdbshPath: string = executable("qdbsh")

function executable(name: string): string {
  const path = `${executablesFolder}/${name}${suffix}`
  if (!existsSync(path)) throw new Error(`${path} is missing: npm run build makes it`)
  return path
}
