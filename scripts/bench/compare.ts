/**
 * qdb against Redis at equal durability: both run all the time, slices alternate, and the order rotates from round to
 * round, so that what else the machine does falls on both. The figure of a cell is the median of the rounds' ratios.
 */
import { cellNames, fill, runSlice, summarise, type CellFigures, type CellName, type Slice } from "./cell.ts"
import { processMemory, quiet } from "./process-figures.ts"
import type { Programs } from "./programs.ts"
import { removeFolder, startQdb, startRedis, type Durability, type Server } from "./server.ts"
import { spreadOf, type Spread } from "./statistics.ts"
import { checkValidity, type Validity } from "./validity.ts"

export interface CompareOptions {
  readonly durability: Durability
  readonly rounds: number
  readonly seconds: number
  readonly cells: ReadonlyArray<CellName>
  readonly say: (text: string) => void
}

export interface Comparison {
  readonly durability: Durability
  readonly rounds: number
  readonly seconds: number
  readonly ratios: Readonly<Partial<Record<CellName, Spread>>>
  readonly figures: Readonly<Record<"qdb" | "redis", Readonly<Partial<Record<CellName, CellFigures>>>>>
  readonly peakMiB: Readonly<Record<"qdb" | "redis", number>>
  readonly configuration: Readonly<Record<"qdb" | "redis", string>>
  readonly validity: Validity
}

export async function compare(programs: Programs, options: CompareOptions): Promise<Comparison> {
  const { durability, rounds, seconds, say } = options
  const servers: Array<Server> = []
  try {
    const qdb = await started(servers, startQdb(programs.qdbd, { durability }))
    const redis = await started(servers, startRedis({ durability }))
    say(`qdb    ${qdb.configuration}`)
    say(`redis  ${redis.configuration}`)
    await fill(programs, qdb)
    await fill(programs, redis)
    const slices = await runRounds(programs, qdb, redis, options)
    const peakMiB = { qdb: processMemory(qdb.pid).peakMiB, redis: processMemory(redis.pid).peakMiB }
    const control = await started(servers, startRedis({ durability }))
    await fill(programs, control)
    const validity = await checkValidity(
      programs,
      control,
      Math.min(3, rounds),
      Math.min(3, seconds),
      options.cells,
    )
    return {
      durability,
      rounds,
      seconds,
      ratios: perCell(options.cells, (cell) => spreadOf(ratiosOf(slices.qdb[cell], slices.redis[cell]))),
      figures: {
        qdb: perCell(options.cells, (cell) => summarise(slices.qdb[cell])),
        redis: perCell(options.cells, (cell) => summarise(slices.redis[cell])),
      },
      peakMiB,
      configuration: { qdb: qdb.configuration, redis: redis.configuration },
      validity,
    }
  } finally {
    for (const server of servers) {
      await server.stop()
      removeFolder(server.folder)
    }
  }
}

async function started(servers: Array<Server>, starting: Promise<Server>): Promise<Server> {
  const server = await starting
  servers.push(server)
  return server
}

type Slices = Record<"qdb" | "redis", Record<CellName, Array<Slice>>>

async function runRounds(
  programs: Programs,
  qdb: Server,
  redis: Server,
  options: CompareOptions,
): Promise<Slices> {
  const empty = () =>
    Object.fromEntries(cellNames.map((cell) => [cell, []])) as unknown as Record<CellName, Array<Slice>>
  const slices: Slices = { qdb: empty(), redis: empty() }
  for (let round = 0; round < options.rounds; round++) {
    const shown: Array<string> = []
    for (const cell of rotated(options.cells, round)) {
      const order = round % 2 === 0 ? [qdb, redis] : [redis, qdb]
      for (const server of order) {
        // What one server still has to write must not fall into the other's time.
        await quiet((server === qdb ? redis : qdb).pid)
        slices[server.kind][cell].push(await runSlice(programs, server, cell, options.seconds, round + 1))
      }
      const [ours, theirs] = [slices.qdb[cell].at(-1), slices.redis[cell].at(-1)] as [Slice, Slice]
      shown.push(`${cell} ${(ours.perSecond / theirs.perSecond).toFixed(2)}`)
    }
    options.say(`round ${round + 1} of ${options.rounds}: ${shown.toSorted().join("  ")}`)
  }
  return slices
}

/** @returns the items beginning with the `by`-th, wrapped around */
export function rotated<T>(items: ReadonlyArray<T>, by: number): ReadonlyArray<T> {
  const from = by % items.length
  return [...items.slice(from), ...items.slice(0, from)]
}

function ratiosOf(ours: ReadonlyArray<Slice>, theirs: ReadonlyArray<Slice>): ReadonlyArray<number> {
  return ours.map((slice, round) => slice.perSecond / (theirs[round] as Slice).perSecond)
}

function perCell<T>(
  cells: ReadonlyArray<CellName>,
  make: (cell: CellName) => T,
): Partial<Record<CellName, T>> {
  return Object.fromEntries(cells.map((cell) => [cell, make(cell)])) as Partial<Record<CellName, T>>
}
