/**
 * A cache of what belongs to ids of 16 bytes, found by their bits: the same few clients come again and again, and need no string
 * to be found.
 */
import { clientIdsCached } from "./limits.ts"

export class RecentIds<Row> {
  private readonly rows = new Array<Row | undefined>(clientIdsCached).fill(undefined)
  private readonly words = new Int32Array(clientIdsCached * 4)
  /** The id that was looked for last, and where it would be. */
  private a = 0
  private b = 0
  private c = 0
  private d = 0
  private place = 0

  /** @returns what was kept for the id that lies at `at`, if it is still there */
  find(bytes: Uint8Array, at: number): Row | undefined {
    const a = (this.a = word(bytes, at))
    const b = (this.b = word(bytes, at + 4))
    const c = (this.c = word(bytes, at + 8))
    const d = (this.d = word(bytes, at + 12))
    const place = (this.place = (a ^ b ^ c ^ d) & (clientIdsCached - 1))
    const { words } = this
    const first = place * 4
    const isSame =
      words[first] === a && words[first + 1] === b && words[first + 2] === c && words[first + 3] === d
    return isSame ? this.rows[place] : undefined
  }

  clear(): void {
    this.rows.fill(undefined)
  }

  /** Keeps what belongs to the id that was looked for last. */
  keep(row: Row): void {
    const { words, place } = this
    const first = place * 4
    words[first] = this.a
    words[first + 1] = this.b
    words[first + 2] = this.c
    words[first + 3] = this.d
    this.rows[place] = row
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}
