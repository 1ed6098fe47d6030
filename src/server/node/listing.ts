/**
 * Lists of the whole cluster, made by any node: each piece is what all primaries serve from one cursor on, in one view.
 *
 * Every slot has one primary in a view, so asking each member for its own slots, all for the same epoch, covers every slot once.
 * A member that is in another view, or does not serve all of its slots at present, fails the piece, and the client tries
 * again. The members' pieces end at different places; the piece ends at the first of them, and what lies behind it is left for
 * the next. So an alias that is there all the time is listed exactly once, whatever moves between two pieces: slots hand
 * over their entries whole, and the cursor counts by slot and alias, not by node.
 */
import { QdbError } from "../../client/error.ts"
import type { SlotsPiece } from "../../client/options.ts"
import { slotsPieceBytesMin } from "../../core/lib/limits.ts"
import { slotOfDigest } from "../../core/ring/slot.ts"
import { memberOf, type StorageId, type View } from "../../core/view/view.ts"
import { sha3 } from "../../platform/digest.ts"
import type { ListPiece } from "../../wire/reply.ts"

/** What a listing needs of its node. */
export interface ListingNode {
  readonly view: View | undefined
  readonly storageId: StorageId
  /** `slots_list`, asked of another node. @throws QdbError */
  ask(address: string, piece: SlotsPiece, timeoutMs: number): Promise<ListPiece>
  /** Whether this node serves these slots now. */
  serves(slots: readonly number[]): boolean
  scan(
    prefix: Uint8Array,
    from: { readonly slot: number; readonly after: Uint8Array } | undefined,
    bytesMax: number,
    slots: readonly number[],
  ): Promise<{
    readonly aliases: readonly Uint8Array[]
    readonly next: { readonly slot: number; readonly after: Uint8Array } | undefined
  }>
}

export interface ListQuestion {
  readonly prefix: Uint8Array
  readonly slot: number
  readonly after: Uint8Array
  readonly bytesMax: number
  readonly timeLeftMs: number
}

/** Why there is no piece: the cluster is not as it was thought to be. */
export class ListingFailed extends Error {
  readonly code: "unstable_cluster" | "wrong_node"

  constructor(code: "unstable_cluster" | "wrong_node") {
    super(code)
    this.code = code
  }
}

/** A piece of the whole cluster. @throws ListingFailed */
export async function listCluster(node: ListingNode, question: ListQuestion): Promise<ListPiece> {
  const { view } = node
  if (view === undefined) throw new ListingFailed("unstable_cluster")
  const owners = ownersFrom(view, question.slot)
  const bytesMax = Math.max(slotsPieceBytesMin, Math.floor(question.bytesMax / Math.max(1, owners.size)))
  const pieces = await Promise.all(
    [...owners].map(([owner, slots]) =>
      owner === node.storageId
        ? listOwn(node, view.epoch, { ...question, bytesMax }, slots)
        : askOwner(node, view, owner, { ...question, bytesMax }),
    ),
  )
  return merge(pieces, view.slots.length)
}

/** A piece of what this node serves itself in the view of this epoch. @throws ListingFailed */
export async function listOwn(
  node: ListingNode,
  epoch: number,
  { prefix, slot, after, bytesMax }: ListQuestion,
  slots: readonly number[] = ownSlots(node, slot),
): Promise<ListPiece> {
  const isSame = () => node.view?.epoch === epoch
  if (!isSame()) throw new ListingFailed("wrong_node")
  if (!node.serves(slots)) throw new ListingFailed("unstable_cluster")
  if (slots.length === 0) return { aliases: [], cursor: undefined }
  const from = slot === 0 && after.length === 0 ? undefined : { slot, after }
  const { aliases, next } = await node.scan(prefix, from, bytesMax, slots)
  // What was read while a slot went elsewhere may lack what was written there since.
  if (!isSame() || !node.serves(slots)) throw new ListingFailed("unstable_cluster")
  return { aliases: [...aliases], cursor: next }
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

async function askOwner(
  node: ListingNode,
  view: View,
  owner: StorageId,
  { prefix, slot, after, bytesMax, timeLeftMs }: ListQuestion,
): Promise<ListPiece> {
  const address = memberOf(view, owner)?.address
  if (address === undefined) throw new ListingFailed("unstable_cluster")
  try {
    return await node.ask(address, { epoch: view.epoch, prefix, slot, after, bytesMax }, timeLeftMs)
  } catch (error) {
    if (error instanceof QdbError) throw new ListingFailed("unstable_cluster")
    throw error
  }
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
