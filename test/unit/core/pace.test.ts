/** Copies for moves begin in groups that grow while the event loop keeps its time; those that restore the factor do not wait. */
import { describe, expect, it } from "vitest"
import {
  moveGrantsMax,
  moveGrantsMin,
  moveLateMsMax,
  moveLateMsMaxAtRest,
  partitionFiles,
  restingRequestsMax,
  snapshotsMax,
  tickMs,
  ticksPerMoveGrant,
} from "../../../src/core/lib/limits.ts"
import type { SnapshotPiece } from "../../../src/core/node/data-message.ts"
import { Follower } from "../../../src/core/replication/follower.ts"
import type { SlotLog } from "../../../src/core/replication/slot-log.ts"
import { ledOf } from "../../../src/core/replication/led.ts"
import { Pace, periodOf } from "../../../src/core/replication/pace.ts"
import type { Replication } from "../../../src/core/replication/replication.ts"
import { onSlotPiece, onTaken, sendPieces, startSnapshots } from "../../../src/core/replication/snapshot.ts"

const now = { monotonicMs: 1_000, wallMs: 1_000 }

/** Enough to get from one bound to the other, at rest. */
const rounds = Math.log2(moveGrantsMax / moveGrantsMin)

/** Begins all that may. @returns how many */
function use(pace: Pace): number {
  let count = 0
  for (; pace.mayBegin; count++) pace.begin()
  return count
}

let period = 0

/** One period of two seconds, to its end. */
function pass(pace: Pace, lateMs: number, requests: number): void {
  for (let tick = 0; tick < ticksPerMoveGrant; tick++)
    pace.tick(
      tick === 1 ? lateMs : 0,
      tick === 2 ? requests : 0,
      tick < ticksPerMoveGrant - 1 ? period : ++period,
    )
}

/** @returns how many may begin after one more period */
function grant(pace: Pace, lateMs: number, used: boolean, requests = restingRequestsMax + 1): number {
  if (used) use(pace)
  pass(pace, lateMs, requests)
  return use(pace)
}

describe("the pace of copies", () => {
  /** As many as there may be. */
  const atTheMost = () => {
    const pace = new Pace()
    for (let i = 0; i < rounds; i++) grant(pace, 0, true, 0)
    return pace
  }

  it("grows by one each time where clients are served", () => {
    const pace = new Pace()
    const grants = Array.from({ length: 3 }, () => grant(pace, moveLateMsMax, true))
    expect(grants).toEqual([1, 2, 3].map((more) => moveGrantsMin + more))
  })

  it("doubles each time where next to nothing is asked, up to a bound", () => {
    const pace = new Pace()
    const grants = Array.from({ length: rounds + 1 }, () =>
      grant(pace, moveLateMsMaxAtRest, true, restingRequestsMax),
    )
    expect(grants.slice(0, 3)).toEqual([2, 4, 8].map((times) => times * moveGrantsMin))
    expect(grants.at(-1)).toBe(moveGrantsMax)
    expect(grant(atTheMost(), 0, true)).toBe(moveGrantsMax)
  })

  it("halves where one tick came late, down to a bound", () => {
    const pace = atTheMost()
    expect(grant(pace, moveLateMsMax + 1, true)).toBe(moveGrantsMax / 2)
    expect(grant(pace, moveLateMsMaxAtRest + 1, true, 0)).toBe(moveGrantsMax / 4)
    for (let i = 0; i < rounds; i++) grant(pace, moveLateMsMax + 1, true)
    expect(grant(pace, moveLateMsMax + 1, true)).toBe(moveGrantsMin)
    expect(grant(pace, 0, true)).toBe(moveGrantsMin + 1)
  })

  it("goes back to what was made use of", () => {
    const pace = atTheMost()
    const used = 3 * moveGrantsMin
    pass(pace, 0, 0)
    expect(grant(pace, 0, false, 0), "of nothing").toBe(moveGrantsMin)
    const busy = atTheMost()
    grant(busy, 0, true, 0)
    pass(busy, 0, 0)
    for (let i = 0; i < used; i++) busy.begin()
    expect(grant(busy, 0, false, 0)).toBe(used)
  })
})

describe("periods", () => {
  const lengthMs = ticksPerMoveGrant * tickMs
  const beginsAt = (seat: number) => {
    for (let wallMs = 50 * lengthMs; ; wallMs++)
      if (
        periodOf({ monotonicMs: 0, wallMs }, seat, 4) >
        periodOf({ monotonicMs: 0, wallMs: wallMs - 1 }, seat, 4)
      )
        return wallMs % lengthMs
  }
  it("begin one after the other on the nodes of a cluster", () => {
    expect([0, 1, 2, 3].map(beginsAt)).toEqual([0, 3, 2, 1].map((quarter) => (quarter * lengthMs) / 4))
  })
})

