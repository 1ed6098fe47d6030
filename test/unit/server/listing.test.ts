/** Lists of a whole cluster: whatever moves between two pieces, what is there all the time is listed once. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Prng } from "../../../src/core/lib/prng.ts"
import { slotOfDigest } from "../../../src/core/ring/slot.ts"
import type { View } from "../../../src/core/view/view.ts"
import { sha3 } from "../../../src/platform/digest.ts"
import { listCluster, ListingFailed, type ListingNode, listOwn } from "../../../src/server/node/listing.ts"
import { type ScanPiece, StorageError } from "../../../src/storage/storage.ts"
import { code } from "../../../src/wire/errors.ts"
import type { ListPiece } from "../../../src/wire/reply.ts"

const slotCount = 32
const none = new Uint8Array(0)
const encode = (text: string) => new TextEncoder().encode(text)
const slotOf = (alias: Uint8Array) => slotOfDigest(sha3(alias), slotCount)
const order = (a: Uint8Array, b: Uint8Array) => slotOf(a) - slotOf(b) || Buffer.compare(a, b)

/** Nodes that share what is stored, and serve it by the view that each has. */
class Nodes {
  readonly entries = new Map<string, Uint8Array>()
  readonly views = new Map<string, View>()
  readonly unserved = new Set<number>()
  /** Who is at an address instead of whom the views say. */
  readonly moved = new Map<string, string>()
  /** Called in the middle of each scan. @returns what it fails with, if it does */
  onScan: () => Error | void = () => undefined
  /** What was found damaged. */
  readonly damaged: number[] = []
  hasOtherReplicas = true
  view: View

  constructor(count: number) {
    this.view = this.viewOf(1, count, (slot) => slot % count)
  }

  viewOf(epoch: number, count: number, primaryOf: (slot: number) => number): View {
    const members = Array.from({ length: count }, (_, i) => ({
      nodeId: String(i),
      storageId: `s${i}`,
      boot: 1,
      address: `s${i}`,
      standing: "up" as const,
      weight: 1,
      zone: "",
    }))
    const slots = Array.from({ length: slotCount }, (_, slot) => ({
      inSync: [`s${primaryOf(slot)}`],
      learners: [],
      slotEpoch: 1,
    }))
    return {
      clusterId: "c",
      epoch,
      members,
      voters: ["s0"],
      settings: {} as View["settings"],
      slots,
      losses: [],
    }
  }

  node(storageId: string): ListingNode {
    const viewOf = () => this.views.get(storageId) ?? this.view
    return {
      get view() {
        return viewOf()
      },
      storageId,
      serves: (slots) => slots.every((slot) => !this.unserved.has(slot)),
      ask: (address, piece, timeLeftMs, done) => {
        const asked = this.moved.get(address) ?? address
        listOwn(this.node(asked), piece.epoch, { ...piece, timeLeftMs }, (outcome) =>
          done(
            outcome instanceof ListingFailed
              ? { code: code[outcome.code] }
              : { ...outcome, storageId: asked },
          ),
        )
      },
      damaged: (slot) => {
        this.damaged.push(slot)
        return this.hasOtherReplicas
      },
      scan: (prefix, from, bytesMax, slots, done) => {
        const found = [...this.entries.values()]
          .filter((alias) => slots.includes(slotOf(alias)) && Buffer.from(alias).indexOf(prefix) === 0)
          .filter(
            (alias) =>
              from === undefined ||
              slotOf(alias) > from.slot ||
              (slotOf(alias) === from.slot && Buffer.compare(alias, from.after) > 0),
          )
          .sort(order)
        queueMicrotask(() => done(this.onScan() ?? pieceOf(found, bytesMax)))
      },
    }
  }

  add(...names: string[]): void {
    for (const name of names) this.entries.set(name, encode(name))
  }
}

function pieceOf(found: readonly Uint8Array[], bytesMax: number): ScanPiece {
  let bytes = 0
  const aliases = found.filter((alias) => (bytes += alias.length) <= bytesMax || bytes === alias.length)
  const last = aliases.at(-1)
  if (aliases.length === found.length || last === undefined) return { aliases, next: undefined }
  return { aliases, next: { slot: slotOf(last), after: last } }
}

/** Asks for a piece. @throws ListingFailed */
function pieceFrom(ask: (done: (outcome: ListPiece | ListingFailed) => void) => void): Promise<ListPiece> {
  return new Promise((resolve, reject) =>
    ask((outcome) => (outcome instanceof ListingFailed ? reject(outcome) : resolve(outcome))),
  )
}

const question = { prefix: none, slot: 0, after: none, bytesMax: 0, timeLeftMs: 1000 }

