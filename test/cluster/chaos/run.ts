/**
 * One chaos run: real daemons, real sockets and disks, users who go on through every fault, and a checker that decides
 * afterwards. The seed decides which faults are drawn; when exactly they meet what, the machine decides.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { connect } from "../../../src/client/client.ts"
import { Prng } from "../../../src/core/lib/prng.ts"
import { check } from "../../linearizability/check.ts"
import { Fleet } from "./fleet.ts"
import { Keyspace, model, planted } from "./keyspace.ts"
import { Ledger } from "./ledger.ts"
import { Nemesis } from "./nemesis.ts"
import { Tally } from "./tally.ts"
import { User } from "./user.ts"
import { Watch } from "./watch.ts"

export interface ChaosOptions {
  readonly seed: number
  /** How long faults go on. */
  readonly durationMs: number
  readonly directory: string
  readonly pauseLeasesMax: number
  /** No faults: what the same users get from a quiet cluster. */
  readonly calm?: boolean
  readonly note: (text: string) => void
}

export interface ChaosReport {
  /** Each is a reason to fail. */
  readonly violations: readonly string[]
  readonly answers: number
  /** Outside outages. */
  readonly answersPerSecond: number
  readonly servingSeconds: number
  readonly seconds: number
  readonly errors: ReadonlyMap<string, number>
  readonly late: number
  readonly latencyMsMax: number
  readonly faults: ReadonlyMap<string, number>
  readonly keysChecked: number
  readonly operationsChecked: number
  readonly ledgerEntries: number
  /** From the end of all faults until no copy was missing, under load. */
  readonly wholeAfterMs: number
  /** From the last request until nothing moved any more. */
  readonly stableAfterMs: number
  /** The checker refused a history of this run in which one answer was changed. */
  readonly plantedRejected: boolean
}

const founders = 3
const usersCount = 8
/**
 * Of each user. As many as keep the rate up where a drawn delay or a cut is what each operation waits for: with 16, a network
 * that is slow by half a second bounded the rate, and not the cluster.
 */
const operationsAtOnce = 64
const contestedKeys = 256
const leaseMs = 3_000
const requestTimeoutMs = 60_000
/** Every copy is back within 20 s, the grace period, and copying time. */
const repairGraceSeconds = 5
const settleMs = 60_000

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const prng = new Prng(options.seed)
  const fleet = new Fleet(
    {
      directory: options.directory,
      founders,
      replicationFactor: 2,
      leaseMs,
      suspectMs: 1_500,
      repairGraceSeconds,
    },
    prng.fork(),
  )
  try {
    await fleet.found()
    return await chaos(options, fleet, prng)
  } finally {
    await fleet.close()
  }
}

