/**
 * Shrinks a failing run: leaves out faults, halves first and then one by one, as long as the same invariant breaks
 * (Zeller's delta debugging). What is left is usually two or three faults, and that is the story to read.
 */
import type { SimulationOptions } from "./options.ts"
import type { RunResult } from "./member/run.ts"

const runsMax = 150

export interface Minimised {
  readonly options: SimulationOptions
  readonly result: RunResult
  readonly runs: number
}

/** @param mayGoOn asked before each run */
export function minimise(
  failing: SimulationOptions,
  result: RunResult,
  run: (options: SimulationOptions) => RunResult,
  mayGoOn: () => boolean = () => true,
): Minimised {
  let best = { options: failing, result }
  let runs = 0
  const attempt = (options: SimulationOptions): boolean => {
    if (runs >= runsMax || !mayGoOn()) return false
    runs++
    const again = run(options)
    if (again.violation?.invariant !== result.violation?.invariant) return false
    best = { options, result: again }
    return true
  }
  if (failing.lastFaults !== undefined) attempt({ ...failing, lastFaults: [] })
  for (
    let size = Math.ceil(failing.faults.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let start = 0; start < best.options.faults.length;) {
      const faults = best.options.faults.toSpliced(start, size)
      if (!attempt({ ...best.options, faults })) start += size
    }
  }
  return { ...best, runs }
}
