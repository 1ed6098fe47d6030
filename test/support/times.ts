/** Durations that a test has measured, for its output. */

export function medianOf(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}

export function describeTimes(what: string, times: readonly number[]): string {
  const seconds = (ms: number) => (ms / 1000).toFixed(1)
  const all = times.map(seconds).join(" ")
  return `${what}: median ${seconds(medianOf(times))} s, longest ${seconds(Math.max(...times))} s (${all})`
}
