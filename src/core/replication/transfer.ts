/**
 * What storage reads for replicas that catch up: entries of a slot in pieces, and the log behind given sequences.
 */

export interface SlotEntry {
  readonly alias: Uint8Array
  readonly content: Uint8Array
  /** ms since the epoch, 0 = never. */
  readonly expiresAtMs: number
}

/** Entries of one slot in the order of their aliases. */
export interface SlotPiece {
  readonly entries: readonly SlotEntry[]
  /** The alias to go on behind; undefined at the end. */
  readonly next: Uint8Array | undefined
}

export interface TailWanted {
  readonly slot: number
  readonly afterSequence: number
}

export interface TailPiece {
  /** One behind another, each slot's in order and without gaps from `afterSequence + 1` on; void ones are left out. */
  readonly records: Uint8Array
  readonly more: boolean
  /** Slots whose tail is no longer in the log. */
  readonly missing: readonly number[]
}

/** For comparing replicas: equal sequence means equal count and hash. */
export interface FlushedSlot {
  readonly sequence: number
  readonly count: number
  /** Order-independent, over aliases, contents and expiries. */
  readonly hash: number
}
