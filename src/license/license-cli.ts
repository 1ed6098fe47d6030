/** `qdbd license`: the license that a daemon with the same flags would use, or why it has none. */
import { loadForCommand } from "../config/command-config.ts"
import { formatBytes } from "../config/size.ts"
import { LicenseError } from "./license.ts"
import type { License } from "./license.ts"
import { executableFolder, licensePaths, loadLicense } from "./search.ts"
import { licenseReminders } from "./verify.ts"

/** What a subcommand has of the world. */
export interface CommandIo {
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute. */
  readonly cwd: string
  readonly nowMs: number
}

export interface LicenseCommandOptions {
  /** Where the executable lies; for tests. */
  readonly folder?: string
  /** Default: the community license's. */
  readonly publicKey?: string
}

const usage = `Usage: qdbd license [-c FILE] [--license-file=PATH] [--json]

Shows the license that qdbd with the same flags would use, and where it was found.
Exit status: 0 valid, 1 none or not valid, 2 usage.
`

/** @returns the exit status: 0 valid, 1 none or not valid, 2 usage */
export function run(argv: readonly string[], io: CommandIo, options: LicenseCommandOptions = {}): number {
  const json = argv.includes("--json")
  const loaded = loadForCommand(
    argv.filter((word) => word !== "--json"),
    io,
    usage,
  )
  if (typeof loaded === "number") return loaded
  const paths = licensePaths(loaded, options.folder ?? executableFolder())
  try {
    const found = loadLicense({
      paths,
      nowMs: io.nowMs,
      ...(options.publicKey === undefined ? {} : { publicKey: options.publicKey }),
    })
    io.stdout(
      json
        ? `${JSON.stringify({ path: found.path, ...found.license }, null, 2)}\n`
        : describeLicense(found.license, found.path, io.nowMs),
    )
    return 0
  } catch (error) {
    if (!(error instanceof LicenseError)) throw error
    io.stderr(`${error.message}\n`)
    return 1
  }
}

/** @returns a license for people, with its reminders */
export function describeLicense(license: License, path: string, nowMs: number): string {
  const limit = (value: number | undefined, text: (value: number) => string = String) =>
    value === undefined ? "unlimited" : text(value)
  const rows: readonly (readonly [string, string])[] = [
    ["file", path],
    ["product", license.product],
    ["edition", license.edition],
    ["holder", license.holder],
    ["issued", license.issued],
    ["valid from", license.validFrom],
    ["expires", license.expires],
    ["support until", license.supportUntil],
    ["nodes", limit(license.limits.nodes)],
    ["sessions", limit(license.limits.sessions)],
    ["memory per node", limit(license.limits.memoryBytes, formatBytes)],
    ["disk per node", limit(license.limits.diskBytes, formatBytes)],
    ...license.others,
  ]
  const reminders = licenseReminders(license, nowMs).map((text) => `\n${text}\n`)
  return [...rows.map(([name, value]) => `${`${name}:`.padEnd(17)}${value}\n`), ...reminders].join("")
}
