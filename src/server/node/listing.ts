/**
 * Lists of the whole cluster, made by any node: each piece is what all primaries serve from one cursor on, in one view.
 *
 * Every slot has one primary in a view, so asking each member for its own slots, all for the same epoch, covers every slot once.
 * A member that is in another view, or does not serve all of its slots at present, fails the piece, and the client tries
 * again. The members' pieces end at different places; the piece ends at the first of them, and what lies behind it is left for
 * the next. So an alias that is there all the time is listed exactly once, whatever moves between two pieces: slots hand
 * over their entries whole, and the cursor counts by slot and alias, not by node.
 */
import type { SlotsList, SlotsPiece } from "../../client/options.ts"
import { slotsPieceBytesMin } from "../../core/lib/limits.ts"
import { slotOfDigest } from "../../core/ring/slot.ts"
import { memberOf, type StorageId, type View } from "../../core/view/view.ts"
import { sha3 } from "../../platform/digest.ts"
import { type ScanPiece, StorageError } from "../../storage/storage.ts"
import { code } from "../../wire/errors.ts"
import type { ListPiece } from "../../wire/reply.ts"

/** What a listing needs of its node. It waits by being called back, so that a simulation can make it wait, too. */
export interface ListingNode {
  readonly view: View | undefined
  readonly storageId: StorageId
  /** `slots_list`, asked of another node; an error's code says why there is no answer. */
  ask(
    address: string,
    piece: SlotsPiece,
    timeoutMs: number,
    done: (answer: SlotsList | { readonly code: number }) => void,
  ): void
  /** Whether this node serves these slots now. */
  serves(slots: readonly number[]): boolean
  /** Storage could not read something of this slot. @returns whether another replica can serve it instead */
  damaged(slot: number): boolean
  scan(
    prefix: Uint8Array,
    from: { readonly slot: number; readonly after: Uint8Array } | undefined,
    bytesMax: number,
    slots: readonly number[],
    done: (found: ScanPiece | Error) => void,
  ): void
}

export interface ListQuestion {
  readonly prefix: Uint8Array
  readonly slot: number
  readonly after: Uint8Array
  readonly bytesMax: number
  readonly timeLeftMs: number
}

/** Why there is no piece: the cluster is not as it was thought to be, or nobody can read what is asked for any more. */
export class ListingFailed extends Error {
  readonly code: "unstable_cluster" | "wrong_node" | "data_corrupt"

  constructor(name: "unstable_cluster" | "wrong_node" | "data_corrupt", cause?: Error) {
    super(name, { cause })
    this.code = name
  }
}

type Done = (outcome: ListPiece | ListingFailed) => void

/** A piece of the whole cluster. */
export function listCluster(node: ListingNode, question: ListQuestion, done: Done): void {
  const { view } = node
  // A node that has just founded its cluster has a view without slots: it knows of no entry, which is not that there is none.
  if (view === undefined || view.slots.length === 0) return done(new ListingFailed("unstable_cluster"))
  const owners = [...ownersFrom(view, question.slot)]
  if (owners.length === 0) return done({ aliases: [], cursor: undefined })
  const bytesMax = Math.max(slotsPieceBytesMin, Math.floor(question.bytesMax / owners.length))
  const pieces: ListPiece[] = []
  let awaited = owners.length
  const gathered = (place: number, outcome: ListPiece | ListingFailed) => {
    if (awaited === 0) return
    if (outcome instanceof ListingFailed) {
      awaited = 0
      return done(outcome)
    }
    pieces[place] = outcome
    if (--awaited === 0) done(merge(pieces, view.slots.length))
  }
  owners.forEach(([owner, slots], place) => {
    const own = { ...question, bytesMax }
    if (owner !== node.storageId) askOwner(node, view, owner, own, (outcome) => gathered(place, outcome))
    else listOwn(node, view.epoch, own, (outcome) => gathered(place, outcome), slots)
  })
}

