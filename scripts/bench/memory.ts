/**
 * Peak memory of the daemon, as the kernel counts it (VmHWM): with a million small entries, and under a limit of 64 MiB
 * while 2 GiB are written and read again.
 */
import { planOf } from "./cell.ts"
import type { BenchOptions } from "./options.ts"
import type { PartResult } from "./parts.ts"
import { processMemory } from "./process-figures.ts"
import { runLoad, type Programs } from "./programs.ts"
import { removeFolder, startQdb, type Server } from "./server.ts"

const quietSeconds = 10
const entries = 1_000_000
const entriesMiBMax = 260
const limitMiB = 64
const volumeMiB = 2_048
const largeContentBytes = 8_192
const limitedMiBMax = 250

export async function measureMemory(programs: Programs, options: BenchOptions): Promise<PartResult> {
  const loaded = await withServer(programs, {}, options, async (server) => {
    const plan = { ...planOf("put16", server, 0, 1), aliases: Math.round(entries * options.scale) }
    await runLoad(programs, { ...plan, warmupSeconds: 0, sequential: true })
  })
  const limited = await withServer(
    programs,
    { "global.limiter.max_bytes": limitMiB * 2 ** 20 },
    options,
    async (server) => {
      const aliases = Math.round(((volumeMiB * 2 ** 20) / largeContentBytes) * options.scale)
      const common = { aliases, contentBytes: largeContentBytes, warmupSeconds: 0, sequential: true }
      await runLoad(programs, { ...planOf("put16", server, 0, 1), ...common })
      await runLoad(programs, { ...planOf("get16", server, 0, 1), ...common })
    },
  )
  const missed: Array<string> = []
  if (loaded > entriesMiBMax)
    missed.push(`memory: ${loaded.toFixed(0)} MiB with a million entries, at most ${entriesMiBMax}`)
  if (limited > limitedMiBMax)
    missed.push(`memory: ${limited.toFixed(0)} MiB under the limit, at most ${limitedMiBMax}`)
  const table = [
    `${Math.round(entries * options.scale)} entries of 100 bytes, after ${quietSeconds} s of quiet: ${loaded.toFixed(0)} MiB at most`,
    `limiter at ${limitMiB} MiB, ${Math.round(volumeMiB * options.scale)} MiB written and read: ${limited.toFixed(0)} MiB at most`,
  ]
  return {
    table: table.join("\n"),
    figures: { memory: { millionEntriesMiB: loaded, limitedMiB: limited } },
    missed,
  }
}

/** @returns the peak in MiB after the load and the quiet */
async function withServer(
  programs: Programs,
  settings: Readonly<Record<string, number>>,
  options: BenchOptions,
  load: (server: Server) => Promise<void>,
): Promise<number> {
  const server = await startQdb(programs.qdbd, { durability: "always", settings })
  try {
    console.log(`qdb    ${server.configuration}`)
    await load(server)
    await Bun.sleep(quietSeconds * 1000 * Math.min(1, options.scale))
    return processMemory(server.pid).peakMiB
  } finally {
    await server.stop()
    removeFolder(server.folder)
  }
}
