/**
 * Places on the ring as `k/N`: the k-th of N evenly spaced ones. New clusters number sparsely, `1/96, 33/96, 65/96` for
 * three nodes, so that there is room between any two; a node that is added later takes the middle of the widest gap, and
 * nobody else's place changes (a data directory keeps the id it was made with).
 */
import type { Address } from "./address.ts"

export interface Place {
  /** From 1. */
  readonly index: number
  readonly count: number
}

/** A node of a cluster that is to be: where it listens, and where it is on the ring. */
export interface Host {
  readonly address: Address
  readonly place: Place
}

/** Five times a node can be put between two before N must grow. */
const sparseness = 32
const countMax = 2 ** 32

export const placeText = ({ index, count }: Place): string => `${index}/${count}`

export function parsePlace(text: string): Place | undefined {
  const match = /^([0-9]{1,10})\/([0-9]{1,10})$/.exec(text)
  const [index, count] = [Number(match?.[1]), Number(match?.[2])]
  return index >= 1 && index <= count && count <= countMax ? { index, count } : undefined
}

/** @param wanted a place that is taken, or undefined for one to be chosen; taken places differ */
export function assignPlaces(wanted: readonly (Place | undefined)[]): readonly Place[] {
  const taken = wanted.filter((place) => place !== undefined)
  if (taken.length === 0)
    return wanted.map((_, i) => ({ index: i * sparseness + 1, count: wanted.length * sparseness }))
  return wanted.map((place) => {
    if (place !== undefined) return place
    const chosen = widestMiddle(taken)
    taken.push(chosen)
    return chosen
  })
}

/** Positions are fractions of the ring; bigints keep them exact, so that every platform chooses the same. */
function widestMiddle(taken: readonly Place[]): Place {
  const scale = taken.reduce((common, { count }) => lcm(common, BigInt(count)), BigInt(sparseness))
  const positions = taken
    .map(({ index, count }) => (BigInt(index - 1) * scale) / BigInt(count))
    .sort((a, b) => (a < b ? -1 : 1))
  let start = 0n
  let widest = -1n
  for (const [at, position] of positions.entries()) {
    const next = positions[at + 1] ?? (positions[0] as bigint) + scale
    if (next - position > widest) [start, widest] = [position, next - position]
  }
  let numerator = (2n * start + widest) % (2n * scale)
  let count = 2n * scale
  // The same position with the smallest N that is a multiple of what is in use reads best.
  while (count % 2n === 0n && numerator % 2n === 0n && count > scale)
    [numerator, count] = [numerator / 2n, count / 2n]
  if (count > BigInt(countMax))
    [numerator, count] = [(numerator * BigInt(countMax)) / count, BigInt(countMax)]
  return { index: Number(numerator) + 1, count: Number(count) }
}

function lcm(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b]
  while (y > 0n) [x, y] = [y, x % y]
  return (a / x) * b
}
