/** The benchmark's command line. */
import { parseArgs } from "node:util"
import { cellNames, type CellName } from "./cell.ts"
import type { Durability } from "./server.ts"

export const partNames = [
  "compare",
  "sustained",
  "memory",
  "start",
  "sessions",
  "hostile",
  "cluster",
  "join",
  "lag",
] as const
export type PartName = (typeof partNames)[number]

export interface BenchOptions {
  readonly parts: ReadonlyArray<PartName>
  readonly rounds: number
  /** Undefined: each part's own. */
  readonly seconds: number | undefined
  readonly durabilities: ReadonlyArray<Durability>
  readonly cells: ReadonlyArray<CellName>
  readonly json: string | undefined
  readonly compare: string | undefined
  readonly record: boolean
  /** Another daemon than the one of this tree, such as an older build. */
  readonly qdbd: string | undefined
  /** Makes every part smaller by this factor: to try the instrument, not to measure. */
  readonly scale: number
}

export function parseOptions(argv: ReadonlyArray<string>): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "10" },
      seconds: { type: "string" },
      durability: { type: "string", default: "both" },
      cells: { type: "string", default: cellNames.join(",") },
      json: { type: "string" },
      compare: { type: "string" },
      record: { type: "boolean", default: false },
      qdbd: { type: "string" },
      scale: { type: "string", default: "1" },
      cluster: { type: "boolean", default: false },
    },
  })
  const named = values.cluster ? [...positionals, "cluster"] : positionals
  const parts = named.length === 0 ? ["compare"] : named.includes("all") ? [...partNames] : named
  return {
    parts: parts.map((part) => oneOf(part, partNames, "part")),
    rounds: count(values.rounds, "rounds"),
    seconds: values.seconds === undefined ? undefined : positive(values.seconds, "seconds"),
    durabilities: values.durability === "both" ? ["always", "everysec"] : [durability(values.durability)],
    cells: values.cells.split(",").map((cell) => oneOf(cell, cellNames, "cell")),
    json: values.json,
    compare: values.compare,
    record: values.record,
    qdbd: values.qdbd,
    scale: positive(values.scale, "scale"),
  }
}

function durability(text: string): Durability {
  return oneOf(text, ["always", "everysec"] as const, "durability")
}

function oneOf<T extends string>(text: string, allowed: ReadonlyArray<T>, what: string): T {
  const found = allowed.find((name) => name === text)
  if (found === undefined) throw new Error(`no ${what} ${text}; there are ${allowed.join(", ")}`)
  return found
}

function positive(text: string, what: string): number {
  const value = Number(text)
  if (!(value > 0 && value < 1e6)) throw new Error(`--${what} is a positive number, not ${text}`)
  return value
}

function count(text: string, what: string): number {
  const value = positive(text, what)
  if (!Number.isInteger(value)) throw new Error(`--${what} is a whole number, not ${text}`)
  return value
}
