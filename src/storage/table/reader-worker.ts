/**
 * The thread that reads the table: entries that are not in memory (`load`), walks (`scan`) and expired entries. Each reader
 * can read every file; loads of one file go to one reader, so that its cache serves them.
 */
import { parentPort, workerData } from "node:worker_threads"
import { partitionFiles, scanRowsMax } from "../../core/lib/limits.ts"
import type { SlotPiece } from "../../core/replication/transfer.ts"
import { handedOver } from "../../platform/buffers.ts"
import { listen } from "../../platform/worker.ts"
import { StorageError } from "../storage.ts"
import { PartitionReader } from "./partition-reader.ts"
import { partitionPath } from "./partition.ts"

export interface ReaderData {
  readonly directory: string
  readonly slotCount: number
}

export interface LoadItem {
  readonly slot: number
  /** latin1 */
  readonly alias: string
}

export interface LoadAnswer {
  readonly slot: number
  readonly alias: string
  readonly content: Uint8Array | undefined
  readonly expiresAtMs: number
  readonly error: string | undefined
}

export type ReaderRequest =
  | { readonly kind: "load"; readonly items: readonly LoadItem[] }
  | {
      readonly kind: "scan"
      readonly id: number
      readonly prefix: Uint8Array
      readonly slot: number
      readonly after: Uint8Array
      readonly bytesMax: number
      /** Which to walk, ascending; undefined = all. */
      readonly slots: Uint16Array | undefined
    }
  | {
      readonly kind: "entries"
      readonly id: number
      readonly slot: number
      readonly after: Uint8Array
      readonly bytesMax: number
    }
  | { readonly kind: "expired"; readonly id: number; readonly nowMs: number; readonly limit: number }
  | {
      readonly kind: "keys"
      readonly id: number
      readonly slot: number
      readonly after: Uint8Array
      readonly limit: number
    }
  | { readonly kind: "close" }

export type ReaderMessage =
  | { readonly kind: "loaded"; readonly answers: readonly LoadAnswer[] }
  | {
      readonly kind: "scanned"
      readonly id: number
      readonly aliases: Uint8Array[]
      readonly slot: number
      readonly after: Uint8Array
    }
  | { readonly kind: "expired"; readonly id: number; readonly entries: { slot: number; key: Uint8Array }[] }
  | { readonly kind: "entries"; readonly id: number; readonly piece: SlotPiece }
  | { readonly kind: "keys"; readonly id: number; readonly keys: Uint8Array[] }
  | { readonly kind: "failed"; readonly id: number; readonly text: string; readonly slot: number | undefined }
  | { readonly kind: "closed" }

const data = workerData as ReaderData
const port = parentPort as NonNullable<typeof parentPort>
const send = (message: ReaderMessage, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
const files = new Map<number, PartitionReader>()

function fileOf(slot: number): PartitionReader {
  const index = slot % partitionFiles
  let file = files.get(index)
  if (file === undefined) {
    file = new PartitionReader(data.directory, index)
    files.set(index, file)
  }
  return file
}

function loadAll(items: readonly LoadItem[]): void {
  const answers = items.map(load)
  const contents = answers.map(({ content }) => content).filter((content) => content !== undefined)
  send({ kind: "loaded", answers }, handedOver(contents))
}

function describe(error: unknown, slot: number): string {
  if (error instanceof StorageError) return error.message
  return `${partitionPath(data.directory, slot % partitionFiles)}: slot ${slot}: ${error instanceof Error ? error.message : String(error)}`
}

function load({ slot, alias }: LoadItem): LoadAnswer {
  try {
    const key = Buffer.from(alias, "latin1")
    const file = fileOf(slot)
    const entry = file.snapshot(() => file.load(slot, key))
    return { slot, alias, content: entry?.content, expiresAtMs: entry?.expiresAtMs ?? 0, error: undefined }
  } catch (error) {
    return { slot, alias, content: undefined, expiresAtMs: 0, error: describe(error, slot) }
  }
}

const rowsPerRead = 256

/**
 * One piece of a walk in (slot, alias) order, bounded in bytes told and in rows looked at: a piece may be empty and yet
 * not the last. A slot is verified the first time that anybody walks it, so that rows which a damaged tree hides are missed.
 */
function scan(request: Extract<ReaderRequest, { kind: "scan" }>): void {
  const { id, prefix, bytesMax, slots } = request
  const aliases: Uint8Array[] = []
  let bytes = 0
  let rows = 0
  let { after } = request
  let slot = nextSlot(slots, request.slot)
  if (slot !== request.slot) after = new Uint8Array(0)
  try {
    while (slot < data.slotCount && bytes < bytesMax && rows < scanRowsMax) {
      const file = fileOf(slot)
      const piece = file.snapshot(() => {
        if (!file.wasVerified(slot)) rows += file.verifySlot(slot)
        return file.keysFrom(slot, prefix, after, rowsPerRead)
      })
      rows += piece.length
      let ended = piece.length < rowsPerRead
      for (const key of piece) {
        if (!startsWith(key, prefix)) {
          ended = true
          break
        }
        aliases.push(key)
        after = key
        bytes += key.length
        if (bytes >= bytesMax) {
          ended = false
          break
        }
      }
      if (!ended) continue
      slot = nextSlot(slots, slot + 1)
      after = new Uint8Array(0)
      rows++
    }
    send({ kind: "scanned", id, aliases, slot, after })
  } catch (error) {
    send({ kind: "failed", id, text: describe(error, slot), slot })
  }
}

/** @returns the first slot from `slot` on that is to be walked, or the end */
function nextSlot(slots: Uint16Array | undefined, slot: number): number {
  if (slots === undefined) return slot
  return slots.find((each) => each >= slot) ?? data.slotCount
}

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  if (key.length < prefix.length) return false
  for (let i = 0; i < prefix.length; i++) if (key[i] !== prefix[i]) return false
  return true
}

function expired(id: number, nowMs: number, limit: number): void {
  const entries: { slot: number; key: Uint8Array }[] = []
  for (let index = 0; index < partitionFiles; index++) {
    try {
      entries.push(...fileOf(index).expired(nowMs, Math.ceil(limit / partitionFiles)))
    } catch (error) {
      return send({ kind: "failed", id, text: describe(error, index), slot: undefined })
    }
  }
  send({ kind: "expired", id, entries })
}

function entries(id: number, slot: number, after: Uint8Array, bytesMax: number): void {
  try {
    const file = fileOf(slot)
    const piece = file.snapshot(() => {
      if (!file.wasVerified(slot)) file.verifySlot(slot)
      return file.entries(slot, after, bytesMax)
    })
    send({ kind: "entries", id, piece })
  } catch (error) {
    send({ kind: "failed", id, text: describe(error, slot), slot })
  }
}

function keys(id: number, slot: number, after: Uint8Array, limit: number): void {
  try {
    send({ kind: "keys", id, keys: fileOf(slot).keys(slot, after, limit) })
  } catch (error) {
    send({ kind: "failed", id, text: describe(error, slot), slot })
  }
}

listen((request: ReaderRequest) => {
  switch (request.kind) {
    case "load":
      return loadAll(request.items)
    case "scan":
      return scan(request)
    case "expired":
      return expired(request.id, request.nowMs, request.limit)
    case "keys":
      return keys(request.id, request.slot, request.after, request.limit)
    case "entries":
      return entries(request.id, request.slot, request.after, request.bytesMax)
    case "close":
      for (const file of files.values()) file.close()
      send({ kind: "closed" })
  }
})
