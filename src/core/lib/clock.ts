/**
 * What a node knows of time at one event; read once per turn by the driver and passed in, so that the core has no clock
 * of its own. Leases and time-outs count on `monotonicMs`; only expiry, which people state in calendar time, on `wallMs`.
 */
export interface Now {
  readonly monotonicMs: number
  /** Milliseconds since the epoch. May jump; correctness never depends on it. */
  readonly wallMs: number
}
