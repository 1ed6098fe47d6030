/**
 * Walks every structure of an entry table and compares them with each other: what a test of answers alone may miss until
 * much later. Reads private fields on purpose.
 */
import { expect } from "vitest"
import { partitionFiles } from "../../../src/core/lib/limits.ts"
import { AliasHash } from "../../../src/storage/memory/alias-hash.ts"
import type { BlockLists } from "../../../src/storage/memory/block-lists.ts"
import { expiryFlag, tombstoneFlag } from "../../../src/storage/memory/entry-block.ts"
import { type EntryStore, missList, removalListOf } from "../../../src/storage/memory/entry-store.ts"
import { freeFlag, prevFreeFlag, segmentUnits, type Slab } from "../../../src/storage/memory/slab.ts"
import type { EntryTable } from "../../../src/storage/memory/table.ts"

const listedFlag = 1 << 29
const sizeMask = (1 << 27) - 1
const fail = (text: string): never => expect.fail(text)

/**
 * Checks that the segments are covered by blocks without gaps, that flags and footers are right, that no two free blocks
 * touch, and that the free lists hold exactly the listed free blocks.
 * @param unitsOf length of a used block
 * @returns references of the used blocks
 */
export function checkSlab(slab: Slab, unitsOf: (reference: number) => number): Set<number> {
  const used = new Set<number>()
  const listed = new Set<number>()
  let freeUnits = 0
  let usedUnits = 0
  let segments = 0
  for (let segment = 0; segment < slab.segmentEnd; segment++) {
    if (!slab.exists(segment)) continue
    segments++
    const words = slab.words[segment] as Int32Array
    let usedHere = 0
    let prevFree = false
    let unit = 1
    while (unit < segmentUnits) {
      const reference = slab.firstOf(segment) - 1 + unit
      const flags = words[unit * 2] as number
      const isFree = (flags & freeFlag) !== 0
      const units = isFree ? flags & sizeMask : unitsOf(reference)
      if (units <= 0) fail(`block ${reference} has ${units} units`)
      if (isFree) {
        if (prevFree) fail(`free blocks touch at ${reference}`)
        if (words[(unit + units) * 2 - 1] !== units) fail(`footer of ${reference}`)
        if ((flags & listedFlag) !== 0) listed.add(reference)
        else if (units >= 3 && segment !== slab.victim) fail(`free block ${reference} is in no list`)
        freeUnits += units
      } else {
        if (((flags & prevFreeFlag) !== 0) !== prevFree) fail(`flag of the block before ${reference}`)
        used.add(reference)
        usedHere += units
      }
      prevFree = isFree
      unit += units
    }
    if (unit !== segmentUnits) fail(`blocks of segment ${segment} do not end with it`)
    expect(slab.usedUnitsOf(segment)).toBe(usedHere)
    usedUnits += usedHere
  }
  let large = 0
  for (let number = 1; number <= slab.largeEnd; number++) {
    const reference = slab.largeOf(number)
    if (!slab.exists(slab.segmentOf(reference))) continue
    large++
    used.add(reference)
    usedUnits += slab.largeUnits(reference)
  }
  expect([slab.segmentCount, slab.largeCount]).toEqual([segments, large])
  expect([slab.freeUnits, slab.usedUnits]).toEqual([freeUnits, usedUnits])
  const heads = slab["heads"]
  let inLists = 0
  heads.forEach((head, list) => {
    if ((head !== 0) !== ((((slab["listed"][list >>> 5] as number) >>> (list & 31)) & 1) === 1))
      fail(`bit of list ${list}`)
    let prev = 0
    for (let reference = head; reference !== 0;) {
      if (!listed.has(reference >>> 0)) fail(`list ${list} holds ${reference >>> 0}`)
      const words = slab.words[slab.segmentOf(reference)] as Int32Array
      const at = slab.unitOf(reference) * 2
      if (words[at + 2] !== prev) fail(`back link of ${reference >>> 0}`)
      inLists++
      prev = reference
      reference = words[at + 1] as number
    }
  })
  expect(inLists).toBe(listed.size)
  return used
}

function membersOf(lists: BlockLists, list: number): number[] {
  const members: number[] = []
  for (let reference = lists.first(list); reference !== 0;) {
    members.push(reference)
    const next = lists["next"](reference)
    const back = (next & (2 ** 19 - 1)) === 0 ? (lists["tails"][next >>> 19] as number) : lists["prev"](next)
    if (back >>> 0 !== reference) fail(`back link in list ${list}`)
    reference = (next & (2 ** 19 - 1)) === 0 ? 0 : next >>> 0
  }
  return members
}

/** Checks slab, index, wheel, tombstone lists and counts of a table against each other. */
export function checkTable(table: EntryTable): void {
  const entries: EntryStore = table["entries"]
  const { slab, blocks, index, wheel } = entries
  const used = checkSlab(slab, (reference) => blocks.units(reference))
  const hasher = new AliasHash(table["options"].seed)
  const inIndex = new Set<number>()
  for (let cursor = 0; cursor < 2 ** 32;) {
    const hashes: number[] = []
    const next = index.scanPiece(cursor, (reference, hash) => {
      if (inIndex.has(reference)) fail(`${reference} is twice in the index`)
      inIndex.add(reference)
      hashes.push(hash >>> 0)
      const offset = blocks.aliasOffset(reference)
      const computed = hasher.compute(blocks.bytes(reference), offset, offset + blocks.aliasLength(reference))
      if (computed !== hash) fail(`hash of ${reference}`)
    })
    if (next <= cursor) fail("a walk goes on")
    if (hashes.some((hash) => hash < cursor || hash >= next)) fail("a piece holds its own hashes only")
    cursor = next
  }
  if (inIndex.size !== used.size) fail(`${inIndex.size} entries in the index, ${used.size} blocks`)
  for (const reference of used) if (!inIndex.has(reference)) fail(`block ${reference} is not in the index`)
  expect(index.count).toBe(used.size)

  const expiring = [...used].filter((reference) => (blocks.flags(reference) & expiryFlag) !== 0)
  const inWheel: number[] = []
  for (let list = 0; list <= 1024; list++) {
    for (const reference of membersOf(wheel["lists"], list)) {
      inWheel.push(reference)
      const tick = Math.min(Math.floor(blocks.expiresAtMs(reference) / 1024), 2 ** 32 - 1)
      if (list < 1024 && list !== wheel["draining"] && tick <= wheel["tick"])
        fail(`${reference} is due, in list ${list}`)
      if (list === 1024 && tick > wheel["tick"]) fail(`${reference} is not due`)
    }
  }
  expect(inWheel.sort((a, b) => a - b)).toEqual(expiring.sort((a, b) => a - b))
  expect(wheel.count).toBe(expiring.length)

  const tombstones = [...used].filter((reference) => (blocks.flags(reference) & tombstoneFlag) !== 0)
  const misses = membersOf(entries.tombstoneLists, missList)
  const removals: number[] = []
  for (let file = 0; file < partitionFiles; file++) {
    const ofFile = membersOf(entries.tombstoneLists, removalListOf(file))
    for (const reference of ofFile)
      if (blocks.slot(reference) % partitionFiles !== file)
        fail(`${reference} is in the list of file ${file}`)
    removals.push(...ofFile)
  }
  expect([...removals, ...misses].sort((a, b) => a - b)).toEqual(tombstones.sort((a, b) => a - b))
  expect([entries.tombstones, entries.misses]).toEqual([tombstones.length, misses.length])
}
