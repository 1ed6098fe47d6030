import { describe, expect, it } from "vitest"
import type { OperationName } from "../../../src/core/entry/operation.ts"
import { type Ask, DataRig } from "../../support/data-rig.ts"

/** Each write, on an entry that is absent, and on one with the content "old"; what it answers, and what is there after. */
type Case = [
  op: OperationName,
  args: Partial<Ask>,
  absent: [answer: object, after: string | undefined],
  present: [object, string | undefined],
]

const notFound = { outcome: "alias_not_found" }
const ok = { outcome: "ok" }
const old = { outcome: "ok", content: "old" }
const future = 1_700_000_100_000
const past = 1_600_000_000_000

const cases: Case[] = [
  ["put", { content: "new" }, [ok, "new"], [{ outcome: "alias_already_exists" }, "old"]],
  ["update", { content: "new" }, [ok, "new"], [ok, "new"]],
  ["update", { content: "new", expiresMs: past }, [ok, undefined], [ok, undefined]],
  ["remove", {}, [notFound, undefined], [ok, undefined]],
  ["get_update", { content: "new" }, [notFound, undefined], [old, "new"]],
  ["get_remove", {}, [notFound, undefined], [old, undefined]],
  ["cas", { content: "new", comparand: "old" }, [notFound, undefined], [old, "new"]],
  [
    "cas",
    { content: "new", comparand: "odd" },
    [notFound, undefined],
    [{ outcome: "unmatched_content", content: "old" }, "old"],
  ],
  [
    "cas",
    { content: "new", comparand: "ol" },
    [notFound, undefined],
    [{ outcome: "unmatched_content", content: "old" }, "old"],
  ],
  ["remove_if", { comparand: "old" }, [notFound, undefined], [ok, undefined]],
  ["remove_if", { comparand: "older" }, [notFound, undefined], [{ outcome: "unmatched_content" }, "old"]],
  ["expires_at", { expiresMs: future }, [notFound, undefined], [ok, "old"]],
  ["expires_at", { expiresMs: past }, [notFound, undefined], [ok, undefined]],
  ["expires_at", { expiresMs: 0 }, [notFound, undefined], [ok, "old"]],
  ["expires_from_now", { expiresMs: 5 }, [notFound, undefined], [ok, "old"]],
  ["expires_from_now", { expiresMs: 0 }, [notFound, undefined], [ok, undefined]],
]

describe("what each operation does", () => {
  for (const [op, args, absent, present] of cases) {
    const text = `${op} ${JSON.stringify(args)}`
    // The same answers whether the entry before is committed, prepared, expired (as good as absent) or on disk.
    for (const before of ["committed", "prepared", "on disk"] as const) {
      it(`${text} on an entry that is ${before}`, () => {
        const rig = new DataRig()
        rig.ask({ op: "put", alias: "a", content: "old", number: 1 })
        if (before !== "prepared") rig.persist()
        if (before === "on disk") rig.forget("a")
        const id = rig.ask({ op, alias: "a", number: 2, ...args })
        rig.loadAll()
        rig.persist()
        expect(rig.answerTo(id)).toEqual({ requestId: id, ...present[0] })
        expect(contentOf(rig)).toBe(present[1])
      })
    }
    for (const before of ["absent", "removed but not committed", "expired"] as const) {
      it(`${text} on an entry that is ${before}`, () => {
        const rig = new DataRig()
        if (before !== "absent")
          rig.ask({ op: "put", alias: "a", content: "old", number: 1, expiresMs: future })
        if (before === "removed but not committed") rig.ask({ op: "remove", alias: "a", number: 2 })
        else rig.persist()
        const shift = before === "expired" ? future - rig.now.wallMs : 0
        rig.now.wallMs += shift
        const expiresMs = args.expiresMs === future ? future + shift : args.expiresMs
        const id = rig.ask({
          op,
          alias: "a",
          number: 3,
          ...args,
          ...(expiresMs === undefined ? {} : { expiresMs }),
        })
        rig.persist()
        expect(rig.answerTo(id)).toEqual({ requestId: id, ...absent[0] })
        expect(contentOf(rig)).toBe(absent[1])
      })
    }
  }
})

function contentOf(rig: DataRig): string | undefined {
  const answer = rig.do({ op: "get", alias: "a" })
  return answer.outcome === "ok" ? answer.content : undefined
}

