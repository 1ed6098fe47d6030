/** What goes together in one piece of a snapshot: a frame bounds it, and entries and results may each be as long as a frame allows. */
import { describe, expect, it } from "vitest"
import { contentBytesMax, snapshotPieceBytesMax } from "../../../src/core/lib/limits.ts"
import type { SnapshotPiece } from "../../../src/core/node/data-message.ts"
import type { Follower } from "../../../src/core/replication/follower.ts"
import { Pace } from "../../../src/core/replication/pace.ts"
import type { Replication } from "../../../src/core/replication/replication.ts"
import { onSlotPiece, onTaken, startSnapshots } from "../../../src/core/replication/snapshot.ts"
import type { SlotEntry, SlotPiece } from "../../../src/core/replication/transfer.ts"

const now = { monotonicMs: 1_000, wallMs: 1_000 }
const long = new Uint8Array(contentBytesMax)

/** A primary with one learner that needs a snapshot, whose storage holds the entries and gives them as storage does. */
class Primary {
  readonly sent: SnapshotPiece[] = []
  private readonly entries: readonly SlotEntry[]
  private readonly replication: Replication
  private wanted: { token: number; after: Uint8Array | undefined; bytesMax: number } | undefined
  private readonly follower: Follower

  /** @param results contents of results, in the order of their numbers */
  constructor(entries: readonly SlotEntry[], results: readonly (Uint8Array | undefined)[]) {
    this.entries = entries
    const followers: object[] = []
    const slot = {
      role: "primary",
      slot: 0,
      slotEpoch: 1,
      committedSequence: 9,
      clockMs: 0,
      followers,
      epochs: { at: () => 1 },
    }
    this.follower = {
      slot,
      peer: {},
      isLearner: true,
      needsSnapshot: true,
      snapshot: undefined,
    } as unknown as Follower
    followers.push(this.follower)
    const row = {
      id: "client",
      floor: 1,
      forEach: (
        _slot: number,
        tell: (number: number, code: number, content: Uint8Array | undefined) => void,
      ) => results.forEach((content, i) => tell(i + 1, 0, content)),
    }
    let token = 0
    this.replication = {
      slots: [slot],
      led: [slot],
      view: { settings: { replicationFactor: 2 }, slots: [{ inSync: ["s0"], learners: ["s1"] }] },
      pace: new Pace(),
      sendings: new Set(),
      clients: new Map([["client", row]]),
      seen: () => {},
      takeToken: () => ++token,
      send: (_to: object, piece: SnapshotPiece) => this.sent.push(piece),
      followerOf: () => this.follower,
      host: {
        readSlot: (token: number, _slot: number, after: Uint8Array | undefined, bytesMax: number) => {
          this.wanted = { token, after, bytesMax }
        },
      },
    } as unknown as Replication
  }

  /** Until the learner has taken all pieces. */
  run(): void {
    startSnapshots(this.replication, now)
    for (let turn = 0; turn < 100; turn++) {
      const { wanted } = this
      this.wanted = undefined
      if (wanted !== undefined) onSlotPiece(this.replication, wanted.token, this.read(wanted), now)
      const piece = this.follower.snapshot?.piece
      if (piece === undefined) continue
      if (piece.isLast) return
      const { slot, slotEpoch, lastEpoch, sequence, index } = piece
      onTaken(
        this.replication,
        {} as never,
        { kind: "taken", slot, slotEpoch, lastEpoch, sequence, index },
        now,
      )
    }
    throw new Error("the snapshot has no end")
  }

  /** As much as the bound allows; a longer entry alone. */
  private read({ after, bytesMax }: { after: Uint8Array | undefined; bytesMax: number }): SlotPiece {
    const first = after === undefined ? 0 : (after[0] as number) + 1
    let bytes = 0
    let end = first
    for (; end < this.entries.length; end++) {
      bytes += (this.entries[end] as SlotEntry).content.length
      if (bytes > bytesMax && end > first) break
    }
    return {
      entries: this.entries.slice(first, end),
      next: end === this.entries.length ? undefined : new Uint8Array([end - 1]),
    }
  }

  get shapes(): string[] {
    return this.sent.map(({ entries, results }) => `${results.length} results, ${entries.length} entries`)
  }
}

const entry = (index: number, content: Uint8Array): SlotEntry => ({
  alias: new Uint8Array([index]),
  content,
  expiresAtMs: 0,
})

describe("a snapshot", () => {
  it("goes in one piece where the slot is small, the client's floor and its results in front", () => {
    const primary = new Primary(
      [entry(0, new Uint8Array(9)), entry(1, new Uint8Array(9))],
      [undefined, new Uint8Array(5)],
    )
    primary.run()
    expect(primary.shapes).toEqual(["3 results, 2 entries"])
  })

  it("has an end without entries and results", () => {
    const primary = new Primary([], [])
    primary.run()
    expect(primary.shapes).toEqual(["1 results, 0 entries"])
  })

  it("never has the longest entry and results in one frame", () => {
    const primary = new Primary(
      [entry(0, long), entry(1, long), entry(2, new Uint8Array(9))],
      [new Uint8Array(9)],
    )
    primary.run()
    expect(primary.shapes).toEqual([
      "2 results, 0 entries",
      "0 results, 1 entries",
      "0 results, 1 entries",
      "0 results, 1 entries",
    ])
  })

  it("never has the longest result and anything else in one frame", () => {
    const small = new Uint8Array(snapshotPieceBytesMax / 2)
    const primary = new Primary([entry(0, small)], [small, long, small, long])
    primary.run()
    expect(primary.shapes).toEqual([
      "2 results, 0 entries",
      "1 results, 0 entries",
      "1 results, 0 entries",
      "1 results, 0 entries",
      "0 results, 1 entries",
    ])
  })
})
