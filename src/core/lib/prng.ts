/**
 * A seeded generator: xoshiro128** (Blackman and Vigna, https://prng.di.unimi.it/), seeded by splitmix32.
 *
 * Randomness is a parameter (TigerBeetle `stdx/prng.zig`): protocol code that wants a random back-off is given one of
 * these, so that a seed decides a whole simulation. Chances are integer ratios, since a rounding difference between two
 * platforms would change every draw after it.
 */
import { assert } from "./assert.ts"

export class Prng {
  private a: number
  private b: number
  private c: number
  private d: number

  /** @param seed any finite number; its low 32 bits and the next 21 are used */
  constructor(seed: number) {
    let state = (seed ^ Math.imul(Math.floor(seed / 2 ** 32), 0x9e3779b9)) | 0
    const next = () => {
      state = (state + 0x9e3779b9) | 0
      let z = state
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      return (z ^ (z >>> 15)) | 0
    }
    this.a = next()
    this.b = next()
    this.c = next()
    this.d = next() | 1 // the state must not be all zero
  }

  /** @returns an integer in [0, 2^32) */
  uint32(): number {
    const product = Math.imul(this.b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const t = this.b << 9
    this.c ^= this.a
    this.d ^= this.b
    this.b ^= this.c
    this.a ^= this.d
    this.c ^= t
    this.d = (this.d << 11) | (this.d >>> 21)
    return result
  }

  /** @returns an integer in [0, bound), for 0 < bound ≤ 2^32; unbiased by rejection */
  below(bound: number): number {
    assert(bound > 0 && bound <= 2 ** 32, "a draw is below a bound of 1 to 2^32")
    for (;;) {
      const draw = this.uint32()
      // The remainder of a division by hand, which is exact below 2^53: engines call a function for `%` above 2^31.
      const remainder = draw - Math.floor(draw / bound) * bound
      // Draws of the last, incomplete run of remainders count for nothing.
      if (draw - remainder <= 2 ** 32 - bound) return remainder
    }
  }

  /** @returns an integer in [low, high], both included */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /** @returns true in `numerator` of `denominator` cases */
  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator
  }

  /** @returns one of `items`, which must not be empty */
  pick<A>(items: readonly A[]): A {
    return items[this.below(items.length)] as A
  }

  /** Fills `target` with random bytes. */
  scribble(target: Uint8Array): void {
    for (let i = 0; i < target.length; i++) target[i] = this.uint32() >>> 24
  }

  /** Shuffles in place (Fisher-Yates). */
  shuffle<A>(items: A[]): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const swapped = items[i] as A
      items[i] = items[j] as A
      items[j] = swapped
    }
  }

  /** @returns a generator of its own, so that two parts of a simulation do not disturb each other's draws */
  fork(): Prng {
    return new Prng(this.uint32() + this.uint32() * 2 ** 20)
  }
}
