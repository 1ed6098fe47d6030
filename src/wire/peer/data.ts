/**
 * The messages about entries (`core/node/data-message.ts`) on the bulk connection. The many bytes, records and requests, are
 * byte strings that are not taken apart here: what is decoded refers to the frame's own bytes, and is good only as long
 * as those are.
 */
import {
  aliasBytesMax,
  clientsMax,
  contentBytesMax,
  expiresAtMsMax,
  frameBytesMax,
  requestTimeoutMsMax,
  slotsMax,
  snapshotPieceBytesMax,
  unknownEpoch,
} from "../../core/lib/limits.ts"
import type {
  Acknowledgement,
  DataBody,
  DataMessage,
  ReplicaState,
  Segment,
  SlotHash,
  SnapshotResult,
} from "../../core/node/data-message.ts"
import type { EpochStart } from "../../core/replication/epochs.ts"
import type { SlotEntry } from "../../core/replication/transfer.ts"
import { type Codec, flag, list, optional, struct, union, whole } from "./codec.ts"
import { count, name, slotNumber } from "./fields.ts"

/** A byte string, as a view of the frame. */
function bytes(bytesMax: number): Codec<Uint8Array> {
  return {
    write: (writer, value) => writer.byteString(value),
    read: (reader) => {
      if (!reader.readBytes(0, bytesMax)) reader.failed = true
      return reader.failed ? nothing : reader.bytes.subarray(reader.rangeStart, reader.rangeEnd)
    },
  }
}
const nothing = new Uint8Array(0)

/** A whole number from -1 on, as the next one. */
const fromMinusOne: Codec<number> = {
  write: (writer, value) => writer.unsigned(value + 1),
  read: (reader) => Math.max(0, reader.readUnsigned(Number.MAX_SAFE_INTEGER)) - 1,
}

/** A slot epoch, or nil where the table of them does not reach back so far. */
const epochIfKnown: Codec<number> = {
  write: (writer, value) => {
    if (value === unknownEpoch) writer.nil()
    else writer.unsigned(value)
  },
  read: (reader) => (reader.readNil() ? unknownEpoch : reader.readUnsigned(Number.MAX_SAFE_INTEGER)),
}

const clientIdBytes = 16
/** 16 bytes, in the program one letter each. */
const clientId: Codec<string> = {
  write: (writer, value) => {
    writer.bytesHeader(clientIdBytes)
    for (let i = 0; i < clientIdBytes; i++) writer.byte(value.charCodeAt(i))
  },
  read: (reader) => {
    if (!reader.readBytes(clientIdBytes, clientIdBytes)) reader.failed = true
    if (reader.failed) return ""
    return String.fromCharCode(...reader.bytes.subarray(reader.rangeStart, reader.rangeEnd))
  },
}

const alias = bytes(aliasBytesMax)
const content = bytes(contentBytesMax)
const errorCode = whole(0xffff)

const segment: Codec<Segment> = struct<Segment>({
  slot: slotNumber,
  slotEpoch: count,
  previousEpoch: epochIfKnown,
  previousSequence: fromMinusOne,
  commitSequence: fromMinusOne,
  count,
})

const acknowledgement: Codec<Acknowledgement> = struct<Acknowledgement>({
  slot: slotNumber,
  slotEpoch: count,
  sequence: fromMinusOne,
  committedSequence: fromMinusOne,
})

const replicaState: Codec<ReplicaState> = struct<ReplicaState>({
  slot: slotNumber,
  slotEpoch: count,
  sequence: fromMinusOne,
  committedSequence: fromMinusOne,
  epochs: list(struct<EpochStart>({ slotEpoch: count, firstSequence: fromMinusOne }), slotsMax),
})

const body: Codec<DataBody> = union<DataBody>({
  append: [1, { number: count, segments: list(segment, slotsMax), records: bytes(frameBytesMax) }],
  appended: [
    2,
    {
      number: count,
      acknowledged: list(acknowledgement, slotsMax),
      refused: list(replicaState, slotsMax),
    },
  ],
  piece: [
    3,
    {
      slot: slotNumber,
      slotEpoch: count,
      lastEpoch: count,
      sequence: fromMinusOne,
      slotClockMs: count,
      index: count,
      isLast: flag,
      entries: list(
        struct<SlotEntry>({ alias, content, expiresAtMs: whole(expiresAtMsMax) }),
        // An entry takes a byte at least.
        snapshotPieceBytesMax,
      ),
      results: list(
        struct<SnapshotResult>({
          client: clientId,
          floor: count,
          number: count,
          code: errorCode,
          content: optional(content),
        }),
        clientsMax,
      ),
    },
  ],
  taken: [
    4,
    { slot: slotNumber, slotEpoch: count, lastEpoch: count, sequence: fromMinusOne, index: fromMinusOne },
  ],
  forward: [
    5,
    {
      id: count,
      hops: whole(0xff),
      timeLeftMs: whole(requestTimeoutMsMax),
      frame: bytes(frameBytesMax),
    },
  ],
  forwarded: [
    6,
    {
      id: count,
      boot: count,
      code: errorCode,
      content: optional(content),
      expiresAtMs: optional(whole(expiresAtMsMax)),
    },
  ],
  compare: [
    7,
    {
      slots: list(
        struct<SlotHash>({ slot: slotNumber, slotEpoch: count, sequence: count, count, hash: count }),
        slotsMax,
      ),
    },
  ],
})

/** What follows the kind in a data frame. */
export const dataMessage: Codec<DataMessage> = struct<DataMessage>({
  clusterId: name,
  from: struct<DataMessage["from"]>({ storageId: name, boot: count }),
  to: name,
  epoch: count,
  body,
})
