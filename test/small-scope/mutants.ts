/**
 * The seeded bugs that exploration must catch, each in the scope that reaches it: `bun test/small-scope/mutants.ts [NAME]`.
 * The patches are the simulator's (`test/simulation/seeded-bugs.ts`), so that both are held against the same bugs, and
 * those that only exploration can be sure to reach.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { mutants as simulated } from "../simulation/seeded-bugs.ts"
import { StalePatch, withPatchedCore } from "../support/patched-core.ts"
import type { Mutant } from "../support/patched-core.ts"
import { slotBugs } from "./slot-bugs.ts"

/** By mutant: the scope that catches it. */
const scopeOf: Readonly<Record<string, string>> = {
  "voters do not wait for leases": "takeover",
  "accepted demotion forgotten at once": "takeover",
  "accepted demotion forgotten by a restart": "takeover",
  "grants to an older epoch count": "takeover",
  "grants forgotten by a restarted voter": "takeover",
  "grants of others not reckoned with by new voters": "voters",
  "restarted primary goes on in its old slot epoch": "restart",
  "slot epoch stays when the primary restarts": "restart",
  "ballot used again": "duelRestarted",
  "a decided epoch is voted on again": "duelLate",
  "lease counted from the answer": "heartbeats",
  "voters changed without overlap": "voters",
  "a view is used before it is on disk": "slowDisk",
  "promise sent before it is on disk": "slowDisk",
  "acceptance sent before it is on disk": "slowDisk",
  "promises do not tell what was accepted": "duel",
  "proposer ignores what was accepted": "duel",
  "promoted without a certificate": "promote",
  "certificate of an older epoch": "promote",
  "release of an older epoch": "handOver",
  "a released slot is served on": "release",
  "no lease for a slot alone in sync": "alone",
  "suspend not noticed": "suspend",
  "a majority of the list founds": "founding",
  "a founder starts over as soon as another is gone": "founding",
  "voters reckon with less than a lease": "takeoverFine",
  "a minority decides": "duel",
}

const own: readonly Mutant[] = [
  {
    name: "voters reckon with less than a lease",
    edits: [{ file: "lease/limits.ts", find: "(leaseMs * 11) / 10", replace: "leaseMs / 2" }],
  },
  {
    name: "grants to an older epoch count",
    edits: [
      { file: "member/spreading.ts", find: '  "heartbeat",\n', replace: "" },
      {
        file: "member/renewal.ts",
        find: "if (message.epoch !== seat.view.epoch) return",
        replace: "if (message.epoch < 0) return",
      },
    ],
  },
  {
    name: "a minority decides",
    edits: [
      {
        file: "view/view.ts",
        find: "count >= majorityOf(voters)",
        replace: "count * 2 >= voters.length - 1",
      },
    ],
  },
]

/** All that exploration is held against. */
export const mutants: readonly Mutant[] = [
  ...Object.keys(scopeOf).map((name) => {
    const mutant = [...simulated, ...own].find((other) => other.name === name)
    if (mutant === undefined) throw new Error(`no seeded bug is called ${name}`)
    return mutant
  }),
  ...slotBugs,
]

const parts = ["test/small-scope", "test/support", "test/simulation/data/message.ts", "src/wire"]

/** @returns what exploration of a patched copy of the core says */
export function tryMutant(mutant: Mutant): { readonly isCaught: boolean; readonly text: string } {
  const scope = slotBugs.find((bug) => bug.name === mutant.name)?.scope ?? (scopeOf[mutant.name] as string)
  try {
    const run = withPatchedCore(mutant.edits, parts, (directory) =>
      spawnSync(process.execPath, [join(directory, "test/small-scope/run.ts"), scope], {
        encoding: "utf8",
        maxBuffer: 64 * 1024 * 1024,
      }),
    )
    const found = /VIOLATED (.*)/.exec(run.stdout)?.[1] ?? /STUCK (.*)/.exec(run.stdout)?.[1]
    if (found === undefined)
      return { isCaught: false, text: `${scope}: ${run.stdout}${run.stderr}`.slice(0, 500) }
    const ms = Number(/, (\d+) ms, /.exec(run.stdout)?.[1])
    return { isCaught: true, text: `(${(ms / 1_000).toFixed(1)} s) ${scope}: ${found.slice(0, 140)}` }
  } catch (error) {
    if (error instanceof StalePatch) return { isCaught: false, text: error.message }
    throw error
  }
}

if (import.meta.main) {
  let missed = 0
  for (const mutant of mutants) {
    if (!mutant.name.includes(process.argv[2] ?? "")) continue
    const { isCaught, text } = tryMutant(mutant)
    if (!isCaught) missed++
    console.log(`${isCaught ? "caught" : "MISSED"}  ${mutant.name} ${text}`)
  }
  process.exitCode = missed === 0 ? 0 : 1
}
