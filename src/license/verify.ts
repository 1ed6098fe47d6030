/** Whether a license is genuine and good today: a function of its text, a key and the time, so that tests need no clock. */
import { createPublicKey, verify } from "node:crypto"
import { LicenseError, dayEndMs, dayStartMs, licenseProduct, parseLicense } from "./license.ts"
import type { License } from "./license.ts"

/** Reminders begin this long before the last day. */
const reminderDays = 30
const dayMs = 86_400_000

export interface VerifyOptions {
  /** Base64url of the 32 bytes of an Ed25519 public key. */
  readonly publicKey: string
  /** Milliseconds since the epoch. */
  readonly nowMs: number
}

/** @throws LicenseError with the fault: malformed, forged, wrong_product, not_yet_valid or expired */
export function verifyLicense(text: string, { publicKey, nowMs }: VerifyOptions): License {
  const { license, body, signature } = parseLicense(text)
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: publicKey }, format: "jwk" })
  if (!verify(null, Buffer.from(body), key, signature)) {
    throw new LicenseError(
      "forged",
      "the license's signature does not match: it was changed, or not issued for qdb",
    )
  }
  if (license.product !== licenseProduct) {
    throw new LicenseError(
      "wrong_product",
      `the license is for ${license.product}, not for ${licenseProduct}`,
    )
  }
  if (license.validFrom !== "always" && nowMs < dayStartMs(license.validFrom)) {
    throw new LicenseError(
      "not_yet_valid",
      `the license is valid from ${license.validFrom} on; is the clock right?`,
    )
  }
  if (license.expires !== "never" && nowMs >= dayEndMs(license.expires)) {
    throw new LicenseError(
      "expired",
      `the license expired on ${license.expires}; renew it, or use the community license`,
    )
  }
  return license
}

/** @returns what a daemon says of its license at the start and once a day: never a reason to stop */
export function licenseReminders(license: License, nowMs: number): readonly string[] {
  const reminders: string[] = []
  if (license.expires !== "never") {
    const daysLeft = Math.ceil((dayEndMs(license.expires) - nowMs) / dayMs)
    if (daysLeft <= 0) {
      reminders.push(
        `the license expired on ${license.expires}: this node keeps running, and will not start again without a valid one`,
      )
    } else if (daysLeft <= reminderDays) {
      const days = daysLeft === 1 ? "today" : `in ${daysLeft - 1} ${daysLeft === 2 ? "day" : "days"}`
      reminders.push(
        `the license expires ${days} (${license.expires}): a running node keeps running, but will not start again`,
      )
    }
  }
  if (
    license.supportUntil !== "never" &&
    license.supportUntil !== "none" &&
    nowMs >= dayEndMs(license.supportUntil)
  ) {
    reminders.push(`support ended on ${license.supportUntil}; the license itself stays valid`)
  }
  return reminders
}

/** What a node asks for; bytes are 0 where the node decides by itself. */
export interface LicensedUse {
  readonly nodes: number
  readonly sessions: number
  readonly memoryBytes: number
  readonly diskBytes: number
}

/** @returns a sentence for each limit of the license that the configuration exceeds */
export function exceededLimits(license: License, use: LicensedUse): readonly string[] {
  const rows = [
    ["nodes", license.limits.nodes, use.nodes, "local.chord.bootstrapping_peers"],
    ["sessions", license.limits.sessions, use.sessions, "local.network.server_sessions"],
    ["bytes of memory", license.limits.memoryBytes, use.memoryBytes, "global.limiter.max_bytes"],
    ["bytes of disk", license.limits.diskBytes, use.diskBytes, "global.depot.max_bytes"],
  ] as const
  return rows.flatMap(([what, limit, used, path]) =>
    limit === undefined || used <= limit
      ? []
      : [`the license allows ${limit} ${what}, and ${path} asks for ${used}`],
  )
}
