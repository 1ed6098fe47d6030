/**
 * Where the license is looked for, and reading it. A relative name in a file is looked for beside that file, then beside
 * the executable; the default name beside the executable; one from a flag or variable in the working directory; nowhere
 * else. The first file that is there decides: a bad license is an error, and not a reason to look for another.
 */
import { readFileSync, statSync } from "node:fs"
import { dirname, isAbsolute, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { Loaded } from "../config/load.ts"
import { licenseFileBytesMax } from "../core/lib/limits.ts"
import { LicenseError } from "./license.ts"
import type { License } from "./license.ts"
import { communityPublicKey } from "./public-key.ts"
import { verifyLicense } from "./verify.ts"

/** @returns the folder of the executable; run from source, the top folder of the project */
export function executableFolder(): string {
  const here = import.meta.url
  const compiled = here.includes("/$bunfs/") || /^file:\/\/\/[A-Z]:\/~BUN\//i.test(here)
  return compiled ? dirname(process.execPath) : fileURLToPath(new URL("../..", here))
}

/** @returns absolute paths, to be tried in this order */
export function licensePaths(
  loaded: Pick<Loaded, "config" | "origins" | "written">,
  folder = executableFolder(),
): readonly string[] {
  const path = "local.user.license_file"
  const written = loaded.written[path]
  const beside = resolve(folder, written)
  switch (loaded.origins[path].kind) {
    case "default":
      return [beside]
    case "file":
      return isAbsolute(written) ? [written] : [...new Set([loaded.config.local.user.license_file, beside])]
    default:
      return [loaded.config.local.user.license_file]
  }
}

export interface LicenseOptions {
  /** Absolute, from `licensePaths`. */
  readonly paths: readonly string[]
  readonly nowMs: number
  /** Default: the key that signed the community license. */
  readonly publicKey?: string
}

/** @throws LicenseError, its message naming the absolute paths tried */
export function loadLicense({ paths, nowMs, publicKey = communityPublicKey }: LicenseOptions): {
  license: License
  path: string
} {
  for (const path of paths) {
    const text = read(path)
    if (text === undefined) continue
    try {
      return { license: verifyLicense(text, { publicKey, nowMs }), path }
    } catch (error) {
      if (error instanceof LicenseError) throw new LicenseError(error.fault, `${path}: ${error.message}`)
      throw error
    }
  }
  throw new LicenseError(
    "missing",
    `no license found; looked for ${paths.join(" and ")}; put qdb_license.txt there, or name one with --license-file`,
  )
}

/** @returns the text, or undefined where there is no such file */
function read(path: string): string | undefined {
  try {
    const status = statSync(path)
    if (status.isDirectory())
      throw new LicenseError("unreadable", `${path}: the license cannot be read: it is a directory`)
    if (status.size > licenseFileBytesMax)
      throw new LicenseError(
        "malformed",
        `${path}: the license is malformed: it is longer than a license can be`,
      )
    return readFileSync(path, "utf8")
  } catch (error) {
    if (error instanceof LicenseError) throw error
    const code = (error as NodeJS.ErrnoException).code
    if (code === "ENOENT" || code === "ENOTDIR") return undefined
    throw new LicenseError("unreadable", `${path}: the license cannot be read (${code ?? String(error)})`)
  }
}
