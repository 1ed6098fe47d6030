/**
 * Copies of the core with a bug put in: a text patch each, so that a test can see whether it would have been found. A patch
 * that no longer applies is an error, so that a list of bugs cannot rot.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export interface Edit {
  /** Below `src/core/`. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

export interface Mutant {
  readonly name: string
  readonly edits: readonly Edit[]
}

/** The patch does not fit the core any more. */
export class StalePatch extends Error {
  override readonly name = "StalePatch"
}

const root = fileURLToPath(new URL("../../", import.meta.url))

/**
 * @param parts what to copy besides `src/core`, from the project's root
 * @param use is given the copy's directory, which is gone afterwards
 * @returns what `use` returned
 */
export function withPatchedCore<Result>(
  edits: readonly Edit[],
  parts: readonly string[],
  use: (directory: string) => Result,
): Result {
  const directory = mkdtempSync(join(tmpdir(), "qdb-mutant-"))
  try {
    for (const part of ["src/core", ...parts])
      cpSync(join(root, part), join(directory, part), { recursive: true })
    for (const { file, find, replace } of edits) {
      const path = join(directory, "src/core", file)
      writeFileSync(path, patched(readFileSync(path, "utf8"), { file, find, replace }))
    }
    return use(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function patched(text: string, { file, find, replace }: Edit): string {
  if (!text.includes(find)) throw new StalePatch(`the patch of ${file} no longer applies: ${find}`)
  return text.replaceAll(find, () => replace)
}

/** @returns why an edit does not apply to the core as it is, of each that does not */
export function staleEdits({ edits }: Mutant): readonly string[] {
  // Edits of one file follow one another.
  const texts = new Map<string, string>()
  return edits.flatMap((edit) => {
    const text = texts.get(edit.file) ?? readFileSync(join(root, "src/core", edit.file), "utf8")
    try {
      texts.set(edit.file, patched(text, edit))
      return []
    } catch (error) {
      return [(error as Error).message]
    }
  })
}