/** A piece of what this node serves itself in the view of this epoch. */
export function listOwn(
  node: ListingNode,
  epoch: number,
  { prefix, slot, after, bytesMax }: ListQuestion,
  done: Done,
  slots: readonly number[] = ownSlots(node, slot),
): void {
  const isSame = () => node.view?.epoch === epoch
  if (!isSame()) return done(new ListingFailed("wrong_node"))
  if (!node.serves(slots)) return done(new ListingFailed("unstable_cluster"))
  if (slots.length === 0) return done({ aliases: [], cursor: undefined })
  const from = slot === 0 && after.length === 0 ? undefined : { slot, after }
  node.scan(prefix, from, bytesMax, slots, (found) => {
    // What was read while a slot went elsewhere may lack what was written there since.
    if (!isSame() || !node.serves(slots)) return done(new ListingFailed("unstable_cluster"))
    if (found instanceof Error) return done(unreadable(node, found))
    done({ aliases: [...found.aliases], cursor: found.next })
  })
}

/** A slot that storage cannot read gives up its place, and is asked for again where another replica has it. */
function unreadable(node: ListingNode, error: Error): ListingFailed {
  const slot = error instanceof StorageError ? error.slot : undefined
  const isElsewhere = slot !== undefined && node.damaged(slot)
  return new ListingFailed(isElsewhere ? "unstable_cluster" : "data_corrupt", error)
}

function ownSlots(node: ListingNode, from: number): readonly number[] {
  return node.view === undefined ? [] : (ownersFrom(node.view, from).get(node.storageId) ?? [])
}

/** @returns the primaries of the slots from this one on, with theirs */
function ownersFrom(view: View, from: number): Map<StorageId, number[]> {
  const owners = new Map<StorageId, number[]>()
  for (let slot = from; slot < view.slots.length; slot++) {
    const owner = view.slots[slot]?.inSync[0] ?? ""
    const slots = owners.get(owner)
    if (slots === undefined) owners.set(owner, [slot])
    else slots.push(slot)
  }
  return owners
}

function askOwner(
  node: ListingNode,
  view: View,
  owner: StorageId,
  { prefix, slot, after, bytesMax, timeLeftMs }: ListQuestion,
  done: Done,
): void {
  const member = memberOf(view, owner)
  if (member === undefined) return done(new ListingFailed("unstable_cluster"))
  node.ask(member.address, { epoch: view.epoch, prefix, slot, after, bytesMax }, timeLeftMs, (answer) => {
    // Members may have changed addresses since this view: another one's slots are not what was asked for.
    if (!("code" in answer) && answer.storageId !== owner) return done(new ListingFailed("unstable_cluster"))
    if (!("code" in answer)) return done({ aliases: answer.aliases, cursor: answer.cursor })
    const isCorrupt = answer.code === code.data_corrupt
    done(new ListingFailed(isCorrupt ? "data_corrupt" : "unstable_cluster"))
  })
}

/** Puts pieces together up to where the first of them ends. */
function merge(pieces: readonly ListPiece[], slotCount: number): ListPiece {
  const cursors = pieces.flatMap(({ cursor }) => cursor ?? [])
  const bound = cursors.reduce<ListPiece["cursor"]>(
    (least, cursor) =>
      least === undefined || compare(cursor.slot, cursor.after, least) < 0 ? cursor : least,
    undefined,
  )
  const aliases = pieces.flatMap((piece) => upTo(piece.aliases, bound, slotCount))
  return { aliases, cursor: bound }
}

/** The aliases are in the order of slots and aliases: those up to the bound are in front. */
function upTo(aliases: Uint8Array[], bound: ListPiece["cursor"], slotCount: number): Uint8Array[] {
  if (bound === undefined) return aliases
  let [low, high] = [0, aliases.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const alias = aliases[middle] as Uint8Array
    if (compare(slotOfDigest(sha3(alias), slotCount), alias, bound) <= 0) low = middle + 1
    else high = middle
  }
  return aliases.slice(0, low)
}

function compare(slot: number, alias: Uint8Array, to: NonNullable<ListPiece["cursor"]>): number {
  return slot === to.slot ? Buffer.compare(alias, to.after) : slot - to.slot
}
