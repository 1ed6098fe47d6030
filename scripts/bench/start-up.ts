/**
 * From the start of the process to its first answered hello: with an empty folder, and with a million entries and a long
 * log, after a clean stop and after a kill. Each run after a kill begins with a fresh copy of the same files, because
 * recovery changes them. The file system's cache is warm throughout.
 */
import { cpSync } from "node:fs"
import { join } from "node:path"
import { planOf } from "./cell.ts"
import { logMiB } from "./data-folder.ts"
import type { BenchOptions } from "./options.ts"
import type { PartResult } from "./parts.ts"
import { runLoad, type Programs } from "./programs.ts"
import { newFolder, removeFolder, startQdb } from "./server.ts"
import { median } from "./statistics.ts"

const runsDefault = 20
const entries = 1_000_000
/** Random overwrites after the filling, so that the log is long when the daemon is killed. */
const overwriteSeconds = 10
const emptyMsMax = 150
const fullMsMax = 3_000

export async function measureStart(programs: Programs, options: BenchOptions): Promise<PartResult> {
  const runs = Math.max(1, Math.round(runsDefault * Math.min(1, options.scale)))
  const emptyMs = median(await timeEmpty(programs, runs))
  const killed = newFolder()
  const cleanFolder = newFolder()
  try {
    await fillAndKill(programs, killed, options.scale)
    const log = logMiB(killed)
    const killedMs = median(await timeKilled(programs, killed, runs))
    cpSync(join(killed, "db"), join(cleanFolder, "db"), { recursive: true })
    const cleanMs = median((await timeClean(programs, cleanFolder, runs + 1)).slice(1))
    const figures = { emptyMs, killedMs, cleanMs, killedLogMiB: log, runs }
    const missed: Array<string> = []
    if (emptyMs > emptyMsMax) missed.push(`start: ${emptyMs.toFixed(0)} ms empty, at most ${emptyMsMax}`)
    if (killedMs > fullMsMax)
      missed.push(`start: ${killedMs.toFixed(0)} ms after a kill, at most ${fullMsMax}`)
    if (cleanMs > fullMsMax)
      missed.push(`start: ${cleanMs.toFixed(0)} ms after a clean stop, at most ${fullMsMax}`)
    const table = [
      `start to first answer, median of ${runs}: empty ${emptyMs.toFixed(0)} ms`,
      `${Math.round(entries * options.scale)} entries, after a clean stop ${cleanMs.toFixed(0)} ms, after kill -9 with a log of ${log.toFixed(0)} MiB ${killedMs.toFixed(0)} ms`,
    ]
    return { table: table.join("\n"), figures: { start: figures }, missed }
  } finally {
    removeFolder(killed)
    removeFolder(cleanFolder)
  }
}

async function timeEmpty(programs: Programs, runs: number): Promise<ReadonlyArray<number>> {
  const times: Array<number> = []
  // The first run brings the executable into the cache and is not counted.
  for (let run = 0; run <= runs; run++) {
    const server = await startQdb(programs.qdbd, { durability: "always" })
    if (run > 0) times.push(server.startMs)
    await server.stop()
    removeFolder(server.folder)
  }
  return times
}

async function fillAndKill(programs: Programs, folder: string, scale: number): Promise<void> {
  const server = await startQdb(programs.qdbd, { durability: "always", folder })
  const plan = {
    ...planOf("put16", server, overwriteSeconds * Math.min(1, scale), 1),
    aliases: Math.round(entries * scale),
  }
  await runLoad(programs, { ...plan, warmupSeconds: 0, sequential: true })
  await runLoad(programs, { ...plan, warmupSeconds: 0 })
  await server.kill()
}

async function timeKilled(programs: Programs, killed: string, runs: number): Promise<ReadonlyArray<number>> {
  const times: Array<number> = []
  for (let run = 0; run < runs; run++) {
    const folder = newFolder()
    try {
      cpSync(join(killed, "db"), join(folder, "db"), { recursive: true })
      const server = await startQdb(programs.qdbd, { durability: "always", folder })
      times.push(server.startMs)
      await server.kill()
    } finally {
      removeFolder(folder)
    }
  }
  return times
}

async function timeClean(programs: Programs, folder: string, runs: number): Promise<ReadonlyArray<number>> {
  const times: Array<number> = []
  for (let run = 0; run < runs; run++) {
    const server = await startQdb(programs.qdbd, { durability: "always", folder })
    times.push(server.startMs)
    await server.stop()
  }
  return times
}
