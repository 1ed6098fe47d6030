/**
 * Sees to it that the client has a home: the connection that everything can go to. When it is lost, or its node is not worth
 * staying at, another open connection takes its place; where there is none, addresses are dialled one after another, with
 * pauses between the rounds, and only while somebody waits.
 */
import type { Prng } from "../core/lib/prng.ts"
import type { Address } from "./address.ts"
import { AddressBook } from "./address-book.ts"
import type { Lane } from "./lane.ts"
import type { Lanes } from "./lanes.ts"

export interface HomeOwner {
  readonly prng: Prng
  /** Whether anybody waits for an answer. */
  readonly isWanted: boolean
  dial(lane: Lane): void
  wakeBy(atMs: number): void
  /** The lane is the home from now on. */
  homeFound(lane: Lane): void
}

export class Home {
  readonly addresses: AddressBook
  private readonly owner: HomeOwner
  private readonly lanes: Lanes
  /** Being dialled to become the home. */
  private seeking: Lane | undefined
  /** When to dial the next address. */
  dialAtMs = Infinity

  constructor(owner: HomeOwner, lanes: Lanes, given: readonly Address[]) {
    this.owner = owner
    this.lanes = lanes
    this.addresses = new AddressBook(given)
  }

  /** A connection was opened. */
  opened(lane: Lane): void {
    if (this.lanes.home === undefined) this.settleAt(lane)
  }

  /** A connection, or an attempt to make one, has failed. @returns whether the client is without a home for it */
  lost(lane: Lane, reason: string, nowMs: number): boolean {
    const wasHome = lane === this.lanes.home
    if (!wasHome && lane !== this.seeking) {
      this.addresses.note(lane.address, reason)
      return false
    }
    this.seeking = undefined
    this.addresses.failed(reason, nowMs)
    if (wasHome) this.moveFrom(lane)
    return this.lanes.home === undefined
  }

  /** The home is not worth staying at; its connection stays open for what is on it. */
  leave(reason: string, nowMs: number): void {
    const { home } = this.lanes
    if (home === undefined) return
    this.addresses.failed(reason, nowMs)
    this.moveFrom(home)
    if (this.lanes.home === undefined) this.seekWhenWanted()
  }

  /** Goes to the address whose turn it is. */
  seek(): void {
    this.dialAtMs = Infinity
    const lane = this.lanes.at(this.addresses.present)
    if (lane.isOpen) return this.settleAt(lane)
    this.seeking = lane
    if (lane.session === undefined) this.owner.dial(lane)
  }

  /** Seeks when somebody waits: at once, or after a pause where every address failed since anything was answered. */
  seekWhenWanted(): void {
    if (this.seeking !== undefined || !this.owner.isWanted || this.dialAtMs < Infinity) return
    this.dialAtMs = this.addresses.nextDialMs(this.owner.prng)
    this.owner.wakeBy(this.dialAtMs)
  }

  private moveFrom(lane: Lane): void {
    this.lanes.home = undefined
    const other = this.lanes.anyOpen(lane)
    if (other !== undefined && other !== lane) this.settleAt(other)
  }

  private settleAt(lane: Lane): void {
    this.lanes.home = lane
    this.seeking = undefined
    this.dialAtMs = Infinity
    this.addresses.opened(lane.address)
    this.owner.homeFound(lane)
  }
}
