/**
 * A view as bytes: one form for equal views, so that two can be compared, and a small one, because a view of 4,096 slots
 * goes to disk at every step and to every client that asks.
 *
 * Storages are written once, in the members' list, and named by their place in it everywhere else. A slot that equals one
 * of its predecessors in all but the epoch is common (placement has few patterns), but compressing is left to who stores:
 * a slot takes a dozen bytes here.
 *
 * ```
 * "qv1"                                    magic and version
 * text clusterId, varint epoch
 * settings: varint replicationFactor, slotCount, entryBytesMax, leaseMs, suspectMs, repairGraceMs, flags (1 sync, 2 transient)
 * varint members, each: text nodeId, storageId, address, zone; varint boot, standing (0 up, 1 down, 2 leaving); float64 weight
 * varint voters, each: varint member
 * varint slots, each: varint slotEpoch, inSync, learners, then so many varint members
 * only where something was given up: varint losses, each: varint epoch; varint members, each: text storageId, address;
 *   varint slots, each: varint slot
 * ```
 *
 * Numbers are LEB128 varints (below 2^53), texts a varint length and UTF-8. Decoding takes nothing on trust: it
 * answers with what is wrong instead of a view.
 */
import { assert } from "../lib/assert.ts"
import { lossesMax, membersMax, viewTextBytesMax } from "../lib/limits.ts"
import type { Loss } from "./loss.ts"
import {
  freezeView,
  type Settings,
  type SlotAssignment,
  type Standing,
  type View,
  type ViewMember,
} from "./view.ts"

const magic = [0x71, 0x76, 0x31]
const standings: readonly Standing[] = ["up", "down", "leaving"]

/** @returns the view's one form */
export function encodeView(view: View): Uint8Array {
  const sink = new Sink()
  for (const byte of magic) sink.byte(byte)
  sink.text(view.clusterId)
  sink.varint(view.epoch)
  const { settings } = view
  sink.varint(settings.replicationFactor)
  sink.varint(settings.slotCount)
  sink.varint(settings.entryBytesMax)
  sink.varint(settings.leaseMs)
  sink.varint(settings.suspectMs)
  sink.varint(settings.repairGraceMs)
  sink.byte((settings.sync ? 1 : 0) + (settings.transient ? 2 : 0))
  const places = new Map(view.members.map((member, place) => [member.storageId, place]))
  const place = (storageId: string): number => {
    const found = places.get(storageId)
    assert(found !== undefined, "every place of a view is held by a member")
    return found
  }
  sink.varint(view.members.length)
  for (const member of view.members) {
    for (const text of [member.nodeId, member.storageId, member.address, member.zone]) sink.text(text)
    sink.varint(member.boot)
    sink.byte(standings.indexOf(member.standing))
    sink.float(member.weight)
  }
  sink.varint(view.voters.length)
  for (const voter of view.voters) sink.varint(place(voter))
  sink.varint(view.slots.length)
  for (const { inSync, learners, slotEpoch } of view.slots) {
    sink.varint(slotEpoch)
    sink.varint(inSync.length)
    sink.varint(learners.length)
    for (const storageId of inSync) sink.varint(place(storageId))
    for (const storageId of learners) sink.varint(place(storageId))
  }
  if (view.losses.length > 0) writeLosses(sink, view.losses)
  return sink.finish()
}

/** Who was given up is no member any more: by name. */
function writeLosses(sink: Sink, losses: readonly Loss[]): void {
  sink.varint(losses.length)
  for (const { epoch, lost, slots } of losses) {
    sink.varint(epoch)
    sink.varint(lost.length)
    for (const { storageId, address } of lost) {
      sink.text(storageId)
      sink.text(address)
    }
    sink.varint(slots.length)
    for (const slot of slots) sink.varint(slot)
  }
}

/** @returns the view, or in one sentence why these bytes are none */
export function decodeView(bytes: Uint8Array): View | string {
  const source = new Source(bytes)
  try {
    return readView(source)
  } catch (error) {
    if (error instanceof Malformed) return `not a view: ${error.message} at byte ${source.offset}`
    throw error
  }
}

