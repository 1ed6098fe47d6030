/**
 * `npm run bench`: measures the compiled daemon. Without a name, the comparison with Redis.
 *
 *   npm run bench -- [compare]   ratios to Redis at equal durability
 *   npm run bench -- sustained   minutes of random puts over ten times the cache
 *   npm run bench -- memory      peak memory with a million entries, and under a small limit
 *   npm run bench -- start       start of the process to its first answer
 *   npm run bench -- sessions    a busy client beside 10,000 idle ones
 *   npm run bench -- hostile     ordinary clients beside peers that mean harm
 *   npm run bench -- cluster     three nodes beside three of etcd; --cluster means the same
 *   npm run bench -- join        a fourth node joins three with a million entries, under load
 *   npm run bench -- all         all of them, one after the other
 *
 *   --rounds N (10)  --seconds S (5; sustained 300)  --durability always|everysec|both (both: puts only for everysec)
 *   --cells put1,put16,get1,get16  --json FILE  --compare OLD.json  --record (adds the result to test/bench/history/)
 *   --qdbd FILE (measure this daemon)  --scale X (smaller parts, to try the instrument)
 *
 * The exit status is 1 when a figure misses its target or the load generator was too slow to be believed, 3 when something
 * could not be measured at all.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { describeMachine } from "./bench/machine.ts"
import { parseOptions } from "./bench/options.ts"
import { buildPrograms, requireRedis } from "./bench/programs.ts"
import { roundedNumbers, showChange, type BenchDocument } from "./bench/report.ts"
import { runPart, type PartResult } from "./bench/parts.ts"
import { serverOutputs } from "./bench/server.ts"
import { projectRoot } from "./source/files.ts"

const options = parseOptions(process.argv.slice(2))
const needsRedis = options.parts.includes("compare")
const redisVersion = needsRedis ? requireRedis() : undefined
const programs = await buildPrograms(options.qdbd)
const results: Array<PartResult> = []
for (const part of options.parts) {
  console.log(`\n== ${part}`)
  const result = await runPart(part, programs, options).catch(giveUp)
  console.log(`\n${result.table}`)
  results.push(result)
}

function giveUp(error: Error): never {
  console.error(`bench: ${error.message}\n${serverOutputs()}`)
  process.exit(3)
}

const document: BenchDocument = {
  ratios: {},
  ...Object.assign({}, ...results.map((result) => result.figures)),
  machine: describeMachine(redisVersion),
}
const text = `${JSON.stringify(roundedNumbers(document), undefined, 2)}\n`
if (options.json !== undefined) writeFileSync(options.json, text)
if (options.record) {
  const folder = `${projectRoot}/test/bench/history`
  mkdirSync(folder, { recursive: true })
  const { date, commit } = describeMachine(redisVersion)
  const path = `${folder}/${date}-${commit}-${options.parts.join("-")}.json`
  writeFileSync(path, text)
  console.log(`\nrecorded in ${path.slice(projectRoot.length + 1)}`)
}
if (options.compare !== undefined) {
  const before = JSON.parse(readFileSync(options.compare, "utf8")) as BenchDocument
  console.log(`\nagainst ${options.compare}:\n${showChange(before, document)}`)
}
const missed = results.flatMap((result) => result.missed)
for (const problem of missed) console.log(`missed: ${problem}`)
process.exit(missed.length === 0 ? 0 : 1)
