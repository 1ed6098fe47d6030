/**
 * `npm run chaos -- --wall-minutes M [--seed S] [--calm]`: real daemons under real faults (`test/cluster/chaos/`), for as long as one
 * likes. Status 1 if anything was lost, wrong, late or stuck.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { chaosReport, runChaos } from "../test/cluster/chaos/run.ts"

const { values } = parseArgs({
  options: {
    "wall-minutes": { type: "string", default: "2" },
    seed: { type: "string" },
    calm: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
})
const minutes = Number(values["wall-minutes"])
if (!(minutes > 0)) {
  console.error(`chaos: --wall-minutes is a number above 0, not ${values["wall-minutes"]}`)
  process.exit(2)
}
const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed)
const directory = mkdtempSync(join(tmpdir(), "qdb-chaos-"))
console.log(`chaos: seed ${seed}, ${minutes} minutes, in ${directory}`)
const report = await runChaos({
  seed,
  durationMs: minutes * 60_000,
  directory,
  pauseLeasesMax: 20,
  calm: values.calm,
  note: (text) => console.log(text),
})
console.log(chaosReport(report))
const failed = report.violations.length > 0 || !report.plantedRejected
if (failed || values.keep) console.log(`chaos: data and logs are kept in ${directory}`)
else rmSync(directory, { recursive: true, force: true })
process.exit(failed ? 1 : 0)
