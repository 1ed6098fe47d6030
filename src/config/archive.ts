/** The generated files as one: the configuration itself, or a zip archive with fixed times and order. */
import { strToU8, zipSync } from "fflate"
import type { Answers, Plan } from "./answers.ts"
import { configFiles, generateFiles } from "./generate.ts"
import type { GeneratedFile } from "./generate.ts"

export interface Download {
  readonly name: string
  readonly mediaType: string
  readonly bytes: Uint8Array
}

export const archiveName = "cluster.zip"

/** @returns a zip archive: the same files give the same bytes, at any time, in any time zone, on any platform */
export function zipFiles(files: readonly GeneratedFile[]): Uint8Array {
  // Zip knows local time only; the first instant it can express is the same text everywhere.
  const mtime = new Date(1980, 0, 1)
  // Regular files, rw-r--r--, as a UNIX archiver would write them.
  const options = { mtime, os: 3, attrs: (0o100644 << 16) >>> 0, level: 9 } as const
  return zipSync(Object.fromEntries(files.map(({ name, text }) => [name, [strToU8(text), options]])))
}

/** @returns the files that are saved: for one host its configuration alone, else all of them */
export function savedFiles(answers: Answers, plan: Plan, license: string): readonly GeneratedFile[] {
  return plan.hosts.length === 1 ? configFiles(plan) : generateFiles(answers, plan, license)
}

/** @returns what is saved: `HOST.conf` for one host, else the archive */
export function download(answers: Answers, plan: Plan, license: string): Download {
  const files = savedFiles(answers, plan, license)
  const [only, ...more] = files
  if (only !== undefined && more.length === 0)
    return { name: only.name, mediaType: "application/json", bytes: strToU8(only.text) }
  return { name: archiveName, mediaType: "application/zip", bytes: zipFiles(files) }
}
