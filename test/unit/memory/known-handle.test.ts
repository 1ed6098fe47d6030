/** `store` with a handle that `find` gave: the same as without, whatever happens in between. */
import { describe, expect, it } from "vitest"
import { absent } from "../../../src/core/entry/memory.ts"
import { Prng } from "../../../src/core/lib/prng.ts"
import { EntryTable } from "../../../src/storage/memory/table.ts"
import { MapMemory } from "../../support/map-memory.ts"

const bytesOf = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0))

function run(seed: number): { used: number; refused: number } {
  const prng = new Prng(seed)
  const options = {
    seed: [seed, 7],
    bytesMax: 0,
    entriesMax: 0,
    transient: prng.chance(1, 4),
    complete: true,
  } as const
  const table = new EntryTable(options)
  const model = new MapMemory()
  const figures = { used: 0, refused: 0 }
  const kept: { alias: string; handle: number; version: number }[] = []
  let position = 0
  for (let step = 0; step < 400; step++) {
    const alias = `key ${prng.below(12)}`
    const name = bytesOf(alias)
    const choice = prng.below(10)
    if (choice < 3) {
      const handle = table.find(name, 0, name.length)
      if (handle >= 0) kept.push({ alias, handle, version: table.version })
    } else if (choice < 8) {
      const content = bytesOf("c".repeat(prng.pick([3, 3, 3, 4, 40, 700])) + step)
      const record = new Uint8Array([...name, ...content])
      const before = kept.findLast((found) => found.alias === alias)
      const known = before !== undefined && before.version === table.version ? before.handle : absent
      if (known === absent) figures.refused++
      else figures.used++
      position += 8
      const expiresAtMs = prng.chance(1, 8) ? 9e12 : 0
      table.store(1, record, 0, name.length, name.length, content.length, expiresAtMs, position, known)
      model.store(1, record, 0, name.length, name.length, content.length, expiresAtMs, position)
    } else if (choice === 8) {
      position += 8
      table.remove(1, name, 0, name.length, position)
      model.remove(1, name, 0, name.length, position)
    } else {
      if (prng.chance(1, 2)) table.flushedTo(1, position)
      table.maintain(prng.below(20))
    }
  }
  for (let key = 0; key < 12; key++) {
    const name = bytesOf(`key ${key}`)
    const handle = table.find(name, 0, name.length)
    const entry = model.entries.get(`key ${key}`)
    expect(handle >= 0).toBe(entry !== undefined)
    if (entry === undefined) continue
    const content = new Uint8Array(table.contentLength(handle))
    table.copyContent(handle, content, 0)
    expect(content).toEqual(entry.content)
    expect(table.expiresAtMs(handle)).toBe(entry.expiresAtMs)
  }
  return figures
}

describe("a known handle", () => {
  it("stores what a look-up would have stored", () => {
    const sum = { used: 0, refused: 0 }
    for (let seed = 1; seed <= 300; seed++) {
      const { used, refused } = run(seed)
      sum.used += used
      sum.refused += refused
    }
    expect(sum.used).toBeGreaterThan(3000)
    expect(sum.refused).toBeGreaterThan(3000)
  })
})
