/**
 * Lengths of time that leases rest on, as parts of the agreed lease time L.
 *
 * A holder counts L from before it asked, on its own clock; a voter counts 1.1 L from when it granted, on its own. Clocks
 * run at nearly one rate, within ten per cent, and asking precedes granting: so the holder's lease is always the first
 * to end.
 */

/** How long after a grant a voter must reckon with the lease. */
export function reckonMs(leaseMs: number): number {
  return Math.ceil((leaseMs * 11) / 10)
}

/** How long after a refusal a voter grants nothing: long enough for the refused proposal to come again. */
export function refusalMs(leaseMs: number): number {
  return 2 * reckonMs(leaseMs)
}

/** Wall and monotonic clock may part by so much between two looks before it counts as a suspend, ms. */
export const clockJumpMs = 500
