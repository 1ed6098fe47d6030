/**
 * One record of a slot's log: the *effect* of an operation, not the command (so that replaying it needs no clock and no
 * other state), with the result it gave, so that a retry gets the same answer.
 *
 * Records lie one behind another in a log batch and, later, in a replication batch. Little-endian, fixed header, then
 * alias, content and result content:
 *
 * ```
 *  0 u32 length of the whole record, a multiple of 8 (zero-padded)
 *  4 u8  kind            5 u8 effect        6 u16 slot
 *  8 u32 slot epoch     12 u32 result code (0 = ok, else the error catalogue's)
 * 16 f64 sequence       24 f64 slot clock, ms since the epoch, when it was evaluated
 * 32 f64 expiry, ms since the epoch (0 = never)
 * 40 16 bytes client id 56 f64 number (0 = none)     64 f64 floor
 * 72 u16 alias length   74 u16 opcode                76 u32 content length
 * 80 u32 result content length (0xffffffff = no content)   84 u32 uncommitted
 * 88 alias, content, result content
 * ```
 *
 * `uncommitted` says how many records of its slot, itself included, were not known to be committed when it was appended to
 * *this* node's log; 0: it commits when it is durable. A slot's records up to `sequence - uncommitted` of its last one are
 * committed. The field is each node's own; all else of an `entry` is the same on all replicas, byte for byte.
 *
 * The checksum is the batch's. `padding` stands in the log's ring alone (`storage/log/ring.ts`). The other kinds are notes of the
 * node's own and are not numbered:
 *
 * - `forgetClients`, of no slot: its alias holds the ids, 16 bytes each, of clients whose results are dropped.
 * - `cut`: of its slot, what stands earlier in this log with a higher sequence than the note's is void.
 * - `reset`: all that this node holds of the slot is void. Until `installed` the slot is incomplete. Where a snapshot
 *   begins it has the slot epoch, sequence and clock that `installed` will repeat; where the slot has moved away, sequence -1.
 * - `install`: one entry of a snapshot (effect `store`). `installResult`: one result of a client (client, number, floor,
 *   code, result content); number 0 tells a floor alone.
 * - `installed`: what was installed since the `reset` is the whole state at (slot epoch, sequence), with its slot clock.
 */
import { assert } from "../lib/assert.ts"

export const recordKind = {
  padding: 0,
  entry: 1,
  forgetClients: 2,
  cut: 3,
  reset: 4,
  install: 5,
  installResult: 6,
  installed: 7,
} as const
export const recordEffect = { none: 0, store: 1, remove: 2 } as const

export const recordHeaderBytes = 88
/** Offsets in the header that others use. */
export const recordOffset = { client: 40, aliasLength: 72, uncommitted: 84 } as const
export const noResult = 0xffffffff

/** Bytes. */
const copiedByWordsMax = 512

/** @returns the length of a record with these parts, padded to 8 */
export function recordBytes(aliasLength: number, contentLength: number, resultLength: number): number {
  const result = resultLength === noResult ? 0 : resultLength
  return (recordHeaderBytes + aliasLength + contentLength + result + 7) & ~7
}

/**
 * A cursor over one record. One of these is reused for many records: its getters read in place, nothing is copied and
 * nothing allocated. The bytes must come from a batch whose checksum was verified.
 */
export class RecordView {
  bytes: Uint8Array = new Uint8Array(0)
  private view = new DataView(this.bytes.buffer)
  offset = 0

