import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { QdbError, qdbError } from "../../../src/client/error.ts"
import { safeContent, safeLine, safeText } from "../../../src/shell/escape.ts"
import { type Outcome, statusOf } from "../../../src/shell/outcome.ts"
import {
  type OutputStyle,
  renderError,
  renderJson,
  renderOutcome,
  renderUsage,
} from "../../../src/shell/render.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const shown = (outcome: Outcome, style: OutputStyle) =>
  Buffer.from(renderOutcome(outcome, style)).toString(style === "terminal" ? "utf8" : "latin1")
const json = (outcome: Outcome) => JSON.parse(Buffer.from(renderJson(outcome, false)).toString()) as unknown
const binary = new Uint8Array([0, 0xff, 0x0a, 0x1b])

describe("what a terminal is shown", () => {
  it("has its control characters escaped", () => {
    expect(safeText("a\x1b[2Jb\x07\r\x7f\x9b")).toBe("a\\x1b[2Jb\\x07\\x0d\\x7f\\x9b")
    expect(safeText("two\nlines\tand a tab")).toBe("two\nlines\tand a tab")
    expect(safeLine("two\nlines\t\u2028")).toBe("two\\x0alines\\x09\\u{2028}")
    expect(safeText("\u202eabc\u2066")).toBe("\\u{202e}abc\\u{2066}")
    expect(safeText("ünïcödé \u{1f600} 日本")).toBe("ünïcödé \u{1f600} 日本")
  })

  it("has bytes that are not UTF-8 escaped, and what is around them kept", () => {
    expect(safeContent(new Uint8Array([0x61, 0xff, 0xc3, 0xa9, 0xc3, 0x28, 0xe2, 0x82]))).toBe(
      "a\\xffé\\xc3(\\xe2\\x82",
    )
    expect(safeContent(new Uint8Array([0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80, 0xc0, 0x80]))).toBe(
      "\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80\\xc0\\x80",
    )
  })

  it("never holds a control character but line ends and tabs, whatever it is given", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (content) => {
        // oxlint-disable-next-line no-control-regex
        expect(safeContent(content)).not.toMatch(/[\0-\x08\x0b-\x1f\x7f-\x9f]/)
      }),
      { seed: 5, numRuns: 1000 },
    )
  })
})

