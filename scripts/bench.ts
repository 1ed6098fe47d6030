/**
 * `npm run bench`: measures the compiled daemon (`bench/usage.ts`).
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { describeMachine } from "./bench/machine.ts"
import { type BenchOptions, parseOptions } from "./bench/options.ts"
import { buildPrograms, requireRedis } from "./bench/programs.ts"
import { roundedNumbers, showChange, type BenchDocument } from "./bench/report.ts"
import { runPart, type PartResult } from "./bench/parts.ts"
import { serverOutputs } from "./bench/server.ts"
import { usage } from "./bench/usage.ts"
import { projectRoot } from "./source/files.ts"

const argv = process.argv.slice(2)
if (argv.includes("--help")) {
  console.log(usage)
  process.exit(0)
}
const options = optionsOf(argv)
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

function optionsOf(args: ReadonlyArray<string>): BenchOptions {
  try {
    return parseOptions(args)
  } catch (error) {
    console.error(`bench: ${(error as Error).message} (--help tells what there is)`)
    process.exit(2)
  }
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