  /** Points at the record that begins at `offset` of `bytes`. */
  at(bytes: Uint8Array, offset: number): this {
    if (bytes !== this.bytes) {
      this.bytes = bytes
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    this.offset = offset
    return this
  }

  /** Copies the record to `at` of a buffer that has room for it; `view` spans the same bytes as `bytes`. */
  copyTo(bytes: Uint8Array, view: DataView, at: number): void {
    const { length, offset, view: from } = this
    // Most records are short. By words, since a view for `set` costs as much as half of them, and by bytes twice as much as all.
    if (length > copiedByWordsMax) bytes.set(this.bytes.subarray(offset, offset + length), at)
    else
      for (let i = 0; i < length; i += 8) {
        view.setInt32(at + i, from.getInt32(offset + i, true), true)
        view.setInt32(at + i + 4, from.getInt32(offset + i + 4, true), true)
      }
  }

  get length(): number {
    return this.view.getUint32(this.offset, true)
  }
  get kind(): number {
    return this.view.getUint8(this.offset + 4)
  }
  get effect(): number {
    return this.view.getUint8(this.offset + 5)
  }
  get slot(): number {
    return this.view.getUint16(this.offset + 6, true)
  }
  get slotEpoch(): number {
    return this.view.getUint32(this.offset + 8, true)
  }
  get code(): number {
    return this.view.getUint32(this.offset + 12, true)
  }
  get sequence(): number {
    return this.view.getFloat64(this.offset + 16, true)
  }
  get slotClockMs(): number {
    return this.view.getFloat64(this.offset + 24, true)
  }
  get expiresAtMs(): number {
    return this.view.getFloat64(this.offset + 32, true)
  }
  /** Offset of the 16 bytes of the client id in `bytes`. */
  get clientOffset(): number {
    return this.offset + recordOffset.client
  }
  get number(): number {
    return this.view.getFloat64(this.offset + 56, true)
  }
  get floor(): number {
    return this.view.getFloat64(this.offset + 64, true)
  }
  get aliasLength(): number {
    return this.view.getUint16(this.offset + recordOffset.aliasLength, true)
  }
  get opcode(): number {
    return this.view.getUint16(this.offset + 74, true)
  }
  get contentLength(): number {
    return this.view.getUint32(this.offset + 76, true)
  }
  /** `noResult` where the answer holds no content. */
  get resultLength(): number {
    return this.view.getUint32(this.offset + 80, true)
  }
  get uncommitted(): number {
    return this.view.getUint32(this.offset + recordOffset.uncommitted, true)
  }
  get aliasOffset(): number {
    return this.offset + recordHeaderBytes
  }
  get contentOffset(): number {
    return this.offset + recordHeaderBytes + this.aliasLength
  }
  get resultOffset(): number {
    return this.contentOffset + this.contentLength
  }
}

/** @returns whether the record that begins at `offset` of `record` concerns the alias in bytes[start, end) */
export function recordHasAlias(
  record: Uint8Array,
  offset: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  const at = offset + recordOffset.aliasLength
  const length = (record[at] as number) | ((record[at + 1] as number) << 8)
  if (length !== end - start) return false
  const alias = offset + recordHeaderBytes
  for (let i = 0; i < length; i++) if (record[alias + i] !== bytes[start + i]) return false
  return true
}

/**
 * Writes a record's header at `offset` and zeroes its padding; the caller copies alias, content and result behind it.
 * `view` spans the same bytes as the record.
 */
export function writeRecordHeader(
  view: DataView,
  offset: number,
  kind: number,
  effect: number,
  slot: number,
  slotEpoch: number,
  code: number,
  sequence: number,
  slotClockMs: number,
  expiresAtMs: number,
  number: number,
  floor: number,
  opcode: number,
  aliasLength: number,
  contentLength: number,
  resultLength: number,
  uncommitted = 0,
): void {
  const length = recordBytes(aliasLength, contentLength, resultLength)
  assert(offset + length <= view.byteLength, "a record lies inside its buffer")
  // The padding is at most seven bytes: one store of the last eight clears it before the parts are copied in.
  view.setFloat64(offset + length - 8, 0, true)
  view.setUint32(offset, length, true)
  view.setUint8(offset + 4, kind)
  view.setUint8(offset + 5, effect)
  view.setUint16(offset + 6, slot, true)
  view.setUint32(offset + 8, slotEpoch, true)
  view.setUint32(offset + 12, code, true)
  view.setFloat64(offset + 16, sequence, true)
  view.setFloat64(offset + 24, slotClockMs, true)
  view.setFloat64(offset + 32, expiresAtMs, true)
  view.setFloat64(offset + 56, number, true)
  view.setFloat64(offset + 64, floor, true)
  view.setUint16(offset + recordOffset.aliasLength, aliasLength, true)
  view.setUint16(offset + 74, opcode, true)
  view.setUint32(offset + 76, contentLength, true)
  view.setUint32(offset + 80, resultLength, true)
  view.setUint32(offset + recordOffset.uncommitted, uncommitted, true)
}