/** A primary of so many slots, each with a learner that needs a snapshot, whose storage answers when it is told to. */
class Primary {
  /** Slots whose copy has begun. */
  readonly read: number[] = []
  readonly sent: SnapshotPiece[] = []
  readonly pace = new Pace()
  readonly followers: Follower[] = []
  readonly replication: Replication
  private readonly tokens: number[] = []

  constructor(slotCount: number, inSync: readonly string[]) {
    const slots = Array.from({ length: slotCount }, (_, slot) => {
      const log = {
        role: "primary",
        slot,
        slotEpoch: 1,
        sequence: 9,
        committedSequence: 9,
        clockMs: 0,
        epochs: { at: () => 1 },
        followers: [] as Follower[],
      }
      const follower = new Follower(log as never, { behind: new Set() } as never, 1, true)
      follower.needsSnapshot = true
      log.followers.push(follower)
      this.followers.push(follower)
      return log
    })
    let token = 0
    this.replication = {
      slots,
      led: ledOf(slots as unknown as SlotLog[]),
      pace: this.pace,
      view: {
        settings: { replicationFactor: 2 },
        slots: slots.map(() => ({ inSync, learners: ["s9"] })),
      },
      sendings: new Set(),
      clients: new Map(),
      seen: () => {},
      takeToken: () => ++token,
      send: (_to: object, piece: SnapshotPiece) => this.sent.push(piece),
      followerOf: (_: object, slot: number) => this.followers[slot],
      host: {
        readSlot: (of: number, slot: number) => {
          this.tokens.push(of)
          this.read.push(slot)
        },
      },
    } as unknown as Replication
    pass(this.pace, 0, 0)
    startSnapshots(this.replication, now)
  }

  /** Storage has read what it was asked for. @param next where what is left begins */
  answer(next?: Uint8Array): void {
    for (const token of this.tokens.splice(0))
      onSlotPiece(this.replication, token, { entries: [], next }, now)
  }

  /** The learners have taken all that was sent. */
  take(): void {
    for (const { slot, slotEpoch, sequence, lastEpoch, index } of this.sent.splice(0))
      onTaken(
        this.replication,
        {} as never,
        { kind: "taken", slot, slotEpoch, sequence, lastEpoch, index },
        now,
      )
  }

  /** @returns how many pieces a tick sent */
  tick(): number {
    const before = this.sent.length
    sendPieces(this.replication, now)
    return this.sent.length - before
  }
}

describe("copies of slots", () => {
  it("that only move begin as the pace grants it", () => {
    expect(new Primary(100, ["s0", "s1"]).read).toHaveLength(moveGrantsMin)
  })
  it("begin with those that lie in one file of the table", () => {
    const { read } = new Primary(partitionFiles * moveGrantsMin, ["s0", "s1"])
    expect(new Set(read.map((slot) => slot % partitionFiles)).size).toBe(1)
  })
  it("that lack a replica begin all, and are sent at once", () => {
    const primary = new Primary(100, ["s0"])
    expect(primary.read).toHaveLength(100)
    primary.answer()
    expect(primary.sent).toHaveLength(100)
  })
  it("that only move are sent one by one, in their order, before the next group may begin", () => {
    const primary = new Primary(100, ["s0", "s1"])
    expect(primary.tick(), "before anything was read").toBe(0)
    primary.answer()
    const ticks = Array.from({ length: ticksPerMoveGrant }, () => primary.tick())
    expect(Math.max(...ticks)).toBe(Math.ceil(moveGrantsMin / ticksPerMoveGrant))
    expect(primary.sent.map(({ slot }) => slot)).toEqual(primary.read)
  })
  it("that move, and lack a replica before it is their turn, are sent at the next tick", () => {
    const primary = new Primary(100, ["s0", "s1"])
    primary.answer()
    for (const assignment of primary.replication.view.slots) Object.assign(assignment, { inSync: ["s0"] })
    expect(primary.tick()).toBe(moveGrantsMin)
  })
  it("that lack a replica go on as others end, without waiting for a tick", () => {
    const primary = new Primary(2 * snapshotsMax, ["s0"])
    expect(primary.read).toHaveLength(snapshotsMax)
    primary.answer()
    primary.take()
    expect(primary.read).toHaveLength(2 * snapshotsMax)
  })
  it("wait once: what follows the first piece is sent as soon as that is taken", () => {
    const primary = new Primary(1, ["s0", "s1"])
    primary.answer(new Uint8Array(1))
    primary.tick()
    primary.take()
    primary.answer()
    expect(primary.sent.map(({ index, isLast }) => [index, isLast])).toEqual([[1, true]])
  })
  it("are not sent twice before it is time, and their learners are not to blame before", () => {
    const primary = new Primary(1, ["s0", "s1"])
    const [follower] = primary.followers as [Follower]
    expect(follower.awaitsCopy, "being read").toBe(false)
    primary.answer()
    expect(follower.awaitsCopy, "held").toBe(true)
    expect([primary.tick(), primary.tick()]).toEqual([1, 0])
    expect(follower.awaitsCopy, "sent").toBe(false)
  })
})