function readView(source: Source): View {
  for (const byte of magic) if (source.byte() !== byte) throw new Malformed("another format or version")
  const clusterId = source.text()
  const epoch = source.varint()
  const settings = readSettings(source)
  const members: ViewMember[] = []
  const memberCount = source.count(membersMax)
  for (let i = 0; i < memberCount; i++) members.push(readMember(source))
  const storages = members.map((member) => member.storageId)
  if (new Set(storages).size !== storages.length) throw new Malformed("a storage twice")
  const storage = (): string => {
    const found = storages[source.varint()]
    if (found === undefined) throw new Malformed("a place of no member")
    return found
  }
  const list = (length: number) => Array.from({ length }, storage)
  const voters = list(source.count(members.length))
  const slotCount = source.count(65536)
  const slots: SlotAssignment[] = []
  for (let i = 0; i < slotCount; i++) {
    const slotEpoch = source.varint()
    const inSyncCount = source.count(members.length)
    const learnerCount = source.count(members.length)
    if (inSyncCount === 0) throw new Malformed("a slot without a replica")
    slots.push(Object.freeze({ inSync: list(inSyncCount), learners: list(learnerCount), slotEpoch }))
  }
  const losses = source.isAtEnd ? [] : readLosses(source, slotCount)
  if (!source.isAtEnd) throw new Malformed("bytes behind the end")
  return freezeView({ clusterId, epoch, members, voters, settings, slots, losses })
}

function readLosses(source: Source, slotCount: number): Loss[] {
  const count = source.count(lossesMax)
  if (count === 0) throw new Malformed("losses that are none")
  return Array.from({ length: count }, () => {
    const epoch = source.varint()
    const lost = Array.from({ length: source.count(membersMax) }, () =>
      Object.freeze({ storageId: source.text(), address: source.text() }),
    )
    const slots = Array.from({ length: source.count(slotCount) }, () => source.varint())
    return Object.freeze({ epoch, lost, slots })
  })
}

function readSettings(source: Source): Settings {
  const replicationFactor = source.varint()
  const slotCount = source.varint()
  const entryBytesMax = source.varint()
  const leaseMs = source.varint()
  const suspectMs = source.varint()
  const repairGraceMs = source.varint()
  const flags = source.byte()
  if (flags > 3) throw new Malformed("unknown settings")
  const sync = (flags & 1) !== 0
  const transient = (flags & 2) !== 0
  return Object.freeze({
    replicationFactor,
    slotCount,
    sync,
    transient,
    entryBytesMax,
    leaseMs,
    suspectMs,
    repairGraceMs,
  })
}

function readMember(source: Source): ViewMember {
  const nodeId = source.text()
  const storageId = source.text()
  const address = source.text()
  const zone = source.text()
  const boot = source.varint()
  const standing = standings[source.byte()]
  const weight = source.float()
  if (standing === undefined) throw new Malformed("an unknown standing")
  if (!(weight > 0 && Number.isFinite(weight))) throw new Malformed("a weight that is none")
  return Object.freeze({ nodeId, storageId, boot, address, standing, weight, zone })
}

/** Bytes from outside that are not what they should be: caught in this file. */
class Malformed extends Error {}

class Sink {
  private bytes = new Uint8Array(1024)
  private length = 0
  private readonly encoder = new TextEncoder()

  private room(more: number): void {
    if (this.length + more <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
  }

  byte(value: number): void {
    this.room(1)
    this.bytes[this.length++] = value
  }

  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, "a varint is a whole number from 0 on")
    let rest = value
    while (rest >= 0x80) {
      this.byte((rest % 0x80) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    this.byte(rest)
  }

  float(value: number): void {
    this.room(8)
    new DataView(this.bytes.buffer).setFloat64(this.length, value, true)
    this.length += 8
  }

  text(value: string): void {
    const encoded = this.encoder.encode(value)
    this.varint(encoded.length)
    this.room(encoded.length)
    this.bytes.set(encoded, this.length)
    this.length += encoded.length
  }

  finish(): Uint8Array {
    return this.bytes.slice(0, this.length)
  }
}

class Source {
  private readonly bytes: Uint8Array
  private readonly decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  offset = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.offset === this.bytes.length
  }

  byte(): number {
    const value = this.bytes[this.offset]
    if (value === undefined) throw new Malformed("it ends too early")
    this.offset++
    return value
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (!Number.isSafeInteger(value)) throw new Malformed("a number out of range")
      if (byte < 0x80) {
        // Zeros in front would give one view two forms.
        if (byte === 0 && scale > 1) throw new Malformed("a number in a longer form than it needs")
        return value
      }
      scale *= 0x80
    }
  }

  /** A length: never above what it may be, nor above what the bytes that are left could hold. */
  count(max: number): number {
    const count = this.varint()
    if (count > max || count > this.bytes.length - this.offset) throw new Malformed("a list too long")
    return count
  }

  float(): number {
    if (this.offset + 8 > this.bytes.length) throw new Malformed("it ends too early")
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset)
    this.offset += 8
    return view.getFloat64(this.offset - 8, true)
  }

  text(): string {
    const length = this.count(viewTextBytesMax)
    this.offset += length
    try {
      return this.decoder.decode(this.bytes.subarray(this.offset - length, this.offset))
    } catch {
      throw new Malformed("a text that is not UTF-8")
    }
  }
}
