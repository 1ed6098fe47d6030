/**
 * The pauses before retries: each twice the one before, up to a bound, and shortened at random by up to a half, so that
 * clients that were thrown out together do not come back together.
 */
import { retryDelayMsMax, retryDelayMsMin } from "../core/lib/limits.ts"
import type { Prng } from "../core/lib/prng.ts"

/** @param attempt 1 for the first retry */
export function retryDelayMs(attempt: number, prng: Prng): number {
  const full = Math.min(retryDelayMsMax, retryDelayMsMin * 2 ** Math.min(attempt - 1, 16))
  return prng.between(Math.ceil(full / 2), full)
}
