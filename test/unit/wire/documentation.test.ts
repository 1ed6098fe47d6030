/** `docs/protocol.md` is what others write clients by: its tables, figures and examples are the code's. */
import { readFileSync } from "node:fs"
import { encode } from "@msgpack/msgpack"
import { describe, expect, it } from "vitest"
import { operation } from "../../../src/core/entry/operation.ts"
import { Request } from "../../../src/core/entry/request.ts"
import * as limits from "../../../src/core/lib/limits.ts"
import { code, errorTable } from "../../../src/wire/errors.ts"
import { wireVersionMax } from "../../../src/wire/hello.ts"
import { decodeRequest } from "../../../src/wire/request.ts"
import type { Golden } from "./golden.ts"

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8")
const page = read("docs/protocol.md")
const golden = JSON.parse(read("test/fixtures/wire/golden.json")) as Golden[]

/** The cells of a marked table's rows, without its heading. */
function rowsOf(name: string): string[][] {
  const marked = new RegExp(`<!-- table: ${name} -->\\n\\n([^]*?)\\n\\n<!-- end -->`).exec(page)
  const lines = marked?.[1]?.split("\n") ?? []
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

const unquoted = (cell: string) => cell.replaceAll("`", "")
const listed = (cell: string) =>
  unquoted(cell)
    .split(", ")
    .filter((name) => name !== "")

/** A good value for each argument that the page names. */
const samples: Readonly<Record<string, unknown>> = {
  alias: new TextEncoder().encode("city"),
  content: Uint8Array.of(1),
  comparand: Uint8Array.of(2),
  expiresAtMs: 0,
  deltaMs: 1000,
  client: new Uint8Array(16),
  number: 2,
  floor: 1,
  prefix: new Uint8Array(0),
  cursorSlot: 0,
  cursorAfter: new Uint8Array(0),
  bytesMax: 4096,
  reason: new TextEncoder().encode("maintenance"),
  added: 1,
  removed: new TextEncoder().encode("10.0.0.3:2836"),
  node: new TextEncoder().encode("10.0.0.3:2836"),
  force: 0,
  nodes: new TextEncoder().encode("10.0.0.3:2836"),
  setting: new TextEncoder().encode("replication_factor"),
  value: new TextEncoder().encode("3"),
}

const into = new Request()
function resultOf(message: unknown): number {
  const bytes = encode(message)
  return decodeRequest(bytes, 0, bytes.length, into)
}

describe("docs/protocol.md", () => {
  it("lists every operation", () => {
    const rows = rowsOf("operations").map(([opcode, name]) => [unquoted(name as string), Number(opcode)])
    expect(rows).toEqual(Object.entries(operation))
  })

  it.each(rowsOf("operations"))(
    "opcode %s, %s, takes the arguments listed, no more and no fewer",
    (...row) => {
      const [opcode, , cells] = row as [string, string, string]
      const names = listed(cells)
      const message = [Number(opcode), 1, 0, 1000, ...names.map((name) => samples[name])]
      expect(message).not.toContain(undefined)
      expect(resultOf(message)).toBe(0)
      expect(resultOf([...message, 0])).toBe(code.protocol_error)
      expect(resultOf(message.slice(0, -1))).toBe(code.protocol_error)
    },
  )

  it("explains every argument", () => {
    const explained = rowsOf("arguments").flatMap(([names]) => listed(names as string))
    const used = new Set(rowsOf("operations").flatMap(([, , names]) => listed(names as string)))
    expect(explained.toSorted()).toEqual([...used].toSorted())
    expect(Object.keys(samples).toSorted()).toEqual([...used].toSorted())
  })

  it("lists every error as the catalogue has it", () => {
    const rows = errorTable.map((error) => [
      String(error.code),
      `\`${error.name}\``,
      error.retryable ? "yes" : "no",
      error.definite ? "none" : "unknown",
      `${error.message} ${error.solution}`,
    ])
    expect(rowsOf("errors")).toEqual(rows)
  })

  it("names errors that exist", () => {
    const names = new Set<string>(errorTable.map((error) => error.name))
    const mentioned = page.match(
      /`(unsupported|too_many|wrong|protocol|alias_|unmatched|stale|in_doubt|timeout|internal|overloaded|operation_)\w*`/g,
    )
    expect(mentioned?.length).toBeGreaterThan(10)
    for (const name of mentioned ?? []) expect(names).toContain(unquoted(name))
  })

  it("states the limits of the code", () => {
    const rows = rowsOf("limits")
    expect(rows.length).toBeGreaterThan(20)
    for (const [name, value] of rows) {
      const limit = (limits as Readonly<Record<string, number | string>>)[unquoted(name as string)]
      expect([name, valueOf(value as string)]).toEqual([name, limit])
    }
  })

  it("states the same limits in its prose", () => {
    const figure = (value: number) => value.toLocaleString("en-US")
    const prose = page.replaceAll(/\s+/g, " ")
    expect(prose).toContain(`up to ${figure(limits.sessionRequestsMax)} open on a connection`)
    expect(prose).toContain(`at most ${figure(limits.clientNumbersOpenMax)} numbers from the floor on`)
    expect(prose).toContain(`bytes, 1 to ${figure(limits.aliasBytesMax)}, valid UTF-8`)
    expect(prose).toContain(`at most ${limits.expiresAtMsMax} (the year 9999)`)
    expect(prose).toContain(`integer, at most ${limits.requestTimeoutMsMax}`)
    expect(prose).toContain(`with ${figure(limits.slotCountDefault)} slots the first 12 bits`)
    expect(prose).toContain(`reads nothing for ${limits.connectionSilentMs / 1000} s is closed`)
    expect(prose).toContain(`sends a \`ping\` every ${limits.pingIntervalMs / 1000} s`)
  })

  it("describes the version that the code speaks", () => {
    expect(page).toContain(`This document describes version **${wireVersionMax}**`)
  })

  it("has examples that are messages of the wire", () => {
    const examples = [...page.matchAll(/```hex (\w+)\n([^]*?)```/g)]
    expect(examples.length).toBeGreaterThanOrEqual(9)
    for (const [, name, block] of examples) {
      const frame = (block as string)
        .split("\n")
        .map((line) =>
          (/^((?:[0-9a-f]{2} )*[0-9a-f]{2})(?: {2,}.*)?$/.exec(line)?.[1] ?? line).replaceAll(" ", ""),
        )
        .join("")
      expect([name, frame]).toEqual([name, golden.find((entry) => entry.name === name)?.frame])
    }
  })
})

/** @returns `4 KiB`, `10 s` or a plain integer as the code's unit: bytes, milliseconds, a count */
function valueOf(value: string): number {
  const [figure, unit] = value.split(" ")
  const units: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 * 1024, s: 1000 }
  return Number(figure) * (unit === undefined ? 1 : (units[unit] ?? Number.NaN))
}
