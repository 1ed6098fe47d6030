/** The figures of large clusters for people, and what must hold of them. */
import type { Phase, ScaleReport, Share } from "./run.ts"

/** A share is even within so much of itself, or within one slot where that is more. */
const shareMargin = 0.05
/** Between the smallest and the largest cluster, what a node sends differs by no more. */
const growthMargin = 0.1
/** Plans are made anew at every view, so now and then a copy is made for nothing. */
const copiesMargin = 0.01
/** Of a core, for one voter. */
const voterShareMax = 0.1

export function tell(nodes: number, report: ScaleReport): string {
  const { steady } = report
  const lines = [`${nodes} nodes`]
  for (const phase of report.phases) {
    lines.push(
      `  ${phase.what}: ${(phase.virtualMs / 1_000).toFixed(1)} s, ${phase.views} views; ` +
        `copied ${phase.copied}, least possible ${phase.copiedLeast}; placement ${phase.planMs.toFixed(1)} ms`,
      `    a view ${phase.viewBytes} B, a step ${Math.round(phase.deltaBytesMean)} B, the largest ${phase.deltaBytesMax} B`,
      `    replicas per node ${shareText(phase.replicas)}, primaries ${shareText(phase.primaries)}`,
    )
  }
  lines.push(
    `  the failed are evicted after ${(report.evictedAfterMs / 1_000).toFixed(1)} s`,
    `  at rest, per node and second: ${steady.messages.mean.toFixed(2)} messages (a voter ${steady.messages.most.toFixed(0)}), ` +
      `${Math.round(steady.bytes.mean)} B (a voter ${Math.round(steady.bytes.most)})`,
    `  of a core: a voter ${percent(steady.voterShare)}, another node ${percent(steady.otherShare)}; ` +
      `placement ${steady.planMs.toFixed(1)} ms per view, a look at what is wanted ${steady.lookMs.toFixed(2)} ms`,
  )
  return lines.join("\n")
}

const shareText = ({ least, most, even }: Share) => `${least} to ${most} (even: ${even.toFixed(2)})`
const percent = (share: number) => `${(share * 100).toFixed(2)} %`

/** @returns what does not hold */
export function wrongOf(reports: readonly ScaleReport[]): string[] {
  const wrong: string[] = []
  for (const { phases, steady } of reports) {
    for (const phase of phases) wrong.push(...wrongOfPhase(steady.nodes, phase))
    if (steady.voterShare > voterShareMax)
      wrong.push(`${steady.nodes} nodes: a voter takes ${percent(steady.voterShare)} of a core`)
  }
  for (const what of ["messages", "bytes"] as const) {
    const means = reports.map(({ steady }) => steady[what].mean)
    const growth = 1 - Math.min(...means) / Math.max(...means)
    if (growth > growthMargin)
      wrong.push(`${what} per node differ by ${percent(growth)} between the clusters`)
  }
  return wrong
}

function wrongOfPhase(nodes: number, phase: Phase): string[] {
  const wrong: string[] = []
  // While nodes come in one after another, copies go to the first of them that later go on to others.
  const isSteadyGoal = phase.what !== "bootstrap"
  if (isSteadyGoal && phase.copied > phase.copiedLeast * (1 + copiesMargin) + 1)
    wrong.push(`${nodes} nodes, ${phase.what}: ${phase.copied} copies, ${phase.copiedLeast} would do`)
  for (const share of [phase.replicas, phase.primaries]) {
    const margin = Math.max(1, share.even * shareMargin)
    if (share.most - share.even > margin || share.even - share.least > margin)
      wrong.push(`${nodes} nodes, ${phase.what}: shares from ${share.least} to ${share.most}`)
  }
  return wrong
}
