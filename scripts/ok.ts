/**
 * `npm run ok`: everything that must hold before a change is done, cheapest first: format, types, lint, unused code and
 * dependencies, then the whole test command (which holds the tidy checks). Stops at the first that fails.
 * `npm run format` is its first step, writing instead of checking.
 */
import { spawnSync } from "node:child_process"
import { projectFiles, projectRoot } from "./source/files.ts"
import { bunPath } from "./testing/runtime.ts"

interface Step {
  readonly name: string
  readonly command: ReadonlyArray<string>
}

/** Golden files and texts taken from elsewhere are never reformatted. */
const formatted = projectFiles().filter(
  (path) =>
    /\.(ts|tsx|mjs|json|css)$/.test(path) &&
    !path.startsWith("test/fixtures/") &&
    path !== "package-lock.json",
)
const write = process.argv.includes("--write")
const format: Step = {
  name: "format",
  command: [bunPath, "fmt", ...(write ? [] : ["--check"]), ...formatted],
}
const steps: ReadonlyArray<Step> = write
  ? [format]
  : [
      format,
      { name: "types", command: [bunPath, "--bun", "node_modules/typescript/bin/tsc", "-p", "."] },
      { name: "lint", command: [bunPath, "--bun", "node_modules/oxlint/bin/oxlint", "--deny-warnings"] },
      { name: "unused", command: [bunPath, "--bun", "node_modules/knip/bin/knip.js", "--no-progress"] },
      { name: "tests", command: [bunPath, "scripts/test.ts"] },
    ]

for (const step of steps) {
  const started = performance.now()
  const [command, ...args] = step.command as [string, ...Array<string>]
  const done = spawnSync(command, args, { cwd: projectRoot, stdio: "inherit" })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  if (done.status !== 0) {
    console.error(`ok: ${step.name} failed after ${seconds} s`)
    process.exit(1)
  }
  console.log(`ok: ${step.name} ${seconds} s`)
}
