/**
 * Placement begins here: an alias belongs to the slot that the top bits of its SHA3-256 digest name. The digest itself is
 * computed by the platform (`platform/digest.ts`): native, a quarter of the time of JavaScript, and a pure function.
 */
import { assert } from "../lib/assert.ts"

/** SHA3-256 (FIPS 202) of `bytes`. */
export type Digest = (bytes: Uint8Array) => Uint8Array

/**
 * @param digest the SHA3-256 digest of an alias
 * @param slotCount a power of two, at most 65536: the top log2(slotCount) bits of the digest are the slot
 */
export function slotOfDigest(digest: Uint8Array, slotCount: number): number {
  assert(
    slotCount > 0 && slotCount <= 65536 && (slotCount & (slotCount - 1)) === 0,
    "slot count is a power of two",
  )
  const top16 = ((digest[0] as number) << 8) | (digest[1] as number)
  return Math.floor((top16 * slotCount) / 65536)
}
