/**
 * Slots that were reset: what memory held of them is void at once, and leaves in bounded steps.
 *
 * A list of each slot's entries would cost 8 bytes an entry for the sake of a rare event. Instead the slot notes where in
 * the log it was reset: what was written before is void, and a walk over memory takes it out. It begins with the next
 * piece of upkeep, so that what is reset in one turn shares a walk; resets that come while one is under way wait for the next.
 *
 * What is not resident of such a slot does not exist: all that was written since the reset is dirty, so none of it has
 * left memory, and what the table holds is void. That is so until the table has caught up with the reset (`isWhole`). It may
 * say so only when the walk is over (`firstPending`): from then on clean entries come in from the table, and what was
 * read from there tells nothing of when it was written.
 */
import type { EntryStore } from "./entry-store.ts"
import { walkCursors } from "./slab.ts"
import { SlabWalk } from "./slab-walk.ts"

const slotsMax = 65_536
/** What a slot waits for. */
const wait = { nothing: 0, thisWalk: 1, nextWalk: 2 } as const

export class Clearing {
  /** Whether void entries may be resident. */
  active = false
  private readonly entries: EntryStore
  private readonly walk: SlabWalk
  /** End of each slot's last reset in the log. */
  private readonly resetAt = new Float64Array(slotsMax)
  private readonly waits = new Uint8Array(slotsMax)
  private current: number[] = []
  private next: number[] = []

  constructor(entries: EntryStore) {
    this.entries = entries
    this.walk = new SlabWalk(entries.slab, walkCursors.clearing)
  }

  clear(slot: number, position: number): void {
    this.resetAt[slot] = position
    if (this.waits[slot] !== wait.nextWalk) this.next.push(slot)
    this.waits[slot] = wait.nextWalk
    this.active = true
  }

  private begin(): void {
    this.current = this.next
    this.next = []
    for (const slot of this.current) this.waits[slot] = wait.thisWalk
  }

  isVoid(reference: number): boolean {
    const { blocks } = this.entries
    const slot = blocks.slot(reference)
    return this.waits[slot] !== wait.nothing && blocks.position(reference) < (this.resetAt[slot] as number)
  }

  /** Whether memory holds all there is of a slot, and the table nothing that counts. */
  isWhole(slot: number): boolean {
    return !this.entries.flush.holds(slot, this.resetAt[slot] as number)
  }

  /** The first reset in the log whose void entries may still be resident. */
  get firstPending(): number {
    let first = Number.MAX_SAFE_INTEGER
    for (const slot of this.current) first = Math.min(first, this.resetAt[slot] as number)
    for (const slot of this.next) first = Math.min(first, this.resetAt[slot] as number)
    return first
  }

  /** Goes on with the walk; looks at some `steps` blocks. */
  step(steps: number): void {
    const { walk } = this
    for (let done = 0; this.active && done < steps; done++) {
      if (this.current.length === 0) this.begin()
      const { rounds } = walk
      const reference = walk.look()
      if (reference !== 0) {
        if (this.isVoid(reference)) this.entries.discard(reference)
        else walk.pass(reference)
      } else if (walk.rounds !== rounds) this.finish()
    }
  }

  private finish(): void {
    // A slot that was reset again meanwhile waits for the next walk.
    for (const slot of this.current) if (this.waits[slot] === wait.thisWalk) this.waits[slot] = wait.nothing
    this.current = []
    this.active = this.next.length > 0
  }
}