async function chaos(options: ChaosOptions, fleet: Fleet, prng: Prng): Promise<ChaosReport> {
  const { note } = options
  const daemons = fleet.nodes.map((node) => node.address)
  const open = () => connect({ daemons, timeoutMs: requestTimeoutMs, dialTimeoutMs: 2_000 })
  // Nodes that have just been started do not listen yet.
  await Promise.all(fleet.nodes.map((node) => node.daemon?.logged(/ ready on /)))
  const watcher = await open()
  const tally = new Tally(requestTimeoutMs + 1_000)
  const watch = new Watch(watcher, tally)
  const watching = watch.run()
  const violations: string[] = []
  if (!(await watch.stable(settleMs))) violations.push(`not stable at the start: ${watch.reasons.join(" ")}`)
  note(`stable; ${usersCount} users begin`)

  const keyspace = new Keyspace(contestedKeys, prng.fork(), (alias, history) =>
    writeFileSync(join(options.directory, `${alias}.json`), JSON.stringify(history)),
  )
  const ledger = new Ledger()
  const users = await Promise.all(
    Array.from({ length: usersCount }, async (_, name) => {
      return new User(await open(), name, keyspace, ledger, tally, prng.fork())
    }),
  )
  const working = Promise.all(users.map((user) => user.run(operationsAtOnce)))
  const ending = new AbortController()
  const timer = setTimeout(() => ending.abort(), options.durationMs)
  const nemesis = new Nemesis(fleet, prng.fork(), {
    leaseMs,
    pauseLeasesMax: options.pauseLeasesMax,
    membersMax: founders + 2,
    membersMin: founders,
    remove: (address) =>
      watcher.clusterRemoveNode(address, { timeoutMs: 10_000 }).then(
        () => true,
        () => false,
      ),
    stable: (timeoutMs, afterEpoch) => watch.stable(timeoutMs, afterEpoch),
    servingWithout: (address, timeoutMs) =>
      watch.serving(timeoutMs, (reasons) => reasons.some((reason) => reason.includes(`${address} is down`))),
    note: (text) => note(`${(tally.second + "").padStart(5)} s  ${text}`),
    signal: ending.signal,
  })
  if (options.calm === true) await aborted(ending.signal)
  else await nemesis.run()
  clearTimeout(timer)

  note("faults have ended")
  const healedMs = performance.now()
  const isWhole = (reasons: readonly string[]) =>
    !reasons.some((reason) => /fewer copies|waits for/.test(reason))
  if (!(await watch.serving(settleMs, isWhole)))
    violations.push(`copies are missing ${settleMs} ms after the last fault: ${watch.reasons.join(" ")}`)
  const wholeAfterMs = performance.now() - healedMs
  for (const user of users) user.stopped = true
  await working
  // What only moves takes minutes beside as much load as this (`core/replication/pace.ts`).
  const restMs = performance.now()
  if (!(await watch.stable(settleMs)))
    violations.push(`not stable ${settleMs} ms after the last request: ${watch.reasons.join(" ")}`)
  const stableAfterMs = performance.now() - restMs
  keyspace.finish()
  violations.push(...keyspace.violations, ...fleet.unexpected)
  const missing = await ledger.verify(watcher)
  violations.push(...missing.slice(0, 20).map((line) => `acknowledged, and not there: ${line}`))
  watch.stop()
  await watching
  const rate = tally.rate((second) => watch.wasServing(second))
  if (tally.late > 0) violations.push(`${tally.late} requests ended after their deadline`)
  return {
    violations,
    answers: tally.answers,
    answersPerSecond: rate.perSecond,
    servingSeconds: rate.seconds,
    seconds: tally.second,
    errors: tally.errors,
    late: tally.late,
    latencyMsMax: tally.latencyMsMax,
    faults: nemesis.counts,
    keysChecked: keyspace.keysChecked,
    operationsChecked: keyspace.operationsChecked,
    ledgerEntries: ledger.acknowledged.length,
    wholeAfterMs,
    stableAfterMs,
    plantedRejected: check(model, planted(keyspace.sample)).verdict === "violation",
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }))
}

/** The report as a person reads it. */
export function chaosReport(report: ChaosReport): string {
  const list = (counts: ReadonlyMap<string, number>) =>
    [...counts].map(([name, count]) => `${name} ${count}`).join(", ") || "none"
  return [
    `${report.answers} operations answered in ${report.seconds} s; ${Math.round(report.answersPerSecond)}/s in the ${report.servingSeconds} s in which every slot was served`,
    `longest request ${Math.round(report.latencyMsMax)} ms; ${report.late} after their deadline; errors: ${list(report.errors)}`,
    `faults: ${list(report.faults)}`,
    `${report.keysChecked} histories with ${report.operationsChecked} operations checked; ${report.ledgerEntries} entries of the ledger found again`,
    `every copy was back ${Math.round(report.wholeAfterMs)} ms after the last fault, all stable ${Math.round(report.stableAfterMs)} ms after the last request; a planted error was ${report.plantedRejected ? "rejected" : "NOT rejected"}`,
    report.violations.length === 0
      ? "no violation"
      : `${report.violations.length} violations:\n${report.violations.join("\n")}`,
  ].join("\n")
}
