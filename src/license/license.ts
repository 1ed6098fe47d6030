/**
 * A license is a page of text that a person can read and a program can trust: fields between two armour lines, and an
 * Ed25519 signature over them.
 *
 *     -----BEGIN QDB LICENSE-----
 *     Product: qdb
 *     …
 *
 *     base64 of the signature
 *     -----END QDB LICENSE-----
 *
 * Signed are the lines above the empty one, with line feeds. There is exactly one way to write a given license, but for
 * carriage returns and a missing newline at the end, which copying adds and removes: so no byte can be changed unnoticed.
 * Fields that a version does not know are kept; they are signed like the others. Rejected: a JSON web token (nobody can
 * read it), a fingerprint of the machine (it binds nothing that can be trusted, and breaks at every repair).
 */
import { licenseFileBytesMax } from "../core/lib/limits.ts"

export const licenseProduct = "qdb"
const begin = "-----BEGIN QDB LICENSE-----"
const end = "-----END QDB LICENSE-----"
const dayMs = 86_400_000

/** Undefined: unlimited. Memory and disk in bytes per node. */
export interface LicenseLimits {
  readonly nodes: number | undefined
  readonly sessions: number | undefined
  readonly memoryBytes: number | undefined
  readonly diskBytes: number | undefined
}

/** Days are `YYYY-MM-DD` in UTC, the last one included. */
export interface License {
  readonly product: string
  readonly edition: string
  readonly holder: string
  readonly issued: string
  /** `always` needs no clock that is right. */
  readonly validFrom: string | "always"
  readonly expires: string | "never"
  readonly supportUntil: string | "never" | "none"
  readonly limits: LicenseLimits
  /** Fields that this version does not know, in the order of the file. */
  readonly others: readonly (readonly [name: string, value: string])[]
}

export type LicenseFault =
  "missing" | "unreadable" | "malformed" | "forged" | "wrong_product" | "not_yet_valid" | "expired"

export class LicenseError extends Error {
  override readonly name = "LicenseError"
  readonly fault: LicenseFault

  constructor(fault: LicenseFault, message: string) {
    super(message)
    this.fault = fault
  }
}

const malformed = (what: string) => new LicenseError("malformed", `the license is malformed: ${what}`)

/** @returns the instant after the last millisecond of a day */
export const dayEndMs = (day: string): number => Date.parse(`${day}T00:00:00Z`) + dayMs
export const dayStartMs = (day: string): number => Date.parse(`${day}T00:00:00Z`)

function isDay(text: string): boolean {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return false
  const at = Date.parse(`${text}T00:00:00Z`)
  return Number.isFinite(at) && new Date(at).toISOString().startsWith(text)
}

const limitNames = {
  Nodes: "nodes",
  Sessions: "sessions",
  "Memory-Bytes": "memoryBytes",
  "Disk-Bytes": "diskBytes",
} as const

/** @returns the signed part of a license: what `sign.ts` signs and `verify.ts` verifies */
export function licenseBody(license: License): string {
  const limit = (value: number | undefined) => (value === undefined ? "unlimited" : String(value))
  const fields: (readonly [string, string])[] = [
    ["Product", license.product],
    ["Edition", license.edition],
    ["Holder", license.holder],
    ["Issued", license.issued],
    ["Valid-From", license.validFrom],
    ["Expires", license.expires],
    ["Support-Until", license.supportUntil],
    ["Nodes", limit(license.limits.nodes)],
    ["Sessions", limit(license.limits.sessions)],
    ["Memory-Bytes", limit(license.limits.memoryBytes)],
    ["Disk-Bytes", limit(license.limits.diskBytes)],
    ...license.others,
  ]
  return `${begin}\n${fields.map(([name, value]) => `${name}: ${value}\n`).join("")}`
}

/** @param signature 64 bytes */
export function licenseText(body: string, signature: Uint8Array): string {
  const base64 = Buffer.from(signature).toString("base64")
  return `${body}\n${base64.slice(0, 64)}\n${base64.slice(64)}\n${end}\n`
}

export interface ParsedLicense {
  readonly license: License
  readonly body: string
  readonly signature: Uint8Array
}

/** @throws LicenseError `malformed` */
export function parseLicense(text: string): ParsedLicense {
  if (text.length > licenseFileBytesMax) throw malformed("it is longer than a license can be")
  const lines = text.replaceAll("\r\n", "\n").replace(/\n$/, "").split("\n")
  if (lines[0] !== begin) throw malformed(`the first line is not "${begin}"`)
  if (lines.at(-1) !== end) throw malformed(`the last line is not "${end}"`)
  const gap = lines.indexOf("")
  if (gap < 0) throw malformed("no empty line stands before the signature")
  const fields = new Map<string, string>()
  for (const line of lines.slice(1, gap)) {
    // oxlint-disable-next-line no-control-regex -- control characters are what is refused
    const match = /^([A-Z][A-Za-z-]{0,40}): ([^\u0000-\u001f\u007f-\u009f\u2028\u2029]{1,200})$/.exec(line)
    if (match === null) throw malformed(`"${line.slice(0, 40)}" is not "Name: value"`)
    const [, name, value] = match as unknown as [string, string, string]
    if (value !== value.trim()) throw malformed(`${name} has spaces around its value`)
    if (fields.has(name)) throw malformed(`${name} is repeated`)
    fields.set(name, value)
  }
  const base64 = lines.slice(gap + 1, -1)
  const signature = new Uint8Array(Buffer.from(base64.join(""), "base64"))
  const license = readFields(fields)
  const body = `${lines.slice(0, gap).join("\n")}\n`
  // Base64 has several spellings of the same bytes, and only one is written.
  const written = `${body}\n${base64.join("\n")}\n${end}\n`
  if (signature.length !== 64 || licenseText(body, signature) !== written)
    throw malformed("the signature is not 64 bytes of base64")
  return { license, body, signature }
}

function readFields(fields: Map<string, string>): License {
  const take = (name: string, allowed: (value: string) => boolean, what: string): string => {
    const value = fields.get(name)
    if (value === undefined) throw malformed(`${name} is missing`)
    if (!allowed(value)) throw malformed(`${name} is not ${what}`)
    fields.delete(name)
    return value
  }
  const any = () => true
  const dayOr =
    (...words: string[]) =>
    (value: string) =>
      words.includes(value) || isDay(value)
  const limit = (name: keyof typeof limitNames): number | undefined => {
    const value = take(
      name,
      (text) =>
        text === "unlimited" || (/^[1-9][0-9]{0,15}$/.test(text) && Number.isSafeInteger(Number(text))),
      "a number or unlimited",
    )
    return value === "unlimited" ? undefined : Number(value)
  }
  return {
    product: take("Product", any, "text"),
    edition: take("Edition", any, "text"),
    holder: take("Holder", any, "text"),
    issued: take("Issued", isDay, "a day (YYYY-MM-DD)"),
    validFrom: take("Valid-From", dayOr("always"), "a day (YYYY-MM-DD) or always"),
    expires: take("Expires", dayOr("never"), "a day (YYYY-MM-DD) or never"),
    supportUntil: take("Support-Until", dayOr("never", "none"), "a day (YYYY-MM-DD), never or none"),
    limits: {
      nodes: limit("Nodes"),
      sessions: limit("Sessions"),
      memoryBytes: limit("Memory-Bytes"),
      diskBytes: limit("Disk-Bytes"),
    },
    others: [...fields],
  }
}
