/**
 * Taking a snapshot: the other side of `snapshot.ts`. The first piece voids all that the replica holds of the slot, with a
 * note in its log; from then on until the last piece is durable the slot is incomplete, also after a restart, and then the
 * snapshot begins anew. Each piece becomes notes in the log and is told as taken when they are durable, so that no more
 * is under way than one piece.
 *
 * A piece that comes again, or late, is recognised by its index and by the state of which the snapshot is.
 */
import type { DataMessage, SnapshotPiece } from "../node/data-message.ts"
import { slotFrom } from "./backup.ts"
import type { Replication } from "./replication.ts"
import type { SlotLog } from "./slot-log.ts"

/** A snapshot that is being taken. */
export interface Installing {
  readonly slotEpoch: number
  readonly lastEpoch: number
  readonly sequence: number
  nextIndex: number
  durableIndex: number
}

/** The notes of a piece, until they are durable. */
export interface PieceMark {
  readonly slot: SlotLog
  readonly installing: Installing
  readonly index: number
  readonly position: number
}

export function onPiece(replication: Replication, message: DataMessage, piece: SnapshotPiece): void {
  const slot = slotFrom(replication, message, piece.slot, piece.slotEpoch)
  if (slot === undefined || slot.role !== "learner") return
  if (holds(slot, piece)) {
    if (slot.durableSequence >= piece.sequence) tell(replication, slot, piece, piece.index)
    return
  }
  let { installing } = slot
  const isSame = installing?.sequence === piece.sequence && installing.lastEpoch === piece.lastEpoch
  if (installing === undefined || !isSame || (piece.index === 0 && installing.nextIndex > 1)) {
    const isLate =
      installing !== undefined &&
      installing.slotEpoch === piece.slotEpoch &&
      piece.sequence < installing.sequence
    if (isLate) return
    if (piece.index !== 0) {
      tell(replication, slot, piece, -1)
      return
    }
    installing = begin(replication, slot, piece)
  }
  if (piece.index !== installing.nextIndex) {
    tell(replication, slot, piece, installing.durableIndex)
    return
  }
  installing.nextIndex++
  const { writer, queue } = replication
  for (const result of piece.results) queue.push(writer.installResult(slot.slot, result))
  for (const entry of piece.entries) queue.push(writer.install(slot.slot, entry))
  if (piece.isLast) {
    const { lastEpoch, sequence, slotClockMs } = piece
    queue.push(writer.installed(slot.slot, lastEpoch, sequence, slotClockMs))
  }
  replication.marks.push({ slot, installing, index: piece.index, position: replication.log.position })
}

/**
 * Whether the log reaches the snapshot's state already: as committed, or with the very entry, and then with all in front of
 * it. A snapshot may be on its way, or begun because of a refusal that was overtaken, while the log has brought the same.
 * What the log holds may be acknowledged and certified: it must not be given up for a copy that has yet to come.
 */
function holds(slot: SlotLog, { sequence, lastEpoch }: SnapshotPiece): boolean {
  if (slot.isIncomplete) return false
  if (slot.committedSequence >= sequence) return true
  return slot.sequence >= sequence && slot.epochs.at(sequence) === lastEpoch
}

function begin(replication: Replication, slot: SlotLog, piece: SnapshotPiece): Installing {
  const { slotEpoch, lastEpoch, sequence, slotClockMs } = piece
  replication.reset(slot, lastEpoch, sequence, slotClockMs)
  const installing = { slotEpoch, lastEpoch, sequence, nextIndex: 0, durableIndex: -1 }
  slot.installing = installing
  return installing
}

/** Pieces whose notes are durable now are told. */
export function tellTaken(replication: Replication, position: number): void {
  const { marks } = replication
  let count = 0
  for (const mark of marks) {
    if (mark.position > position) break
    count++
    const { slot, installing, index } = mark
    installing.durableIndex = index
    if (slot.role === "learner") tell(replication, slot, installing, index)
  }
  if (count > 0) marks.splice(0, count)
}

function tell(
  replication: Replication,
  slot: SlotLog,
  { lastEpoch, sequence }: { readonly lastEpoch: number; readonly sequence: number },
  index: number,
): void {
  const { slotEpoch } = slot
  const taken = { kind: "taken", slot: slot.slot, slotEpoch, lastEpoch, sequence, index } as const
  replication.send(replication.peer(slot.primary), taken)
}
