/**
 * A cache of what belongs to ids of 16 bytes, found by their bits: the same few clients come again and again, and need no string
 * to be found.
 */
import { clientIdsCached } from "./limits.ts"

export class RecentIds<Row> {
  private readonly rows = new Array<Row | undefined>(clientIdsCached).fill(undefined)
  private readonly words = new Int32Array(clientIdsCached * 4)

  /** @returns what was kept for the id that lies at `at`, if it is still there */
  find(bytes: Uint8Array, at: number): Row | undefined {
    const a = word(bytes, at)
    const b = word(bytes, at + 4)
    const c = word(bytes, at + 8)
    const d = word(bytes, at + 12)
    const { words } = this
    const place = placeOf(a, b, c, d)
    const first = place * 4
    const isSame =
      words[first] === a && words[first + 1] === b && words[first + 2] === c && words[first + 3] === d
    return isSame ? this.rows[place] : undefined
  }

  keep(bytes: Uint8Array, at: number, row: Row): void {
    const a = word(bytes, at)
    const b = word(bytes, at + 4)
    const c = word(bytes, at + 8)
    const d = word(bytes, at + 12)
    const place = placeOf(a, b, c, d)
    this.words.set([a, b, c, d], place * 4)
    this.rows[place] = row
  }

  clear(): void {
    this.rows.fill(undefined)
  }
}

function placeOf(a: number, b: number, c: number, d: number): number {
  return (a ^ b ^ c ^ d) & (clientIdsCached - 1)
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}
