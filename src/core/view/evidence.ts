/**
 * Evidence: what the primary of a slot vouches for, so that others may change the slot's assignment without asking it
 * again. It is part of the proposed value, checked by every acceptor, and good only for the epoch that it names: in a
 * later epoch the primary may be another, or the same after it forgot.
 */
import type { StorageId } from "./view.ts"

/** The primary says: this learner holds all that is committed, and I commit nothing more without it in this epoch. */
export interface Certificate {
  readonly epoch: number
  readonly slot: number
  readonly primary: StorageId
  readonly boot: number
  readonly learner: StorageId
}

/** The primary says: I serve this slot no more in this epoch. */
export interface Release {
  readonly epoch: number
  readonly slot: number
  readonly primary: StorageId
  readonly boot: number
}

export interface Evidence {
  readonly certificates: readonly Certificate[]
  readonly releases: readonly Release[]
}

export const noEvidence: Evidence = Object.freeze({
  certificates: [],
  releases: [],
})