async function all(
  nodes: Nodes,
  prefix = "",
  between: (piece: number) => void = () => undefined,
): Promise<string[]> {
  const found: string[] = []
  let cursor: ListPiece["cursor"] = { slot: 0, after: none }
  for (let count = 0; cursor !== undefined; count++) {
    const { slot, after }: NonNullable<ListPiece["cursor"]> = cursor
    const asked = nodes.node(`s${count % nodes.view.members.length}`)
    const wanted = { ...question, prefix: encode(prefix), slot, after }
    const piece: ListPiece = await pieceFrom((done) => listCluster(asked, wanted, done))
    found.push(...piece.aliases.map((alias) => new TextDecoder().decode(alias)))
    cursor = piece.cursor
    between(count)
  }
  return found
}

describe("a list of a cluster", () => {
  it("has every alias once, whoever is asked, whatever moves and comes and goes between the pieces", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        fc.integer({ min: 1, max: 5 }),
        async (seed, count) => {
          const prng = new Prng(seed)
          const nodes = new Nodes(count)
          const staying = Array.from({ length: 200 }, (_, i) => `${"x".repeat(prng.between(1, 500))}${i}`)
          nodes.add(...staying)
          const passing: string[] = []
          const found = await all(nodes, "", () => {
            const members = prng.between(1, 5)
            if (prng.chance(1, 2))
              nodes.view = nodes.viewOf(nodes.view.epoch + 1, members, () => prng.below(members))
            const name = `passing${prng.below(100)}`
            passing.push(name)
            if (prng.chance(1, 2)) nodes.add(name)
            else nodes.entries.delete(name)
          })
          expect(found.filter((alias) => !passing.includes(alias)).toSorted()).toEqual(staying.toSorted())
          expect(new Set(found).size).toBe(found.length)
        },
      ),
      { seed: 11, numRuns: 150 },
    )
  })

  it("lists what begins with the prefix", async () => {
    const nodes = new Nodes(3)
    nodes.add("ab1", "ab2", "a", "b")
    expect((await all(nodes, "ab")).toSorted()).toEqual(["ab1", "ab2"])
    expect(await all(nodes, "zz")).toEqual([])
  })

  it("fails where a member is in another view, does not serve a slot, or loses one meanwhile", async () => {
    const nodes = new Nodes(3)
    nodes.add("a", "b", "c", "d", "e", "f")
    const failure = () =>
      all(nodes).then(
        () => "none",
        (error: ListingFailed) => error.code,
      )
    expect(await failure()).toBe("none")
    nodes.views.set(
      "s2",
      nodes.viewOf(2, 3, (slot) => slot % 3),
    )
    expect(await failure()).toBe("unstable_cluster")
    nodes.views.clear()
    nodes.unserved.add(7)
    expect(await failure()).toBe("unstable_cluster")
    nodes.unserved.clear()
    nodes.onScan = () => void nodes.unserved.add(8)
    expect(await failure()).toBe("unstable_cluster")
    nodes.unserved.clear()
    nodes.onScan = () => void (nodes.view = nodes.viewOf(nodes.view.epoch + 1, 3, (slot) => slot % 3))
    expect(await failure()).toBe("unstable_cluster")
  })

  it("fails where another node is at a member's address by now", async () => {
    const nodes = new Nodes(3)
    nodes.add("a", "b", "c", "d", "e", "f")
    nodes.view = nodes.viewOf(1, 3, () => 1)
    nodes.moved.set("s1", "s2")
    // Who serves nothing has nothing to list.
    await expect(all(nodes)).rejects.toMatchObject({ code: "unstable_cluster" })
    nodes.moved.clear()
    expect(await all(nodes)).toHaveLength(6)
  })

  it("fails where the view has no slots yet", async () => {
    const nodes = new Nodes(1)
    nodes.view = { ...nodes.view, slots: [] }
    await expect(all(nodes)).rejects.toMatchObject({ code: "unstable_cluster" })
  })

  it("of one's own slots is for one view only", async () => {
    const nodes = new Nodes(2)
    const own = pieceFrom((done) => listOwn(nodes.node("s0"), 9, { ...question, bytesMax: 100 }, done))
    await expect(own).rejects.toMatchObject({ code: "wrong_node" })
  })

  it("tells which slot cannot be read, and asks again where another replica has it", async () => {
    const nodes = new Nodes(3)
    nodes.add("a", "b", "c")
    const failure = () => all(nodes).catch((error: ListingFailed) => error.code)
    nodes.onScan = () => new StorageError("an entry does not match its checksum", 8)
    expect(await failure()).toBe("unstable_cluster")
    expect(new Set(nodes.damaged)).toEqual(new Set([8]))
    nodes.hasOtherReplicas = false
    expect(await failure()).toBe("data_corrupt")
    nodes.damaged.length = 0
    nodes.onScan = () => new StorageError("the storage is closed")
    expect(await failure()).toBe("data_corrupt")
    expect(nodes.damaged).toEqual([])
  })
})
