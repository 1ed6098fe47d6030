/**
 * How often a crash is tried. The same code runs under every runtime; what differs are the shims below it, and they differ
 * at the first crash or not at all. So a third of the crashes is enough outside Bun, which the executables are built with.
 */
const whole = "bun" in process.versions || process.env["QDBTEST_ALL"] !== undefined

/** @returns `count` under Bun and in the long run, a third of it (at least one) elsewhere */
export function repeats(count: number): number {
  return whole ? count : Math.ceil(count / 3)
}
