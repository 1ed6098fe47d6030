/**
 * What the client's state machine needs of the world: a clock, randomness, a timer, the end of a turn, and connections.
 * A test gives it virtual ones, so that a seed decides everything; the product's are in `transport.ts`.
 */
import type { Prng } from "../core/lib/prng.ts"
import type { Address } from "./address.ts"

export interface ClientRuntime {
  /** Milliseconds that never go back; deadlines count on them. */
  monotonicMs(): number
  /** Milliseconds since the epoch; told to the node in the hello. */
  wallMs(): number
  readonly prng: Prng
  /** Calls `wake` once, after so many milliseconds. @returns what takes it back */
  timer(delayMs: number, wake: () => void): () => void
  /** Calls `run` at the end of this turn of the event loop, when everything that was going to be asked has been asked. */
  atTurnEnd(run: () => void): void
  /** Begins to connect. Answers through `events`, never before it has returned. */
  dial(address: Address, events: LinkEvents): Link
}

/** One connection, as it is seen from above. */
export interface Link {
  /** Sends; the bytes belong to the link from here on. Only after `linkOpened`. */
  write(bytes: Uint8Array): void
  /** Gives the connection up at once. No event comes afterwards. */
  close(): void
}

export interface LinkEvents {
  linkOpened(): void
  /** The bytes are the receiver's: Bun, Node and Deno give each chunk memory of its own. */
  linkReceived(bytes: Uint8Array): void
  /** It failed, or the peer closed it: the last event. The reason is for people. */
  linkClosed(reason: string): void
}