describe("an outcome", () => {
  it("is raw, a line, or safe, by where it goes", () => {
    const content: Outcome = { kind: "content", content: binary }
    expect(shown(content, "raw")).toBe("\0\xff\n\x1b")
    expect(shown(content, "lines")).toBe("\0\xff\n\x1b\n")
    expect(shown(content, "terminal")).toBe("\\x00\\xff\n\\x1b\n")
    const aliases: Outcome = { kind: "aliases", aliases: ["a", "b\nc"] }
    expect(shown(aliases, "raw")).toBe("a\nb\nc\n")
    expect(shown(aliases, "terminal")).toBe("a\nb\\x0ac\n")
    expect(shown({ kind: "aliases", aliases: [] }, "terminal")).toBe("")
    expect(shown({ kind: "boolean", value: false }, "raw")).toBe("false\n")
    expect(shown({ kind: "expiry", expiresAtMs: 0 }, "raw")).toBe("never\n")
    expect(shown({ kind: "expiry", expiresAtMs: 1 }, "raw")).toBe("1970-01-01T00:00:00.001Z\n")
    expect(shown({ kind: "done" }, "terminal")).toBe("")
    expect(shown({ kind: "removed", count: 3 }, "raw")).toBe("")
    expect(shown({ kind: "removed", count: 3 }, "terminal")).toBe("3 entries removed\n")
    const document: Outcome = { kind: "document", document: { a: 1, b: ["x\x9b"], c: binary } }
    expect(shown(document, "raw")).toBe('{"a":1,"b":["x\xc2\x9b"],"c":{"base64":"AP8KGw=="}}\n')
    expect(shown(document, "terminal")).toBe(
      '{\n  "a": 1,\n  "b": [\n    "x\\x9b"\n  ],\n  "c": {\n    "base64": "AP8KGw=="\n  }\n}\n',
    )
  })

  it("is a table, where it is the state of a cluster, on a terminal only", () => {
    const members = [
      {
        nodeId: "1-0-0-0",
        address: "10.0.0.1:2836",
        state: "up",
        voter: true,
        slots: { primary: 2048, replica: 2048 },
        version: "0.1.0",
      },
      {
        nodeId: "2-0-0-0",
        address: "10.0.0.2:2836",
        state: "down",
        voter: false,
        slots: { primary: 0, replica: 7 },
        version: "\x1b[2J",
      },
    ]
    const move = { slot: 3, from: "", to: "1-0-0-0", progress: 0.256 }
    const status = {
      state: "serving",
      reasons: ["10.0.0.2:2836 is down"],
      clusterId: "c",
      epoch: 12,
      members,
      factor: { wanted: 2, reached: 1 },
      moves: [move, { ...move, from: "2-0-0-0" }, ...Array.from({ length: 9 }, () => move)],
    }
    const document: Outcome = { kind: "document", document: status }
    expect(JSON.parse(shown(document, "raw"))).toEqual(status)
    expect(shown(document, "terminal").split("\n")).toEqual([
      "cluster c, view 12: serving",
      "replication factor 2, reached 1",
      "- 10.0.0.2:2836 is down",
      "",
      "node id  address        state  votes  primaries  replicas  version",
      "1-0-0-0  10.0.0.1:2836  up     yes    2048       2048      0.1.0",
      "2-0-0-0  10.0.0.2:2836  down   no     0          7         \\x1b[2J",
      "",
      "11 moves:",
      "slot 3  made anew     to 1-0-0-0  25 %",
      "slot 3  from 2-0-0-0  to 1-0-0-0  25 %",
      ...Array.from({ length: 8 }, () => "slot 3  made anew     to 1-0-0-0  25 %"),
      "and 1 more",
      "",
    ])
    const broken: Outcome = {
      kind: "document",
      document: { ...status, members: [{}], factor: 7, moves: null },
    }
    expect(shown(broken, "terminal")).toContain("?        ?        ?      no     ?          ?         ?")
  })

  it("is a table, where it is a plan", () => {
    const share = (primary: number, replica: number) => ({ primary, replica })
    const plan = {
      epoch: 5,
      factor: { wanted: 2, reached: 2 },
      slots: 4096,
      members: [
        {
          nodeId: "1-0-0-0",
          address: "10.0.0.1:2836",
          change: "stays",
          before: share(4096, 0),
          after: share(2048, 2048),
        },
        { nodeId: "", address: "", change: "joins", before: share(0, 0), after: share(2048, 2048) },
      ],
      copies: 4096,
      handOvers: 2048,
      moves: [],
      warnings: ["it has no zone"],
    }
    expect(shown({ kind: "document", document: plan }, "terminal")).toBe(
      [
        "from view 5: 4096 copies of slots to make, 2048 primaries to hand over; 4096 slots",
        "replication factor 2, reached 2",
        "- it has no zone",
        "",
        "node id  address        change  primaries    replicas",
        "1-0-0-0  10.0.0.1:2836  stays   4096 → 2048  0 → 2048",
        "(new)                   joins   0 → 2048     0 → 2048",
        "",
      ].join("\n"),
    )
  })

  it("counts long lists of numbers on a terminal", () => {
    const document: Outcome = { kind: "document", document: { primaries: Array(4096).fill(0), few: [1, 2] } }
    expect(shown(document, "terminal")).toBe(
      '{\n  "primaries": "4096 numbers; --json shows them",\n  "few": [\n    1,\n    2\n  ]\n}\n',
    )
    expect(shown(document, "lines").length).toBeGreaterThan(8192)
  })

  it("is one line of JSON", () => {
    expect(json({ kind: "done" })).toEqual({ ok: true })
    expect(json({ kind: "content", content: bytes("é\n") })).toEqual({ ok: true, content: "é\n" })
    expect(json({ kind: "content", content: binary })).toEqual({ ok: true, content: { base64: "AP8KGw==" } })
    expect(json({ kind: "swap", swapped: false, content: bytes("x") })).toEqual({
      ok: false,
      swapped: false,
      content: "x",
    })
    expect(json({ kind: "boolean", value: false })).toEqual({ ok: true, removed: false })
    expect(json({ kind: "aliases", aliases: ["a"] })).toEqual({ ok: true, aliases: ["a"] })
    expect(json({ kind: "expiry", expiresAtMs: 0 })).toEqual({ ok: true, expiresAtMs: null })
    expect(json({ kind: "expiry", expiresAtMs: 7 })).toEqual({ ok: true, expiresAtMs: 7 })
    expect(json({ kind: "removed", count: 2 })).toEqual({ ok: true, removed: 2 })
    expect(json({ kind: "document", document: { a: null } })).toEqual({ a: null })
    expect(
      Buffer.from(renderJson({ kind: "content", content: bytes("a\nb") }, true))
        .toString()
        .split("\n").length,
    ).toBe(2)
  })

  it("has a status", () => {
    expect(statusOf({ kind: "done" })).toBe(0)
    expect(statusOf({ kind: "boolean", value: true })).toBe(0)
    expect(statusOf({ kind: "boolean", value: false })).toBe(1)
    expect(statusOf({ kind: "swap", swapped: true, content: binary })).toBe(0)
    expect(statusOf({ kind: "swap", swapped: false, content: binary })).toBe(1)
  })
})

describe("an error", () => {
  const plain = { json: false, color: false }
  it("is printed with its name and what can be done", () => {
    expect(renderError(qdbError("alias_not_found"), plain)).toBe(
      "error: An entry matching the provided alias cannot be found. (alias_not_found)\n" +
        "hint: Check the alias; the entry may have expired or been removed.\n",
    )
    expect(renderError(qdbError("timeout"), { json: false, color: true })).toContain(
      "\x1b[1;31merror:\x1b[0m No answer",
    )
    expect(renderUsage("the alias is missing", "get <alias>", plain)).toBe(
      "error: the alias is missing\nusage: get <alias>\n",
    )
  })

  it("cannot make the terminal obey a node's message", () => {
    expect(renderError(new QdbError(1, { message: "a\x1b]0;b\x07\nc" }), plain)).toContain(
      "a\\x1b]0;b\\x07\\x0ac (alias",
    )
  })

  it("is JSON where that is wanted", () => {
    const text = renderError(qdbError("in_doubt"), { json: true, color: true })
    expect(JSON.parse(text)).toMatchObject({
      ok: false,
      error: { name: "in_doubt", code: 9, definite: false, retryable: true },
    })
    expect(JSON.parse(renderUsage("x", undefined, { json: true, color: false }))).toMatchObject({
      error: { name: "usage" },
    })
  })
})
