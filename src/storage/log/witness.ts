/**
 * The witness: which batch was the last that was acknowledged.
 *
 * A log that is damaged near its end looks like one that ends there: one flipped bit would lose acknowledged batches silently. So the committing thread writes the number of each batch to `WITNESS` after its fsync
 * has returned and before anybody is told. A log that ends before the witness is damaged, and the node says so instead of
 * starting. The witness itself is not fsynced: when the power fails it may be older than the log, never newer.
 *
 * Two equal copies of 32 bytes, each in a sector of its own; the greater valid one counts:
 * `0 u32 magic "qdbW"`, `4 u32 1 if the log is fsynced`, `8 f64 batch`, `16 u32 the batch's checksum`,
 * `20 u32 checksum of bytes 0-19`.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { bytesChecksum } from "../checksum.ts"
import { witnessName } from "../directory/names.ts"
import { StorageError } from "../storage.ts"

const magic = 0x57626471
const copyBytes = 512

export interface Witnessed {
  readonly batch: number
  readonly checksum: number
  readonly synced: boolean
}

export class Witness {
  private readonly file: number
  private readonly bytes = new Uint8Array(2 * copyBytes)
  private readonly view = new DataView(this.bytes.buffer)

  constructor(directory: string, create: boolean) {
    this.file = openSync(join(directory, witnessName), create ? "w" : "r+", 0o640)
  }

  /** Only the system's cache is written: a microsecond. */
  write(batch: number, checksum: number, synced: boolean): void {
    for (const at of [0, copyBytes]) {
      this.view.setUint32(at, magic, true)
      this.view.setUint32(at + 4, synced ? 1 : 0, true)
      this.view.setFloat64(at + 8, batch, true)
      this.view.setUint32(at + 16, checksum, true)
      this.view.setUint32(at + 20, bytesChecksum(this.bytes.subarray(at, at + 20)), true)
    }
    writeSync(this.file, this.bytes, 0, this.bytes.length, 0)
  }

  sync(): void {
    fsyncSync(this.file)
  }

  close(): void {
    closeSync(this.file)
  }
}

/** @throws StorageError if neither copy is whole */
export function readWitness(directory: string): Witnessed {
  const path = join(directory, witnessName)
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new StorageError(`${path}: ${(error as Error).message}`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let best: Witnessed | undefined
  for (const at of [0, copyBytes]) {
    if (bytes.length < at + 24 || view.getUint32(at, true) !== magic) continue
    if (bytesChecksum(bytes.subarray(at, at + 20)) !== view.getUint32(at + 20, true)) continue
    const batch = view.getFloat64(at + 8, true)
    if (best !== undefined && best.batch >= batch) continue
    best = { batch, checksum: view.getUint32(at + 16, true), synced: view.getUint32(at + 4, true) === 1 }
  }
  if (best === undefined) throw new StorageError(`${path}: damaged: neither copy matches its checksum`)
  return best
}
