import { describe, expect, it } from "vitest"
import { DataRig } from "../../support/data-rig.ts"
import { clientNumbersOpenMax, clientRowMs } from "../../../src/core/lib/limits.ts"
import { never } from "../../../src/core/replication/client-row.ts"
import type { SlotLog } from "../../../src/core/replication/slot-log.ts"

describe("exactly once", () => {
  it("a retry before the commit waits for the first attempt, and both get its answer", () => {
    const rig = new DataRig()
    const first = rig.ask({ op: "put", alias: "a", content: "1", number: 7 })
    const again = rig.ask({ op: "put", alias: "a", content: "1", number: 7 })
    expect(rig.answers).toEqual([])
    rig.persist()
    expect([first, again].map((id) => rig.answerTo(id)?.outcome)).toEqual(["ok", "ok"])
    expect(rig.sink.records.length).toBe(1)
  })

  it("a number that is given to two writes at a time is the second one's mistake, whatever their slots", () => {
    const rig = new DataRig()
    const first = rig.ask({ op: "put", alias: "a", content: "1", number: 7 })
    const others = ["b", "c", "d", "e"].map((alias) => rig.ask({ op: "put", alias, content: "2", number: 7 }))
    for (const id of others)
      expect(rig.answerTo(id)?.outcome ?? "waits").toMatch(/^(invalid_argument|waits)$/)
    expect(others.some((id) => rig.answerTo(id)?.outcome === "invalid_argument")).toBe(true)
    rig.persist()
    expect(rig.answerTo(first)?.outcome).toBe("ok")
    expect(rig.sink.records.length).toBe(1)
  })

  it("a retry after the commit gets the first answer, also a failure's and one with content", () => {
    const rig = new DataRig()
    rig.do({ op: "put", alias: "a", content: "1", number: 1 })
    const exists = rig.do({ op: "put", alias: "a", content: "2", number: 2 })
    const previous = rig.do({ op: "get_update", alias: "a", content: "3", number: 3 })
    const unmatched = rig.do({ op: "cas", alias: "a", content: "4", comparand: "x", number: 4 })
    rig.do({ op: "update", alias: "a", content: "5", number: 5 })
    for (const node of [rig, rig.crash(rig.sink.position, 2)]) {
      expect(node.do({ op: "put", alias: "a", content: "1", number: 1 })).toEqual({ outcome: "ok" })
      expect(node.do({ op: "put", alias: "a", content: "2", number: 2 })).toEqual(exists)
      expect(node.do({ op: "get_update", alias: "a", content: "3", number: 3 })).toEqual(previous)
      expect(node.do({ op: "cas", alias: "a", content: "4", comparand: "x", number: 4 })).toEqual(unmatched)
      expect(node.do({ op: "get", alias: "a" })).toEqual({ outcome: "ok", content: "5" })
    }
  })

  it("nothing below the floor is executed, before and after a restart", () => {
    const rig = new DataRig()
    rig.do({ op: "put", alias: "a", content: "1", number: 5, floor: 5 })
    for (const node of [rig, rig.crash(rig.sink.position, 2)]) {
      expect(node.do({ op: "update", alias: "a", content: "late", number: 4, floor: 1 }).outcome).toBe(
        "stale_request",
      )
      expect(node.do({ op: "get", alias: "a" }).content).toBe("1")
    }
  })

  it("two clients with equal numbers are two clients", () => {
    const rig = new DataRig()
    rig.do({ op: "put", alias: "a", content: "1", number: 1, client: "client-number-01" })
    expect(
      rig.do({ op: "put", alias: "a", content: "1", number: 1, client: "client-number-02" }).outcome,
    ).toBe("alias_already_exists")
  })

  it("a silent client is forgotten after its time and not before, and the log says so", () => {
    const rig = new DataRig(1, 1)
    rig.do({ op: "put", alias: "a", content: "1", number: 1 })
    rig.now.monotonicMs += clientRowMs
    rig.data.tick(rig.now)
    rig.persist()
    expect(rig.data.clients.size).toBe(1)
    rig.now.monotonicMs += 1
    rig.data.tick(rig.now)
    rig.persist()
    expect(rig.data.clients.size).toBe(0)
    expect(rig.crash(rig.sink.position, 2).data.clients.size).toBe(0)
  })

  it("a client's numbers may lie only so far apart", () => {
    const rig = new DataRig(1, 1)
    rig.do({ op: "update", alias: "a", content: "x", number: 1, floor: 1 })
    const far = clientNumbersOpenMax + 1
    expect(rig.do({ op: "update", alias: "a", content: "y", number: far, floor: 1 }).outcome).toBe(
      "overloaded",
    )
    expect(rig.do({ op: "update", alias: "a", content: "y", number: far - 1, floor: 1 }).outcome).toBe("ok")
    expect(rig.do({ op: "update", alias: "a", content: "y", number: far, floor: 2 }).outcome).toBe("ok")
    // All three are still answered from memory.
    expect(rig.do({ op: "update", alias: "a", content: "y", number: far - 1, floor: 2 }).outcome).toBe("ok")
    expect(rig.do({ op: "update", alias: "a", content: "x", number: 1, floor: 1 }).outcome).toBe(
      "stale_request",
    )
    expect(rig.sink.records.length).toBe(3)
  })

  it("a floor that rises past a prepared write does not disturb its commit", () => {
    const rig = new DataRig(1, 1)
    const given = rig.ask({ op: "update", alias: "a", content: "x", number: 1, floor: 1 })
    // Seventeen later the first one's cell is used again.
    for (let number = 2; number <= 40; number++)
      rig.ask({ op: "update", alias: "a", content: "y", number, floor: number })
    rig.persist()
    expect(rig.answerTo(given)?.outcome).toBe("ok")
    expect(rig.do({ op: "update", alias: "a", content: "y", number: 40, floor: 40 }).outcome).toBe("ok")
    expect(rig.sink.records.length).toBe(40)
  })

  it("contents of results are given back once the floor has passed them", () => {
    const rig = new DataRig(1, 1)
    rig.do({ op: "put", alias: "a", content: "x".repeat(100), number: 1 })
    rig.do({ op: "get_update", alias: "a", content: "y", number: 2 })
    expect(rig.data.clients.contentBytes).toBe(100)
    rig.do({ op: "update", alias: "a", content: "z", number: 3, floor: 3 })
    expect(rig.data.clients.contentBytes).toBe(0)
  })

  it("results go with the copy that a snapshot replaces, and those of other slots stay", () => {
    const rig = new DataRig(1, 16)
    const { clients, replication } = rig.data
    rig.do({ op: "put", alias: "a", content: "x".repeat(100), number: 1 })
    rig.do({ op: "get_update", alias: "a", content: "y", number: 2 })
    const [slot] = replication.slots.filter(({ sequence }) => sequence === 2)
    for (const alias of ["b", "c"]) rig.do({ op: "put", alias, content: "z", number: alias === "b" ? 3 : 4 })
    expect(replication.slots.filter(({ sequence }) => sequence > 0).length).toBe(3)
    const known = (of: DataRig) => {
      const [row] = [...of.data.clients.values()]
      return [1, 2, 3, 4].map((number) => row?.find(number) !== never)
    }
    // A copy that goes and is not replaced leaves word of what was asked of it, as long as the process lives.
    replication.discard(slot as SlotLog)
    expect([known(rig), clients.contentBytes]).toEqual([[true, true, true, true], 100])
    const restarted = rig.crash(rig.sink.position, 2)
    expect([known(restarted), restarted.data.clients.contentBytes]).toEqual([[false, false, true, true], 0])
    replication.reset(slot as SlotLog, 1, 1, 0)
    expect([known(rig), clients.contentBytes]).toEqual([[false, false, true, true], 0])
  })
})
