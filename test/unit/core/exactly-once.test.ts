import { describe, expect, it } from "vitest"
import { DataRig } from "../../support/data-rig.ts"
import { clientResultsMax, clientRowMs } from "../../../src/core/lib/limits.ts"

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
    const slot = rig.data.slots[0]
    rig.now.monotonicMs += clientRowMs
    rig.data.tick(rig.now)
    rig.persist()
    expect(slot?.clients.size).toBe(1)
    rig.now.monotonicMs += 1
    rig.data.tick(rig.now)
    rig.persist()
    expect(slot?.clients.size).toBe(0)
    expect(rig.crash(rig.sink.position, 2).data.slots[0]?.clients.size).toBe(0)
  })

  it("a client may leave only so many results unacknowledged in one slot", () => {
    const rig = new DataRig(1, 1)
    for (let number = 1; number <= clientResultsMax; number++)
      rig.ask({ op: "update", alias: "a", content: "x", number })
    rig.persist()
    const next = clientResultsMax + 1
    expect(rig.do({ op: "update", alias: "a", content: "y", number: next }).outcome).toBe("overloaded")
    expect(rig.do({ op: "update", alias: "a", content: "y", number: next, floor: next }).outcome).toBe(
      "overloaded",
    )
  })
})
