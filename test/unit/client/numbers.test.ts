import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Numbers } from "../../../src/client/numbers.ts"

describe("numbers of writes", () => {
  it("keep the floor at the lowest unanswered number, in whatever order answers come", () => {
    const steps = fc.array(fc.oneof(fc.constant("take" as const), fc.nat(63)), { maxLength: 400 })
    fc.assert(
      fc.property(steps, (plan) => {
        const numbers = new Numbers(64)
        const open: number[] = []
        let next = 1
        for (const step of plan) {
          if (step === "take") {
            const room = next - (open.length === 0 ? next : Math.min(...open)) < 64
            expect(numbers.available).toBe(room)
            if (!room) continue
            expect(numbers.take()).toBe(next)
            open.push(next++)
          } else if (open.length > 0) {
            numbers.answered(open.splice(step % open.length, 1)[0] as number)
          }
          expect(numbers.floor).toBe(open.length === 0 ? next : Math.min(...open))
        }
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  it("refuse a number that is answered twice, or was never given", () => {
    const numbers = new Numbers(8)
    numbers.take()
    numbers.take()
    numbers.answered(2)
    expect(() => numbers.answered(2)).toThrow("answered once")
    expect(() => numbers.answered(3)).toThrow("open number")
    numbers.answered(1)
    expect(() => numbers.answered(1)).toThrow("open number")
  })
})
