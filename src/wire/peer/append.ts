/**
 * Appends and what is said in reply: every write has a part in one of each, so these are written by hand, field by field.
 * The shapes that `codec.ts` puts together call through a table for each field and freeze each object and list: per write
 * that took as long as applying it did.
 */
import { peerFrameBytesMax, slotsMax, unknownEpoch } from "../../core/lib/limits.ts"
import type {
  Acknowledgement,
  Append,
  Appended,
  ReplicaState,
  Segment,
} from "../../core/node/data-message.ts"
import type { EpochStart } from "../../core/replication/epochs.ts"
import type { MessageReader } from "../reader.ts"
import type { Writer } from "../writer.ts"
import { byHand, list, struct } from "./codec.ts"
import { bytes, count, fromMinusOne, slotNumber } from "./fields.ts"

const slotMax = 0xffff
const countMax = Number.MAX_SAFE_INTEGER

const records = bytes(peerFrameBytesMax)

/** `[slot, slotEpoch, previousEpoch or nil, previousSequence + 1, commitSequence + 1, count]` */
function writeSegment(writer: Writer, segment: Segment): void {
  writer.arrayHeader(6)
  writer.unsigned(segment.slot)
  writer.unsigned(segment.slotEpoch)
  // Nil where the table of slot epochs does not reach back so far.
  if (segment.previousEpoch === unknownEpoch) writer.nil()
  else writer.unsigned(segment.previousEpoch)
  writer.unsigned(segment.previousSequence + 1)
  writer.unsigned(segment.commitSequence + 1)
  writer.unsigned(segment.count)
}

function readSegment(reader: MessageReader): Segment {
  if (reader.readArrayHeader() !== 6) reader.failed = true
  return {
    slot: readWhole(reader, slotMax),
    slotEpoch: readWhole(reader, countMax),
    previousEpoch: reader.readNil() ? unknownEpoch : readWhole(reader, countMax),
    previousSequence: readWhole(reader, countMax) - 1,
    commitSequence: readWhole(reader, countMax) - 1,
    count: readWhole(reader, countMax),
  }
}

/** `[slot, slotEpoch, sequence + 1, committedSequence + 1]` */
function writeAcknowledgement(writer: Writer, acknowledgement: Acknowledgement): void {
  writer.arrayHeader(4)
  writer.unsigned(acknowledgement.slot)
  writer.unsigned(acknowledgement.slotEpoch)
  writer.unsigned(acknowledgement.sequence + 1)
  writer.unsigned(acknowledgement.committedSequence + 1)
}

function readAcknowledgement(reader: MessageReader): Acknowledgement {
  if (reader.readArrayHeader() !== 4) reader.failed = true
  return {
    slot: readWhole(reader, slotMax),
    slotEpoch: readWhole(reader, countMax),
    sequence: readWhole(reader, countMax) - 1,
    committedSequence: readWhole(reader, countMax) - 1,
  }
}

/** @returns 0 where the reader has failed */
function readWhole(reader: MessageReader, max: number): number {
  const value = reader.readUnsigned(max)
  return value < 0 ? 0 : value
}

/** One of each slot at the most. */
function readAll<T>(reader: MessageReader, read: (reader: MessageReader) => T): T[] {
  const length = reader.readArrayHeader()
  if (length > slotsMax) reader.failed = true
  const all: T[] = []
  for (let i = 0; i < length && !reader.failed; i++) all.push(read(reader))
  return all
}

/** Few have one. */
const refusals = list(
  struct<ReplicaState>({
    slot: slotNumber,
    slotEpoch: count,
    sequence: fromMinusOne,
    committedSequence: fromMinusOne,
    epochs: list(struct<EpochStart>({ slotEpoch: count, firstSequence: fromMinusOne }), slotsMax),
  }),
  slotsMax,
)

/** `[…, number, segments, records]` */
export const append = byHand<Append>({
  length: 3,
  write: (writer, message) => {
    writer.unsigned(message.number)
    writer.arrayHeader(message.segments.length)
    for (const segment of message.segments) writeSegment(writer, segment)
    records.write(writer, message.records)
  },
  read: (reader) => {
    const number = readWhole(reader, countMax)
    const segments = readAll(reader, readSegment)
    return { kind: "append", number, segments, records: records.read(reader) }
  },
})

/** `[…, number, acknowledged, refused]` */
export const appended = byHand<Appended>({
  length: 3,
  write: (writer, message) => {
    writer.unsigned(message.number)
    writer.arrayHeader(message.acknowledged.length)
    for (const each of message.acknowledged) writeAcknowledgement(writer, each)
    refusals.write(writer, message.refused)
  },
  read: (reader) => {
    const number = readWhole(reader, countMax)
    const acknowledged = readAll(reader, readAcknowledgement)
    return { kind: "appended", number, acknowledged, refused: refusals.read(reader) }
  },
})
