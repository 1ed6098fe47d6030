/** Ten thousand idle connections beside a busy client, and the one connection too many. */
import { fill, planOf } from "./cell.ts"
import { IdleSessions } from "./idle-sessions.ts"
import type { BenchOptions } from "./options.ts"
import type { PartResult } from "./parts.ts"
import { processMemory } from "./process-figures.ts"
import { runLoad, type Programs } from "./programs.ts"
import { removeFolder, startQdb, type Server } from "./server.ts"
import { median } from "./statistics.ts"

const idleCount = 10_000
const rounds = 5
const secondsDefault = 3
const keptShareMin = 0.8
const grownMiBMax = 300
const sessionsMaxSmall = 2_000

export async function measureSessions(programs: Programs, options: BenchOptions): Promise<PartResult> {
  const count = Math.round(idleCount * options.scale)
  const many = await beside(programs, count, options.seconds ?? secondsDefault)
  const refusal = await tooMany(programs, Math.max(50, Math.round(sessionsMaxSmall * options.scale)))
  const isRightRefusal = refusal?.includes("too_many_sessions") === true
  const missed: Array<string> = []
  if (many.refusal !== undefined) missed.push(`sessions: a connection was refused: ${many.refusal}`)
  if (many.closed > 0) missed.push(`sessions: ${many.closed} idle connections were closed`)
  if (many.keptShare < keptShareMin)
    missed.push(`sessions: ${many.keptShare.toFixed(2)} of the throughput is left`)
  if (many.grownMiB > grownMiBMax) missed.push(`sessions: memory grew by ${many.grownMiB.toFixed(0)} MiB`)
  if (!isRightRefusal) missed.push(`sessions: the one too many got ${refusal ?? "in"}`)
  const table = [
    `${count} idle connections: a busy client keeps ${many.keptShare.toFixed(2)} of its throughput (${spread(many.keptShares)}), memory grows by ${many.grownMiB.toFixed(0)} MiB`,
    `one connection too many: ${refusal ?? "accepted"}`,
  ]
  return { table: table.join("\n"), figures: { sessions: { count, ...many, refusal } }, missed }
}

function spread(shares: ReadonlyArray<number>): string {
  return `${Math.min(...shares).toFixed(2)} - ${Math.max(...shares).toFixed(2)}`
}

interface BesideFigures {
  /** The median of some rounds, each of which has the client alone first. */
  readonly keptShare: number
  readonly keptShares: ReadonlyArray<number>
  readonly grownMiB: number
  readonly closed: number
  readonly refusal: string | undefined
}

/** In turn, round by round: what is measured first and last on a shared machine differs by more than what is looked for. */
async function beside(programs: Programs, count: number, seconds: number): Promise<BesideFigures> {
  const settings = { "local.network.server_sessions": 20_000 }
  const server = await startQdb(programs.qdbd, { durability: "always", settings })
  const keptShares: Array<number> = []
  let [grownMiB, closed] = [0, 0]
  let refusal: string | undefined
  try {
    await fill(programs, server)
    // Compilers are busy during the first seconds.
    await busyRate(programs, server, seconds, 0)
    for (let round = 1; round <= rounds && refusal === undefined; round++) {
      const alone = await busyRate(programs, server, seconds, round)
      const before = processMemory(server.pid).residentMiB
      const idle = new IdleSessions()
      try {
        refusal = await idle.open(server.host, server.port, count)
        keptShares.push((await busyRate(programs, server, seconds, round)) / alone)
        grownMiB = Math.max(grownMiB, processMemory(server.pid).residentMiB - before)
        closed += idle.closed
      } finally {
        await idle.close()
      }
    }
    return { keptShare: median(keptShares), keptShares, grownMiB, closed, refusal }
  } finally {
    await server.stop()
    removeFolder(server.folder)
  }
}

/** One client with 16 requests in flight. */
async function busyRate(programs: Programs, server: Server, seconds: number, round: number): Promise<number> {
  const result = await runLoad(programs, { ...planOf("get16", server, seconds, round + 1), connections: 1 })
  return result.measured / result.seconds
}

/** @returns what the connection above the limit is told */
async function tooMany(programs: Programs, limit: number): Promise<string | undefined> {
  const settings = { "local.network.server_sessions": limit }
  const server = await startQdb(programs.qdbd, { durability: "always", settings })
  const idle = new IdleSessions()
  try {
    const early = await idle.open(server.host, server.port, limit)
    if (early !== undefined) return `refused below the limit, at ${idle.count}: ${early}`
    return await idle.open(server.host, server.port, 1)
  } finally {
    await idle.close()
    await server.stop()
    removeFolder(server.folder)
  }
}