describe("expiry", () => {
  it("is told, and reset by a modification that carries none", () => {
    const rig = new DataRig()
    rig.do({ op: "put", alias: "a", content: "x", number: 1, expiresMs: future })
    expect(rig.do({ op: "get_expiry", alias: "a" })).toEqual({ outcome: "ok", expiresAtMs: future })
    rig.do({ op: "update", alias: "a", content: "y", number: 2 })
    expect(rig.do({ op: "get_expiry", alias: "a" })).toEqual({ outcome: "ok", expiresAtMs: 0 })
    rig.do({ op: "expires_from_now", alias: "a", number: 3, expiresMs: 250 })
    expect(rig.do({ op: "get_expiry", alias: "a" })).toEqual({
      outcome: "ok",
      expiresAtMs: rig.now.wallMs + 250,
    })
  })

  it("is answered only once the removal is committed, and stays whatever the clock does", () => {
    const rig = new DataRig()
    rig.do({ op: "put", alias: "a", content: "x", number: 1, expiresMs: rig.now.wallMs + 10 })
    rig.now.wallMs += 10
    const id = rig.ask({ op: "get", alias: "a" })
    expect(rig.answerTo(id)).toBeUndefined()
    rig.persist()
    expect(rig.answerTo(id)?.outcome).toBe("alias_not_found")
    rig.now.wallMs -= 1_000_000
    expect(rig.do({ op: "get", alias: "a" }).outcome).toBe("alias_not_found")
    const restarted = rig.crash(rig.sink.position, 2)
    expect(restarted.do({ op: "get", alias: "a" }).outcome).toBe("alias_not_found")
  })

  it("met by an operation that fails because of it removes the entry for good", () => {
    const failing: Partial<Ask>[] = [
      { op: "remove" },
      { op: "cas", comparand: "x" },
      { op: "expires_from_now", expiresMs: 5 },
    ]
    for (const args of failing) {
      const rig = new DataRig()
      rig.do({ op: "put", alias: "a", content: "x", number: 1, expiresMs: rig.now.wallMs + 10 })
      rig.now.wallMs += 10
      expect(rig.do({ op: "remove", alias: "a", number: 2, ...args }).outcome).toBe("alias_not_found")
      expect(rig.memory.entries.size).toBe(0)
    }
  })

  it("found by storage removes the entry, unless it was renewed", () => {
    const rig = new DataRig()
    rig.do({ op: "put", alias: "a", content: "x", number: 1, expiresMs: rig.now.wallMs + 10 })
    rig.now.wallMs += 20
    rig.do({ op: "update", alias: "a", content: "y", number: 2 })
    rig.data.expire("a", rig.now)
    rig.persist()
    expect(contentOf(rig)).toBe("y")
    rig.do({ op: "expires_from_now", alias: "a", number: 3, expiresMs: 5 })
    rig.now.wallMs += 20
    rig.forget("a")
    rig.data.expire("a", rig.now)
    rig.loadAll()
    rig.persist()
    expect(rig.memory.entries.size).toBe(0)
  })
})

describe("refusals without effect", () => {
  it("reserved aliases, contents too large, a full disk", () => {
    const rig = new DataRig()
    expect(rig.do({ op: "put", alias: "qdb.x", content: "1", number: 1 }).outcome).toBe("reserved_alias")
    expect(rig.do({ op: "put", alias: "qd", content: "1", number: 2 }).outcome).toBe("ok")
    expect(rig.do({ op: "put", alias: "a", content: "x".repeat(1001), number: 3 }).outcome).toBe(
      "entry_too_large",
    )
    rig.diskFull = true
    expect(rig.do({ op: "update", alias: "qd", content: "2", number: 4 }).outcome).toBe("disk_full")
    expect(rig.do({ op: "get", alias: "qd" })).toEqual({ outcome: "ok", content: "1" })
    expect(rig.do({ op: "remove", alias: "qd", number: 5 }).outcome).toBe("ok")
    rig.diskFull = false
    expect(rig.do({ op: "put", alias: "a", content: "1", number: 6 }).outcome).toBe("ok")
  })

  it("corrupt data on disk fails the operations that need it, and no others", () => {
    const rig = new DataRig()
    rig.do({ op: "put", alias: "a", content: "x", number: 1 })
    rig.forget("a")
    const get = rig.ask({ op: "get", alias: "a" })
    const put = rig.ask({ op: "put", alias: "a", content: "y", number: 2 })
    const other = rig.ask({ op: "put", alias: "b", content: "y", number: 3 })
    rig.loadAll(true)
    rig.persist()
    expect([get, put, other].map((id) => rig.answerTo(id)?.outcome)).toEqual([
      "data_corrupt",
      "data_corrupt",
      "ok",
    ])
    expect(rig.do({ op: "update", alias: "a", content: "z", number: 4 }).outcome).toBe("ok")
    expect(contentOf(rig)).toBe("z")
  })

  it("a request whose time ran out while it waited for a load", () => {
    const rig = new DataRig()
    rig.do({ op: "put", alias: "a", content: "x", number: 1 })
    rig.forget("a")
    const id = rig.ask({ op: "remove", alias: "a", number: 2, timeLeftMs: 100 })
    rig.now.monotonicMs += 101
    rig.loadAll()
    rig.persist()
    expect(rig.answerTo(id)?.outcome).toBe("timeout")
    expect(contentOf(rig)).toBe("x")
  })
})
