/**
 * What callers were told, and whether it agrees with what was executed once everything in flight was delivered:
 *
 * - told success, or an evaluated error: executed exactly once
 * - told a definite error: never executed
 * - told an indefinite one: once or never
 *
 * and on the wire: the floor never passes a number whose caller waits, and a number always carries the same operation. Each
 * alias is written by one request only, so its execution is told by its number.
 */
import { expect } from "vitest"
import { QdbError } from "../../../src/client/error.ts"
import type { Decoded, FakeCluster } from "./fake-cluster.ts"

const evaluated = new Set(["alias_already_exists", "alias_not_found"])

interface Told {
  readonly alias: string
  /** "done" or the error's name. */
  readonly outcome: string
  readonly definite: boolean
}

export class Callers {
  readonly cluster: FakeCluster
  readonly told = new Map<string, Told>()
  private readonly violations: string[] = []
  private readonly operations = new Map<number, string>()
  private readonly aliasOf = new Map<number, string>()

  constructor(cluster: FakeCluster) {
    this.cluster = cluster
  }

  /** Notes what the caller of the request for this alias is told. */
  async settled(alias: string, ask: Promise<unknown>): Promise<void> {
    const told = await ask.then(
      () => ({ alias, outcome: "done", definite: true }),
      (error: unknown) => {
        if (!(error instanceof QdbError)) throw error
        return { alias, outcome: error.name, definite: error.definite }
      },
    )
    if (this.told.has(alias)) this.violations.push(`${alias}: told twice`)
    this.told.set(alias, told)
  }

  /** Looks at a write that has come in. */
  check(request: Decoded): void {
    const what = `${request.opcode} ${request.alias} ${request.content}`
    const known = this.operations.get(request.number)
    if (known !== undefined && known !== what)
      this.violations.push(`number ${request.number}: ${known}, then ${what}`)
    this.operations.set(request.number, what)
    this.aliasOf.set(request.number, request.alias)
    for (const [number, alias] of this.aliasOf) {
      if (number < request.floor && !this.told.has(alias))
        this.violations.push(`floor ${request.floor} passes ${number}`)
    }
  }

  expectAgreement(): void {
    expect(this.violations).toEqual([])
    const numbers = Map.groupBy(this.cluster.log, (l) => l.request.alias)
    for (const { alias, outcome, definite } of this.told.values()) {
      // Under all numbers, in case that it had several.
      const used = new Set(numbers.get(alias)?.map((l) => l.request.number))
      const executions = [...used].reduce((sum, n) => sum + (this.cluster.executions.get(n) ?? 0), 0)
      const context = `${alias}: told ${outcome} (definite: ${definite}), numbers ${[...used].join(" ")}`
      expect(used.size, context).toBeLessThanOrEqual(1)
      if (outcome === "done" || evaluated.has(outcome)) expect(executions, context).toBe(1)
      else if (definite) expect(executions, context).toBe(0)
      else expect(executions, context).toBeLessThanOrEqual(1)
    }
  }
}
