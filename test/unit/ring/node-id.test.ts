import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Prng } from "../../../src/core/lib/prng.ts"
import {
  compareNodeIds,
  formatNodeId,
  indexedNodeId,
  isNodeId,
  parseNodeId,
  randomNodeId,
  ringDistance,
  unsetNodeId,
} from "../../../src/core/ring/node-id.ts"
import type { NodeId } from "../../../src/core/ring/node-id.ts"
import { ownerOf, predecessorOf, successorOf } from "../../../src/core/ring/order.ts"

const id = (text: string): NodeId => {
  const parsed = parseNodeId(text)
  if (parsed === undefined) throw new Error(text)
  return parsed
}

describe("node id", () => {
  it("reads and prints groups without leading zeros", () => {
    const sample = "509f39a3f176b9-179cd55bd9dc83c5-c09beea926e4bb75-a460c8c4e5487da9"
    expect(formatNodeId(id(sample))).toBe(sample)
    expect(formatNodeId(id("1-a-2-B"))).toBe("1-a-2-b")
    expect(formatNodeId(id("0000000000000000-0-0-1"))).toBe("0-0-0-1")
    expect(id("0-0-0-0")).toBe(unsetNodeId)
    expect(formatNodeId(unsetNodeId)).toBe("0-0-0-0")
  })

  it.each([
    "",
    "1-2-3",
    "1-2-3-4-5",
    "g-0-0-1",
    "1--2-3",
    "10000000000000000-0-0-1",
    " 1-2-3-4",
    "0/3",
    "4/3",
    "1/0",
    "-1/3",
    "1/4294967297",
  ])("refuses %j", (text) => expect(parseNodeId(text)).toBeUndefined())

  it("spaces k/N evenly, as the published tables do", () => {
    const table = (n: number) => Array.from({ length: n }, (_, k) => formatNodeId(indexedNodeId(k + 1, n)))
    expect(table(3)).toEqual(["0-0-0-1", "5555555500000000-0-0-1", "aaaaaaaa00000000-0-0-1"])
    expect(table(7)[6]).toBe("db6db6db00000000-0-0-1")
    expect(id("9/32")).toBe(id("4000000000000000-0-0-1"))
    expect(id("1/4294967296")).toBe(id("0-0-0-1"))
    expect(id("4294967296/4294967296")).toBe(id("ffffffff00000000-0-0-1"))
  })

  it("random ids are in the form, differ, and depend on the seed alone", () => {
    const draw = (seed: number) => {
      const prng = new Prng(seed)
      return Array.from({ length: 100 }, () => randomNodeId(prng))
    }
    expect(draw(1)).toEqual(draw(1))
    expect(new Set([...draw(1), ...draw(2)]).size).toBe(200)
    expect(draw(1).every(isNodeId)).toBe(true)
  })

  it("compares and measures as the numbers do", () => {
    const number = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n })
    const idOf = (n: bigint) => n.toString(16).padStart(64, "0") as NodeId
    fc.assert(
      fc.property(number, number, (a, b) => {
        expect(parseNodeId(formatNodeId(idOf(a)))).toBe(idOf(a))
        expect(Math.sign(compareNodeIds(idOf(a), idOf(b)))).toBe(a < b ? -1 : a > b ? 1 : 0)
        expect(ringDistance(idOf(a), idOf(b))).toBe(b >= a ? b - a : b - a + 2n ** 256n)
      }),
    )
  })
})

describe("ring order", () => {
  const ring = [id("10-0-0-0"), id("20-0-0-0"), id("30-0-0-0")] as const
  it("goes around", () => {
    expect(ring.map((node) => successorOf(ring, node))).toEqual([ring[1], ring[2], ring[0]])
    expect(ring.map((node) => predecessorOf(ring, node))).toEqual([ring[2], ring[0], ring[1]])
  })
  it("answers for places between nodes", () => {
    expect(ownerOf(ring, id("20-0-0-0"))).toBe(ring[1])
    expect(ownerOf(ring, id("20-0-0-1"))).toBe(ring[2])
    expect(ownerOf(ring, id("31-0-0-0"))).toBe(ring[0])
    expect(successorOf(ring, id("25-0-0-0"))).toBe(ring[2])
    expect(predecessorOf(ring, id("5-0-0-0"))).toBe(ring[2])
  })
  it("has one or no node", () => {
    expect(successorOf([ring[0]], ring[0])).toBe(ring[0])
    expect(predecessorOf([ring[0]], ring[0])).toBe(ring[0])
    expect(ownerOf([], ring[0])).toBeUndefined()
  })
})
