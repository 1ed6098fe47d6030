/** An invariant was seen broken. Thrown from wherever it was seen, it ends the run. */
export class Violation extends Error {
  override readonly name = "Violation"
  readonly invariant: string
  constructor(invariant: string, text: string) {
    super(`${invariant}: ${text}`)
    this.invariant = invariant
  }
}

/** Counts how often each invariant was looked at, so that a test can tell that none slept. */
export class Checks {
  private readonly counts = new Map<string, { count: number }>()

  get ran(): ReadonlyMap<string, number> {
    return new Map([...this.counts].map(([invariant, { count }]) => [invariant, count]))
  }

  /** @param text is called only if the invariant is broken */
  that(invariant: string, holds: boolean, text: () => string): void {
    const known = this.counts.get(invariant)
    if (known === undefined) this.counts.set(invariant, { count: 1 })
    else known.count++
    if (!holds) throw new Violation(invariant, text())
  }
}

/** What a run came across; a set of runs that never came across something has not tested it. */
export class Coverage {
  readonly seen = new Map<string, number>()

  count(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }
}
