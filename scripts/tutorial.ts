/**
 * The tutorial's cluster: three nodes at 127.0.0.1, 127.0.0.2 and 127.0.0.3 with generated configurations, and the shell
 * connected to the first. All is gone when the shell ends.
 */
import { spawn } from "node:child_process"
import { portDefault } from "../src/config/address.ts"
import { DemoNodes } from "../src/server/demo/nodes.ts"
import { projectRoot } from "./source/files.ts"

const bun = process.execPath
const hosts = [1, 2, 3].map((i) => `127.0.0.${i}:${portDefault}`)
const nodes = DemoNodes.start({ command: [bun, "--no-env-file", `${projectRoot}/src/qdbd.ts`], hosts })
// The terminal sends Ctrl+C to all of us; the shell decides what it means.
process.on("SIGINT", () => undefined)
let status = 1
try {
  await nodes.stable()
  process.stderr.write(`three nodes are a stable cluster: ${hosts.join(", ")}\n`)
  const [first] = hosts as [string]
  const shell = spawn(
    bun,
    ["--no-env-file", `${projectRoot}/src/qdbsh.ts`, "--daemon", first, ...process.argv.slice(2)],
    { stdio: "inherit" },
  )
  status = await new Promise<number>((resolve) => shell.once("exit", (code) => resolve(code ?? 1)))
} finally {
  await nodes.stop()
}
process.exit(status)
