/** Where the command line puts what was made: a file, a folder, or standard output. */
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import type { Answers, Plan } from "./answers.ts"
import { download, zipFiles } from "./archive.ts"
import { generateFiles } from "./generate.ts"

export interface OutputFile {
  /** Absolute. */
  readonly path: string
  readonly bytes: Uint8Array
}

/** What was made, before it has a name. */
export interface Made {
  readonly answers: Answers
  readonly plan: Plan
  readonly license: string
}

/**
 * @param output a file; a folder, if it exists or ends with a slash; undefined: the download's own name
 * @returns the files to be written, or what is wrong with the name
 */
export function outputFiles(
  made: Made,
  output: string | undefined,
  cwd: string,
): readonly OutputFile[] | { readonly wrong: string } {
  const { answers, plan, license } = made
  const { name, bytes } = download(answers, plan, license)
  if (output === undefined) return [{ path: resolve(cwd, name), bytes }]
  const path = resolve(cwd, output)
  if (/[/\\]$/.test(output) || (existsSync(path) && statSync(path).isDirectory()))
    return generateFiles(answers, plan, license).map((file) => ({
      path: join(path, file.name),
      bytes: Buffer.from(file.text),
    }))
  // Whoever names a zip for a single host gets one.
  if (output.endsWith(".zip")) return [{ path, bytes: zipFiles(generateFiles(answers, plan, license)) }]
  if (plan.hosts.length > 1 && output.endsWith(".conf"))
    return {
      wrong: `${plan.hosts.length} nodes have a file each; name a .zip, or a folder with / at its end`,
    }
  return [{ path, bytes }]
}

/** @returns the paths of files that exist already */
export const takenPaths = (files: readonly OutputFile[]): readonly string[] =>
  files.map(({ path }) => path).filter((path) => existsSync(path))

/** @returns the path that could not be written, and why; undefined if all were */
export function writeFiles(files: readonly OutputFile[]): string | undefined {
  for (const { path, bytes } of files) {
    try {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, bytes)
    } catch (error) {
      return `${path}: cannot be written: ${(error as Error).message}`
    }
  }
  return undefined
}
