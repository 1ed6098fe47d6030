/** Figures over rounds: medians, because one disturbed round must not move the result. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function spreadOf(values: ReadonlyArray<number>): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

/** @returns the middle value, or the mean of the two middle ones; NaN of none */
export function median(values: ReadonlyArray<number>): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle] as number
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

/** Rounded for people and for JSON: four significant digits are more than a shared machine gives. */
export function rounded(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : value
}
