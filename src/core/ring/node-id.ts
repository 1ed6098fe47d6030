/**
 * A node's place on the ring: 256 bits, which people see as `hex-hex-hex-hex`, four groups of 64 bits without leading
 * zeros (`1-a-2-b`).
 *
 * In the program it is a string of exactly 64 lower-case hexadecimal digits. So ids compare, sort and serve as map keys
 * as strings do, in the order of their numbers, and a message carries them as they are. Rejected: four numbers or a
 * BigInt, which are no map keys or compare slower, for arithmetic that only `ringDistance` needs.
 */
import { assert } from "../lib/assert.ts"
import type { Prng } from "../lib/prng.ts"

declare const brand: unique symbol
/** 64 lower-case hexadecimal digits. Made by the functions below only. */
export type NodeId = string & { readonly [brand]: "NodeId" }

/** `0-0-0-0`: in a configuration, "choose one at the first start". No node runs under it. */
export const unsetNodeId = "0".repeat(64) as NodeId

/** The `N` of `k/N` is at most this: with more, the ids of the rule would not differ in their upper 32 bits. */
const indexedNodesMax = 2 ** 32

/**
 * Reads `hex-hex-hex-hex` (each group 1 to 16 digits, either case) or `k/N`.
 * @returns undefined where `text` is neither; `unsetNodeId` for `0-0-0-0`
 */
export function parseNodeId(text: string): NodeId | undefined {
  const indexed = /^(\d{1,10})\/(\d{1,10})$/.exec(text)
  if (indexed !== null) {
    const k = Number(indexed[1])
    const n = Number(indexed[2])
    return k >= 1 && k <= n && n <= indexedNodesMax ? indexedNodeId(k, n) : undefined
  }
  if (!/^[0-9a-fA-F]{1,16}(-[0-9a-fA-F]{1,16}){3}$/.test(text)) return undefined
  const digits = text.split("-").map((group) => group.padStart(16, "0"))
  return digits.join("").toLowerCase() as NodeId
}

/** @returns `hex-hex-hex-hex`, which `parseNodeId` reads back */
export function formatNodeId(id: NodeId): string {
  return [0, 16, 32, 48].map((start) => id.slice(start, start + 16).replace(/^0{1,15}/, "")).join("-")
}

/** @returns whether `text` has the form in which ids travel and lie on disk */
export function isNodeId(text: string): text is NodeId {
  return /^[0-9a-f]{64}$/.test(text)
}

/**
 * The `k`-th of `n` evenly spaced ids: floor((k - 1) * 2^32 / n) in the upper 32 bits, the rest `0-0-1`. Numbering
 * sparsely (`1/32`, `9/32`, …) leaves room between nodes.
 * @param k from 1 to `n`
 */
export function indexedNodeId(k: number, n: number): NodeId {
  assert(
    Number.isInteger(k) && Number.isInteger(n) && k >= 1 && k <= n && n <= indexedNodesMax,
    "k/N has 1 ≤ k ≤ N ≤ 2^32",
  )
  const upper = (BigInt(k - 1) * 2n ** 32n) / BigInt(n)
  return (upper.toString(16).padStart(8, "0") + "0".repeat(55) + "1") as NodeId
}

/** @returns a random id, never `unsetNodeId` */
export function randomNodeId(prng: Prng): NodeId {
  for (;;) {
    let digits = ""
    for (let word = 0; word < 8; word++) digits += prng.uint32().toString(16).padStart(8, "0")
    if (digits !== unsetNodeId) return digits as NodeId
  }
}

/** For `sort`: the order on the ring, from id 0 upwards. */
export function compareNodeIds(a: NodeId, b: NodeId): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** @returns how far `to` lies behind `from`, going upwards and around: 0 ≤ distance < 2^256 */
export function ringDistance(from: NodeId, to: NodeId): bigint {
  return BigInt.asUintN(256, BigInt(`0x${to}`) - BigInt(`0x${from}`))
}
