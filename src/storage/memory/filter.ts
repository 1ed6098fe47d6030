/**
 * Which keys exist: says "certainly absent" from memory, so that putting a new key or asking for a missing one does not
 * touch the disk.
 *
 * A split-block Bloom filter (Putze, Sanders and Singler, 2007; the variant, salts included, is Parquet's): a key sets one
 * bit in each of the eight words of one 32-byte block, so asking costs one cache miss and sixteen operations. At 12 bits a
 * key and full, one missing key in two hundred is sent to the disk for nothing.
 *
 * Cuckoo, quotient and counting filters can forget keys. A key that is forgotten once too often (removed when it was never
 * added, added twice and removed twice) makes the filter deny an entry that exists: acknowledged data would be gone. Here
 * bits are only ever set, so no order of calls can lose a key. The price is that removed keys go on to answer "perhaps":
 * when they are many, `worn` asks for a rebuild.
 *
 * A Bloom filter cannot be resized, so it grows by layers (Almeida et al., 2007), each four times as large as the last
 * and with two bits more per key, so that the sum of their errors stays below 1 %. A rebuild, and each start, makes one
 * layer of them again.
 *
 * Rebuild: `beginRebuild`, then add (with `addRebuilt`) every key of the table on disk and every resident one; keys that
 * are stored or evicted meanwhile are added by the table. Then `finishRebuild`. What exists at the beginning is resident
 * (and is walked, or evicted and so added) or on disk; what comes later is stored: none is missed.
 */
import { assert } from "../../core/lib/assert.ts"

const blockBytes = 32
const bitsPerKeyFirst = 12
const bitsPerKeyStep = 2
const layerGrowth = 4
const capacityMin = 64 * 1024
/** More layers than this, and asking costs as many cache misses: time for a rebuild. */
const layersWorn = 3

const salts = Int32Array.of(
  0x47b6137b,
  0x44974d91,
  0x8824ad5b,
  0xa2b7289d,
  0x705495c7,
  0x2df1424b,
  0x9efc4947,
  0x5c6bfb31,
)

class Layer {
  readonly capacity: number
  /** Keys that changed at least one bit. */
  keys = 0
  private readonly blocks: number
  private readonly words: Int32Array

  constructor(capacity: number, bitsPerKey: number) {
    this.capacity = capacity
    this.blocks = Math.ceil((capacity * bitsPerKey) / (blockBytes * 8))
    this.words = new Int32Array((this.blocks * blockBytes) / 4)
  }

  get bytes(): number {
    return this.words.length * 4
  }

  private blockOf(high: number): number {
    return Math.floor(((high >>> 0) * this.blocks) / 2 ** 32) * 8
  }

  has(low: number, high: number): boolean {
    const at = this.blockOf(high)
    for (let i = 0; i < 8; i++) {
      const bit = 1 << (Math.imul(low, salts[i] as number) >>> 27)
      if (((this.words[at + i] as number) & bit) === 0) return false
    }
    return true
  }

  add(low: number, high: number): void {
    const at = this.blockOf(high)
    for (let i = 0; i < 8; i++) {
      ;(this.words[at + i] as number) |= 1 << (Math.imul(low, salts[i] as number) >>> 27)
    }
    this.keys++
  }
}

/** Layers that grow. */
class Layers {
  readonly list: Layer[]

  constructor(capacity: number) {
    this.list = [new Layer(Math.max(capacityMin, Math.ceil(capacity)), bitsPerKeyFirst)]
  }

  has(low: number, high: number): boolean {
    for (let i = this.list.length - 1; i >= 0; i--) if ((this.list[i] as Layer).has(low, high)) return true
    return false
  }

  add(low: number, high: number): void {
    if (this.has(low, high)) return
    let layer = this.list.at(-1) as Layer
    if (layer.keys >= layer.capacity) {
      layer = new Layer(layer.capacity * layerGrowth, bitsPerKeyFirst + bitsPerKeyStep * this.list.length)
      this.list.push(layer)
    }
    layer.add(low, high)
  }
}

export class KeyFilter {
  /** False until all keys of the disk are in it: `mightContain` is true for all. */
  ready = false
  private layers: Layers
  private rebuilt: Layers | undefined
  private removed = 0

  /** @param capacity keys expected; more are no error */
  constructor(capacity: number) {
    this.layers = new Layers(capacity)
  }

  /** @param low and high: both halves of the key's `AliasHash` */
  mightContain(low: number, high: number): boolean {
    return !this.ready || this.layers.has(low, high)
  }

  /** A key is stored, or was read from the disk when the filter was first built. */
  add(low: number, high: number): void {
    this.layers.add(low, high)
    this.rebuilt?.add(low, high)
  }

  /** A key is removed for good. It stays in the filter; this counts. */
  noteRemoved(): void {
    this.removed++
  }

  get rebuilding(): boolean {
    return this.rebuilt !== undefined
  }
  beginRebuild(capacity: number): void {
    assert(this.rebuilt === undefined, "one rebuild at a time")
    this.rebuilt = new Layers(capacity)
    this.removed = 0
  }
  addRebuilt(low: number, high: number): void {
    this.rebuilt?.add(low, high)
  }
  finishRebuild(): void {
    assert(this.rebuilt !== undefined, "a rebuild ends that began")
    this.layers = this.rebuilt
    this.rebuilt = undefined
    this.ready = true
  }
  /** Gives a rebuild up (its walk of the disk failed). */
  abandonRebuild(): void {
    this.rebuilt = undefined
  }

  /** Keys added, repetitions not counted. */
  get keys(): number {
    return this.layers.list.reduce((sum, layer) => sum + layer.keys, 0)
  }
  /** Time for a rebuild: most keys are gone, or there are so many layers that asking is slow. */
  get worn(): boolean {
    const { keys } = this
    return this.layers.list.length > layersWorn || (keys > capacityMin && this.removed > keys / 2)
  }
  get bytes(): number {
    const sum = (layers: Layers) => layers.list.reduce((total, layer) => total + layer.bytes, 0)
    return sum(this.layers) + (this.rebuilt === undefined ? 0 : sum(this.rebuilt))
  }
}
