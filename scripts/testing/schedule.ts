/** Runs jobs, at most `width` at once, in the order given except where one waits for another. */
export interface Scheduled {
  readonly name: string
  readonly after?: ReadonlyArray<string>
}

/**
 * @param run ends with whether the job passed; a job whose predecessor failed is not run but handed to `refuse`
 */
export async function schedule<J extends Scheduled>(
  jobs: ReadonlyArray<J>,
  width: number,
  run: (job: J) => Promise<boolean>,
  refuse: (job: J, predecessor: string) => void,
): Promise<void> {
  const waiting = [...jobs]
  const names = new Set(jobs.map((job) => job.name))
  const ended = new Map<string, boolean>()
  const lanes = new Set<Promise<void>>()
  while (waiting.length > 0 || lanes.size > 0) {
    const next = waiting.findIndex((job) => predecessors(job, names).every((name) => ended.has(name)))
    if (next >= 0 && lanes.size < width) {
      const [job] = waiting.splice(next, 1) as [J]
      const broken = predecessors(job, names).find((name) => ended.get(name) === false)
      if (broken !== undefined) {
        refuse(job, broken)
        ended.set(job.name, false)
        continue
      }
      const lane: Promise<void> = run(job).then((passed) => {
        ended.set(job.name, passed)
        lanes.delete(lane)
      })
      lanes.add(lane)
      continue
    }
    if (lanes.size === 0)
      throw new Error(`jobs wait for each other: ${waiting.map((job) => job.name).join(", ")}`)
    await Promise.race(lanes)
  }
}

/** A predecessor that is not part of this run (filtered out) is not waited for. */
function predecessors(job: Scheduled, names: ReadonlySet<string>): ReadonlyArray<string> {
  return (job.after ?? []).filter((name) => names.has(name))
}
