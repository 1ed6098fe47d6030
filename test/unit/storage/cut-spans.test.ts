/** Against the plainest definition: a round must not end between a record and the first cut behind it that voids it. */
import { describe, expect, test } from "vitest"
import { recordKind, type RecordView } from "../../../src/core/entry/record.ts"
import { Prng } from "../../../src/core/lib/prng.ts"
import { CutSpans } from "../../../src/storage/table/cut-spans.ts"

interface Each {
  readonly kind: number
  readonly slot: number
  readonly sequence: number
  readonly batch: number
}

/** A log as a replica writes it: sequences without gaps, cuts of what is there. */
function randomLog(prng: Prng): Each[] {
  const log: Each[] = []
  const last = new Map<number, number>()
  let batch = 1
  for (let i = prng.between(1, 60); i > 0; i--) {
    const slot = prng.below(3)
    const sequence = last.get(slot) ?? 0
    if (prng.chance(1, 4)) {
      const kept = prng.between(Math.max(0, sequence - 4), sequence)
      last.set(slot, kept)
      log.push({ kind: recordKind.cut, slot, sequence: kept, batch })
    } else {
      last.set(slot, sequence + 1)
      log.push({ kind: recordKind.entry, slot, sequence: sequence + 1, batch })
    }
    if (prng.chance(1, 2)) batch++
  }
  return log
}

function isForbidden(log: readonly Each[], end: number): boolean {
  return log.some((record, at) => {
    if (record.kind !== recordKind.entry || record.batch > end) return false
    const cut = log
      .slice(at)
      .find(
        (each) =>
          each.kind === recordKind.cut && each.slot === record.slot && each.sequence < record.sequence,
      )
    return cut !== undefined && cut.batch > end
  })
}

describe("cut spans", () => {
  test("tell the last batch at which a round may end, or else the next", () => {
    const prng = new Prng(5)
    let moved = 0
    for (let run = 0; run < 500; run++) {
      const log = randomLog(prng)
      const spans = new CutSpans()
      for (const each of log.toReversed()) spans.add(each as unknown as RecordView, each.batch)
      const target = log.at(-1)?.batch as number
      const allowed = Array.from({ length: target + 1 }, (_, end) => end).filter(
        (end) => !isForbidden(log, end),
      )
      for (let wanted = 1; wanted <= target; wanted++) {
        const before = allowed.filter((end) => end <= wanted)
        expect(spans.endBefore(wanted)).toBe(before.at(-1))
        const first = prng.between(1, wanted)
        const inside = before.filter((end) => end >= first).at(-1)
        expect(spans.end(first, wanted)).toBe(inside ?? allowed.find((end) => end >= wanted))
        if (inside !== wanted) moved++
      }
    }
    expect(moved).toBeGreaterThan(500)
  })
})
