import { expect, test } from "vitest"
import { recordBytes, recordHeaderBytes, recordOffset } from "../../../src/core/entry/record.ts"
import { Prng } from "../../../src/core/lib/prng.ts"
import { Prepared } from "../../../src/core/replication/prepared.ts"
import { PreparedChanges } from "../../../src/core/replication/prepared-changes.ts"

function preparedOf(alias: Uint8Array, position: number): Prepared {
  const bytes = new Uint8Array(recordBytes(alias.length, 0, 0))
  bytes[recordOffset.aliasLength] = alias.length
  bytes.set(alias, recordHeaderBytes)
  return new Prepared(undefined, 0, bytes, 0, position, undefined, 0, undefined, 0, 0, Infinity)
}

/** So few hashes that aliases meet, in one chain and with one hash; those that only meet part when the table grows. */
const hashOf = (alias: Uint8Array) => (alias[0] as number) | (((alias[1] as number) & 1) << 10)

test("finds what a map would, under collisions, growth and any order of leaving", () => {
  const prng = new Prng(7)
  const changes = new PreparedChanges()
  const model = new Map<string, Prepared>()
  const open: Prepared[] = []
  let most = 0
  let wrong = 0
  const aliases = Array.from({ length: 5_000 }, (_, i) => Uint8Array.of(i & 255, i >>> 8))
  const latest = (alias: Uint8Array) => changes.latest(hashOf(alias), alias, 0, alias.length)
  for (let step = 0; step < 9_000; step++) {
    const alias = aliases[prng.below(aliases.length)] as Uint8Array
    if (latest(alias) !== model.get(alias.join())) wrong++
    if (prng.chance(step < 4_000 ? 9 : 3, 10)) {
      const prepared = preparedOf(alias, step)
      changes.add(prepared, hashOf(alias), latest(alias))
      model.set(alias.join(), prepared)
      open.push(prepared)
    } else if (open.length > 0) {
      const [gone] = open.splice(prng.chance(1, 2) ? 0 : prng.below(open.length), 1) as [Prepared]
      changes.remove(gone)
      const key = gone.bytes.subarray(recordHeaderBytes, recordHeaderBytes + 2).join()
      if (model.get(key) === gone) model.delete(key)
    }
    most = Math.max(most, model.size)
  }
  for (const alias of aliases) if (latest(alias) !== model.get(alias.join())) wrong++
  expect(wrong).toBe(0)
  expect(most).toBeGreaterThan(2_048)
})
