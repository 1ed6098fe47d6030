/** What a child writes, as data, so that the parent knows what must be found afterwards. */
import { Prng } from "../../src/core/lib/prng.ts"

export interface Step {
  readonly alias: string
  /** undefined: removed */
  readonly content: string | undefined
  /** Waits until all before it are acknowledged. */
  readonly wait: boolean
  readonly scan: boolean
}

const keys = 40

export function script(run: number, count: number): readonly Step[] {
  const prng = new Prng(1000 + run)
  return Array.from({ length: count }, (_, i) => ({
    alias: `key ${prng.below(keys)}`,
    content: prng.chance(1, 6) ? undefined : `run ${run} write ${i} `.repeat(1 + prng.below(80)),
    wait: prng.chance(1, 3),
    scan: prng.chance(1, 20),
  }))
}

/**
 * The states in which a key may be found: after its last acknowledged write, or after any later one (which may have become
 * durable without anybody being told).
 */
export class Expectation {
  private readonly states = new Map<string, (string | undefined)[]>()

  /** One run's outcome. @param acknowledged numbers of the steps that were */
  add(steps: readonly Step[], acknowledged: ReadonlySet<number>): void {
    for (const [number, { alias, content }] of steps.entries()) {
      if (acknowledged.has(number)) this.states.set(alias, [content])
      else this.states.set(alias, [...(this.states.get(alias) ?? [undefined]), content])
    }
  }

  get aliases(): string[] {
    return [...this.states.keys()]
  }

  /** @returns what is wrong with finding `content` there */
  check(alias: string, content: string | undefined): string | undefined {
    const states = this.states.get(alias) ?? [undefined]
    if (states.includes(content)) return undefined
    return `${alias}: found ${content?.slice(0, 20)}, expected ${states.map((state) => state?.slice(0, 20)).join(" or ")}`
  }

  /** From now on what was found is certain. */
  settle(alias: string, content: string | undefined): void {
    this.states.set(alias, [content])
  }
}
