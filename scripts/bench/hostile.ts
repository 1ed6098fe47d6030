/**
 * Peers that mean harm beside ordinary clients: everybody of `hostile/behaviours.ts` at once, in waves. Looked at are the
 * ordinary clients' p99 before and meanwhile, the daemon's memory, and what is left of it all afterwards: sessions, bytes
 * held for them, descriptors, memory.
 */
import { readdirSync, readlinkSync } from "node:fs"
import { connect, type Client } from "../../src/client/client.ts"
import { Prng } from "../../src/core/lib/prng.ts"
import { sessionsOutputBytesMax } from "../../src/core/lib/limits.ts"
import type { EngineFigures } from "../../src/wire/status.ts"
import { fill, planOf, type CellName } from "./cell.ts"
import { behaviours, largeAlias, largeBytes } from "./hostile/behaviours.ts"
import { Crowd } from "./hostile/crowd.ts"
import { LatencyHistogram } from "./load/histogram.ts"
import type { BenchOptions } from "./options.ts"
import type { PartResult } from "./parts.ts"
import { processMemory } from "./process-figures.ts"
import { runLoad, type Programs } from "./programs.ts"
import { removeFolder, startQdb, type Server } from "./server.ts"

const secondsDefault = 60
const waves = 3
/** The ordinary clients: few, and never all of the machine. */
const ordinaryConnections = 10
const ordinaryCells: ReadonlyArray<CellName> = ["get1", "put1"]
const p99FactorMax = 2
/** Above what all sessions together may hold: the copy that growing a buffer makes, and what waits for the collector. */
const grownMiBMax = sessionsOutputBytesMax / 2 ** 20 + 128
/** Between the first wave and the last. */
const leakedMiBMax = 32
const settleMsMax = 20_000

export async function measureHostile(programs: Programs, options: BenchOptions): Promise<PartResult> {
  const seconds = Math.max(1, (options.seconds ?? secondsDefault * options.scale) / 2)
  const settings = { "local.network.server_sessions": 4_000 }
  const server = await startQdb(programs.qdbd, { durability: "always", settings })
  try {
    const client = await connect({ daemons: [`${server.host}:${server.port}`] })
    await client.update(largeAlias, new Uint8Array(largeBytes))
    await fill(programs, server)
    // Compilers are busy during the first seconds, and the second measurement counts.
    await ordinary(programs, server, seconds)
    const quiet = await ordinary(programs, server, seconds)
    const before = await stateOf(server, client)
    const found: Array<Wave> = []
    for (let wave = 0; wave < waves; wave++)
      found.push(await runWave(programs, server, client, seconds, wave, before))
    const engine = await engineOf(client)
    await client.close()
    return report(quiet, before, found, engine, processMemory(server.pid).peakMiB, seconds)
  } finally {
    await server.stop()
    removeFolder(server.folder)
  }
}

type Latencies = Readonly<Partial<Record<CellName, number>>>

/** @returns p99 in milliseconds by kind of load. @throws when a reply was wrong or missing */
async function ordinary(programs: Programs, server: Server, seconds: number): Promise<Latencies> {
  const found: Partial<Record<CellName, number>> = {}
  for (const cell of ordinaryCells) {
    const plan = { ...planOf(cell, server, seconds, 1), connections: ordinaryConnections }
    const latencies = new LatencyHistogram()
    latencies.add((await runLoad(programs, plan)).latencies)
    found[cell] = latencies.quantile(0.99) / 1000
  }
  return found
}

interface State {
  readonly sessions: number
  readonly heldBytes: number
  readonly descriptors: number
  readonly residentMiB: number
  readonly peakMiB: number
}

async function engineOf(client: Client): Promise<EngineFigures> {
  return (await client.nodeStatus())["engine"] as EngineFigures
}

async function stateOf(server: Server, client: Client): Promise<State> {
  const { sessions } = await engineOf(client)
  return {
    sessions: sessions.open,
    heldBytes: Number(sessions.held_bytes),
    descriptors: connectionDescriptors(server.pid),
    ...processMemory(server.pid),
  }
}

/** Sockets and the like. Files of the log are opened and closed as it goes on, whoever connects. */
function connectionDescriptors(pid: number): number {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).filter((name) => !targetOf(`${folder}/${name}`).startsWith("/")).length
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    // Closed since the folder was read.
    return "/"
  }
}

interface Wave {
  readonly opened: number
  readonly p99Ms: Latencies
  /** What the daemon held for all sessions, at most, as it says itself. */
  readonly heldMiBMax: number
  readonly after: State
}

