/**
 * Failure domains of the members: which zone and host each is in, and how many replicas of one slot a zone or host may
 * hold. With at least as many zones as replicas that is one; with fewer, as few as go around, so that three replicas in
 * two zones lie two and one.
 *
 * Zones count only where every member names one: a member without might be anywhere. A member without a host is a host
 * of its own.
 */
import { assert } from "../lib/assert.ts"
import { apportion } from "./quota.ts"
import type { QuotaNode } from "./quota.ts"

export interface PlacementMember {
  /** Names the member in assignments; in a view, the storage id. */
  readonly id: string
  /** Share of slots relative to the others'; above 0. */
  readonly weight: number
  /** "" = not named. */
  readonly host: string
  readonly zone: string
}

export interface Domains {
  /** By member: number of its zone and of its host. */
  readonly zoneOf: Int32Array
  readonly hostOf: Int32Array
  /** The most replicas of one slot in a zone, in a host. */
  readonly zoneMax: number
  readonly hostMax: number
}

export function domainsOf(members: readonly PlacementMember[], factor: number): Domains {
  const zonesNamed = members.every((member) => member.zone !== "")
  const zoneNumbers = new Map<string, number>()
  const hostNumbers = new Map<string, number>()
  const zoneOf = new Int32Array(members.length)
  const hostOf = new Int32Array(members.length)
  members.forEach((member, index) => {
    const zone = zonesNamed ? member.zone : ""
    zoneOf[index] = numberOf(zoneNumbers, zone)
    // Hosts of one name in two zones are two hosts.
    hostOf[index] = numberOf(
      hostNumbers,
      member.host === "" ? `member ${member.id}` : `host ${zone} ${member.host}`,
    )
  })
  return {
    zoneOf,
    hostOf,
    zoneMax: Math.ceil(factor / zoneNumbers.size),
    hostMax: Math.ceil(factor / hostNumbers.size),
  }
}

function numberOf(numbers: Map<string, number>, name: string): number {
  let number = numbers.get(name)
  if (number === undefined) numbers.set(name, (number = numbers.size))
  return number
}

/**
 * @param held replicas that each member holds and may keep
 * @returns how many replicas each member is to hold; together `slots * factor`, unless the domains hold less
 */
export function quotasOf(
  members: readonly PlacementMember[],
  domains: Domains,
  slots: number,
  factor: number,
  held: Int32Array,
): Int32Array {
  const nodes = members.map((member, index): QuotaNode => ({
    weight: member.weight,
    capacity: slots,
    held: held[index] as number,
  }))
  const quotas = new Int32Array(members.length)
  const all = members.map((_, index) => index)
  const hosts = (under: readonly number[]) =>
    groupBy(under, (index) => domains.hostOf[index] as number).map((group) => ({
      group,
      node: combine(group, nodes, slots * domains.hostMax),
    }))
  const zones = groupBy(all, (index) => domains.zoneOf[index] as number).map((group) => {
    const inside = hosts(group)
    const sum = combine(group, nodes, slots * domains.zoneMax)
    const fits = inside.reduce((total, host) => total + host.node.capacity, 0)
    return { inside, node: { ...sum, capacity: Math.min(sum.capacity, fits) } }
  })
  const zoneQuotas = apportion(
    slots * factor,
    zones.map((zone) => zone.node),
  )
  zones.forEach((zone, z) => {
    const hostQuotas = apportion(
      zoneQuotas[z] as number,
      zone.inside.map((host) => host.node),
    )
    zone.inside.forEach(({ group }, h) => {
      const shares = apportion(
        hostQuotas[h] as number,
        group.map((index) => nodes[index] as QuotaNode),
      )
      group.forEach((index, i) => {
        quotas[index] = shares[i] as number
      })
    })
  })
  return quotas
}

function combine(group: readonly number[], nodes: readonly QuotaNode[], capacityMax: number): QuotaNode {
  let weight = 0
  let capacity = 0
  let held = 0
  for (const index of group) {
    const node = nodes[index]
    assert(node !== undefined, "a group names members")
    weight += node.weight
    capacity += node.capacity
    held += node.held
  }
  return { weight, capacity: Math.min(capacity, capacityMax), held }
}

/** Groups in the order of their first member. */
function groupBy(indexes: readonly number[], keyOf: (index: number) => number): number[][] {
  const groups = new Map<number, number[]>()
  for (const index of indexes) {
    const key = keyOf(index)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [index])
    else group.push(index)
  }
  return [...groups.values()]
}
