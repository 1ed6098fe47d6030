/** What is done to the table in memory, drawn by `memory.test.ts`. */
import fc from "fast-check"
import { partitionFiles } from "../../src/core/lib/limits.ts"

export interface Setting {
  readonly bytesMax: number
  readonly entriesMax: number
  readonly transient: boolean
  readonly filtered: boolean
  readonly fineLedger: boolean
}
export type Step =
  | { readonly op: "store"; readonly key: number; readonly length: number; readonly expiry: number }
  | { readonly op: "remove"; readonly key: number }
  | { readonly op: "load"; readonly key: number }
  | { readonly op: "flush"; readonly file: number; readonly part: number }
  | { readonly op: "maintain"; readonly steps: number }
  | { readonly op: "expired"; readonly nowMs: number }
  | { readonly op: "scan"; readonly steps: number }
  | { readonly op: "rebuild" }

/** Of the table's files: few, so that each gets something. */
export const filesUsed = 3
export const slotOf = (alias: string) => {
  const sum = [...new TextEncoder().encode(alias)].reduce((all, byte) => (Math.imul(all, 31) + byte) >>> 0, 0)
  return (sum % 8191) * partitionFiles + (sum % filesUsed)
}

export const keys = 40
const key = fc.integer({ min: 0, max: keys })
const expiry = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 3_000_000 }) },
)
export const stepOf = (length: fc.Arbitrary<number>): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 10, arbitrary: fc.record({ op: fc.constant("store" as const), key, length, expiry }) },
    { weight: 4, arbitrary: fc.record({ op: fc.constant("remove" as const), key }) },
    { weight: 5, arbitrary: fc.record({ op: fc.constant("load" as const), key }) },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant("flush" as const),
        file: fc.integer({ min: 0, max: filesUsed - 1 }),
        part: fc.integer({ min: 1, max: 4 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ op: fc.constant("maintain" as const), steps: fc.integer({ min: 1, max: 60 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constant("expired" as const),
        nowMs: fc.integer({ min: 0, max: 4_000_000 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ op: fc.constant("scan" as const), steps: fc.integer({ min: 1, max: 3000 }) }),
    },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("rebuild" as const) }) },
  )
export const setting = (bytes: readonly number[]): fc.Arbitrary<Setting> =>
  fc.record({
    bytesMax: fc.constantFrom(0, ...bytes),
    entriesMax: fc.constantFrom(0, 0, 5, 20),
    transient: fc.boolean(),
    filtered: fc.boolean(),
    fineLedger: fc.boolean(),
  })
