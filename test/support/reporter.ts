/**
 * The vitest reporter of the test command: writes what ran as one JSON file (`QDBTEST_REPORT`), because vitest's own
 * JSON report leaves out why a test was skipped, and a skip without a reason is what must not go unnoticed.
 */
import { writeFileSync } from "node:fs"
import type { Reporter, TestModule } from "vitest/node"

export interface TestReport {
  readonly passed: number
  readonly failed: number
  /** Full name of each failed test, and the first line of its first error. */
  readonly failures: ReadonlyArray<{ readonly name: string; readonly reason: string }>
  /** Full name of each skipped test, and the reason its author gave. */
  readonly skipped: ReadonlyArray<{ readonly name: string; readonly reason: string }>
  /** Errors outside any test: a file that does not load, an unhandled rejection. */
  readonly errors: number
}

export default class JsonReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<unknown>): void {
    const path = process.env["QDBTEST_REPORT"]
    if (path !== undefined) writeFileSync(path, JSON.stringify(summarise(modules, unhandled.length)))
  }
}

function summarise(modules: ReadonlyArray<TestModule>, unhandledCount: number): TestReport {
  let passed = 0
  const failures: Array<{ name: string; reason: string }> = []
  let errors = unhandledCount
  const skipped: Array<{ name: string; reason: string }> = []
  for (const module of modules) {
    errors += module.errors().length
    for (const suite of module.children.allSuites()) errors += suite.errors().length
    for (const test of module.children.allTests()) {
      const result = test.result()
      const name = `${module.relativeModuleId} > ${test.fullName}`
      if (result.state === "passed") passed += 1
      else if (result.state === "skipped") skipped.push({ name, reason: result.note ?? "no reason given" })
      else failures.push({ name, reason: firstLine(result.errors?.[0]?.message) })
    }
  }
  return { passed, failed: failures.length, failures, skipped, errors }
}

function firstLine(message: string | undefined): string {
  return message?.split("\n", 1)[0]?.slice(0, 300) ?? "no error given"
}
