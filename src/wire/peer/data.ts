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
} from "../../core/lib/limits.ts"
import type { DataBody, DataMessage, SlotHash, SnapshotResult } from "../../core/node/data-message.ts"
import type { SlotEntry } from "../../core/replication/transfer.ts"
import { type Codec, flag, list, optional, struct, union, whole } from "./codec.ts"
import { append, appended } from "./append.ts"
import { bytes, count, fromMinusOne, name, slotNumber } from "./fields.ts"

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

const body: Codec<DataBody> = union<DataBody>({
  append: [1, append],
  appended: [2, appended],
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

/** What follows the kind in a data frame: `[clusterId, [storageId, boot], to, epoch, body]`, by hand as `append` is. */
export const dataMessage: Codec<DataMessage> = {
  write: (writer, message) => {
    writer.arrayHeader(5)
    name.write(writer, message.clusterId)
    writer.arrayHeader(2)
    name.write(writer, message.from.storageId)
    writer.unsigned(message.from.boot)
    name.write(writer, message.to)
    writer.unsigned(message.epoch)
    body.write(writer, message.body)
  },
  read: (reader) => {
    if (reader.readArrayHeader() !== 5) reader.failed = true
    const clusterId = name.read(reader)
    if (reader.readArrayHeader() !== 2) reader.failed = true
    return {
      clusterId,
      from: { storageId: name.read(reader), boot: count.read(reader) },
      to: name.read(reader),
      epoch: count.read(reader),
      body: body.read(reader),
    }
  },
}
