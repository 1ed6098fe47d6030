/** The license at start: found, verified, told about. A running daemon never stops because of it. */
import type { Loaded } from "../config/load.ts"
import { LicenseError } from "../license/license.ts"
import { licensePaths, loadLicense } from "../license/search.ts"
import { exceededLimits, licenseReminders } from "../license/verify.ts"
import type { Logger } from "./log/logger.ts"
import { StartError } from "./start-error.ts"

export interface LicenseStatus {
  /** Reminds of an expiry that is near, or of support that has ended. */
  remind(): void
}

/** @throws StartError with the license's own error, or with every limit of it that the configuration exceeds */
export function checkLicense(loaded: Loaded, logger: Logger): LicenseStatus {
  const { global, local } = loaded.config
  let found
  try {
    found = loadLicense({ paths: licensePaths(loaded), nowMs: Date.now() })
  } catch (cause) {
    if (cause instanceof LicenseError) throw new StartError(cause.message)
    throw cause
  }
  const { license, path } = found
  const exceeded = exceededLimits(license, {
    nodes: local.chord.bootstrapping_peers.length + 1,
    sessions: local.network.server_sessions,
    memoryBytes: global.limiter.max_bytes,
    diskBytes: global.depot.max_bytes,
  })
  if (exceeded.length > 0) throw new StartError(`${path}: ${exceeded.join("; ")}`)
  const { edition, holder, expires } = license
  logger.info("license", `${edition} license of ${holder}`, { expires, file: path })
  const remind = () => {
    for (const reminder of licenseReminders(license, Date.now())) logger.warning("license", reminder)
  }
  remind()
  return { remind }
}
