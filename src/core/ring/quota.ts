/**
 * How many replicas each member is to hold: in proportion to weights, in whole numbers, and never more than fit.
 *
 * Failure domains form a tree (zones hold hosts, hosts hold nodes), and of one slot a domain may hold only so many
 * replicas: one per node; one per host and per zone where there are enough of them, else as few as go around. A domain
 * that is small in number but must hold a replica of every slot therefore gets more than its weight, and the rest is
 * shared among the others in proportion: water filling, from the top of the tree downwards. Each level hands on whole
 * numbers, so what is promised at the top can be kept at the bottom.
 *
 * Proportion leaves fractions. Who gets the odd replica is free, and goes to those who hold it already: that is a move
 * less. Only then to the larger fraction, then to the earlier member.
 */
import { assert } from "../lib/assert.ts"

export interface QuotaNode {
  /** Sum of the members' weights below. */
  readonly weight: number
  /** The most replicas that fit here. */
  readonly capacity: number
  /** Replicas held here already. */
  readonly held: number
}

/**
 * Shares `total` among `nodes` in proportion to weight, each at most its capacity, in whole numbers that add up to
 * `total` (or to all capacities together, if that is less).
 */
export function apportion(total: number, nodes: readonly QuotaNode[]): number[] {
  const ideals = waterFill(total, nodes)
  const quotas = ideals.map((ideal) => Math.floor(ideal + rounding))
  let left = Math.round(ideals.reduce((sum, ideal) => sum + ideal, 0)) - quotas.reduce((sum, q) => sum + q, 0)
  assert(left >= 0, "floors are not more than their sum")
  const order = nodes
    .map((node, index) => {
      const ideal = ideals[index] as number
      const quota = quotas[index] as number
      return { index, keeps: node.held > quota, fraction: ideal - quota, room: node.capacity > quota }
    })
    .filter((candidate) => candidate.room && candidate.fraction > rounding)
    .sort(
      (a, b) =>
        Number(b.keeps) - Number(a.keeps) ||
        (Math.abs(b.fraction - a.fraction) > rounding ? b.fraction - a.fraction : a.index - b.index),
    )
  for (const { index } of order) {
    if (left === 0) break
    quotas[index] = (quotas[index] as number) + 1
    left--
  }
  assert(left === 0, "fractions hold what the floors left")
  return quotas
}

/** Sums of shares differ from whole numbers by less than this. */
const rounding = 1e-6

/** The real-valued shares: whoever would overflow is filled, and the others share what is left. */
function waterFill(total: number, nodes: readonly QuotaNode[]): number[] {
  const shares = nodes.map(() => 0)
  const full = nodes.map(() => false)
  let left = Math.min(
    total,
    nodes.reduce((sum, node) => sum + node.capacity, 0),
  )
  let weight = nodes.reduce((sum, node) => sum + node.weight, 0)
  for (;;) {
    let overflowed = false
    const perWeight = weight > 0 ? left / weight : 0
    nodes.forEach((node, index) => {
      if (full[index] || node.weight * perWeight <= node.capacity) return
      full[index] = true
      shares[index] = node.capacity
      left -= node.capacity
      weight -= node.weight
      overflowed = true
    })
    if (overflowed) continue
    nodes.forEach((node, index) => {
      if (!full[index]) shares[index] = node.weight * perWeight
    })
    return shares
  }
}
