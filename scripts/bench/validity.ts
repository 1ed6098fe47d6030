/**
 * Is our load generator fast enough to be believed? If it were slower than the servers, every ratio would be 1. So it is
 * compared with redis-benchmark, a C program, on the same Redis: a run counts only if it reaches at least 0.8 of it in
 * every cell.
 */
import { spawn } from "node:child_process"
import { aliases, cellNames, connections, contentBytes, planOf, type CellName } from "./cell.ts"
import { runLoad, type Programs } from "./programs.ts"
import type { Server } from "./server.ts"
import { median } from "./statistics.ts"

export const validityMin = 0.8

export interface Validity {
  /** Our generator's requests per second divided by redis-benchmark's: the median of the rounds. */
  readonly reach: Readonly<Record<CellName, number>>
  readonly valid: boolean
}

/** @param server a Redis of its own, with the configuration of the one that is compared */
export async function checkValidity(
  programs: Programs,
  server: Server,
  rounds: number,
  seconds: number,
  cells: ReadonlyArray<CellName> = cellNames,
): Promise<Validity> {
  const reach = {} as Record<CellName, number>
  for (const cell of cells) {
    const ratios: Array<number> = []
    let expected = 20_000
    for (let round = 0; round < rounds; round++) {
      const ours = await runLoad(programs, planOf(cell, server, seconds, 1_000 + round))
      const rate = ours.measured / ours.seconds
      if (round === 0) expected = rate
      const theirs = await redisBenchmark(server, cell, Math.max(1_000, Math.round(expected * seconds)))
      ratios.push(rate / theirs)
    }
    reach[cell] = median(ratios)
  }
  return { reach, valid: Object.values(reach).every((ratio) => ratio >= validityMin) }
}

/** @returns requests per second */
function redisBenchmark(server: Server, cell: CellName, requests: number): Promise<number> {
  const plan = planOf(cell, server, 0, 0)
  const test = plan.operation === "put" ? "set" : "get"
  const options = {
    "-p": server.port,
    "-t": test,
    "-n": requests,
    "-r": aliases,
    "-d": contentBytes,
    "-c": connections,
    "-P": plan.inFlight,
  }
  const args = Object.entries(options).flatMap(([name, value]) => [name, String(value)])
  return new Promise((resolve, reject) => {
    const child = spawn("redis-benchmark", [...args, "--csv"], { stdio: ["ignore", "pipe", "ignore"] })
    let output = ""
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()))
    child.on("error", reject)
    child.on("close", () => {
      const rate = Number(output.trim().split("\n").at(-1)?.split(",")[1]?.replaceAll('"', ""))
      if (rate > 0) resolve(rate)
      else reject(new Error(`redis-benchmark gave no figure: ${output.slice(-200)}`))
    })
  })
}