async function runWave(
  programs: Programs,
  server: Server,
  client: Client,
  seconds: number,
  wave: number,
  before: State,
): Promise<Wave> {
  const crowds = behaviours.map(
    (behaviour, index) =>
      new Crowd(behaviour, server.host, server.port, new Prng(wave * behaviours.length + index + 1)),
  )
  let heldMiBMax = 0
  const sampler = setInterval(() => {
    engineOf(client).then(
      ({ sessions }) => (heldMiBMax = Math.max(heldMiBMax, Number(sessions.held_bytes) / 2 ** 20)),
      // A daemon that is gone makes the ordinary load fail, which ends the measurement.
      () => undefined,
    )
  }, 500)
  try {
    const p99Ms = await ordinary(programs, server, seconds)
    return {
      opened: crowds.reduce((sum, crowd) => sum + crowd.opened, 0),
      p99Ms,
      heldMiBMax,
      after: await settled(server, client, crowds, before),
    }
  } finally {
    clearInterval(sampler)
    for (const crowd of crowds) crowd.stop()
  }
}

/** Sends everybody away, and waits until the daemon has noticed. A descriptor more may be one of its own, for a moment. */
async function settled(
  server: Server,
  client: Client,
  crowds: ReadonlyArray<Crowd>,
  before: State,
): Promise<State> {
  const isLeft = ({ sessions, heldBytes, descriptors }: State) =>
    sessions > before.sessions || heldBytes > before.heldBytes || descriptors > before.descriptors
  for (const crowd of crowds) crowd.stop()
  const deadlineMs = performance.now() + settleMsMax
  let state = await stateOf(server, client)
  while (isLeft(state) && performance.now() < deadlineMs) {
    await Bun.sleep(100)
    state = await stateOf(server, client)
  }
  return state
}

function report(
  quiet: Latencies,
  before: State,
  found: ReadonlyArray<Wave>,
  engine: EngineFigures,
  peakMiB: number,
  seconds: number,
): PartResult {
  const last = (found.at(-1) as Wave).after
  const first = (found[0] as Wave).after
  const opened = found.reduce((sum, wave) => sum + wave.opened, 0)
  const factors = ordinaryCells.map((cell) => {
    const meanwhile = Math.max(...found.map((wave) => wave.p99Ms[cell] ?? Number.POSITIVE_INFINITY))
    const alone = quiet[cell] as number
    return { cell, quietMs: alone, attackedMs: meanwhile, factor: meanwhile / alone }
  })
  const figures = {
    seconds: seconds * 2 * waves,
    opened,
    p99: factors,
    heldMiBMax: Math.max(...found.map((wave) => wave.heldMiBMax)),
    // Peak against peak: what ordinary clients make of memory for a moment is not the doing of the others.
    grownMiB: peakMiB - before.peakMiB,
    leaked: {
      sessions: last.sessions - before.sessions,
      heldBytes: last.heldBytes - before.heldBytes,
      descriptors: last.descriptors - before.descriptors,
      residentMiB: last.residentMiB - first.residentMiB,
    },
    refused: engine.sessions,
  }
  return { table: show(figures), figures: { hostile: figures }, missed: missedOf(figures) }
}

interface HostileFigures {
  readonly seconds: number
  readonly opened: number
  readonly p99: ReadonlyArray<{
    readonly cell: CellName
    readonly quietMs: number
    readonly attackedMs: number
    readonly factor: number
  }>
  readonly heldMiBMax: number
  readonly grownMiB: number
  readonly leaked: Readonly<Record<"sessions" | "heldBytes" | "descriptors" | "residentMiB", number>>
}

function show(figures: HostileFigures): string {
  const { leaked } = figures
  const p99 = figures.p99.map(
    ({ cell, quietMs, attackedMs, factor }) =>
      `${cell}: p99 ${quietMs.toFixed(2)} ms when quiet, ${attackedMs.toFixed(2)} ms in the worst wave: ${factor.toFixed(2)} times`,
  )
  return [
    `${figures.opened} hostile connections in ${figures.seconds.toFixed(0)} s, beside ${ordinaryConnections} ordinary clients`,
    ...p99,
    `sessions held ${figures.heldMiBMax.toFixed(0)} MiB at most, memory grew by ${figures.grownMiB.toFixed(0)} MiB`,
    `left behind: ${leaked.sessions} sessions, ${leaked.heldBytes} bytes for them, ${leaked.descriptors} descriptors; ${leaked.residentMiB.toFixed(0)} MiB more after the last wave than after the first`,
  ].join("\n")
}

function missedOf(figures: HostileFigures): ReadonlyArray<string> {
  const missed: Array<string> = []
  const { leaked } = figures
  for (const { cell, factor } of figures.p99)
    if (!(factor <= p99FactorMax))
      missed.push(`hostile: ${cell} has ${factor.toFixed(2)} times the quiet p99`)
  if (figures.grownMiB > grownMiBMax)
    missed.push(`hostile: memory grew by ${figures.grownMiB.toFixed(0)} MiB`)
  if (leaked.sessions > 0 || leaked.heldBytes > 0 || leaked.descriptors > 0)
    missed.push(`hostile: left behind ${JSON.stringify(leaked)}`)
  if (leaked.residentMiB > leakedMiBMax)
    missed.push(`hostile: ${leaked.residentMiB.toFixed(0)} MiB more after the last wave than after the first`)
  return missed
}
