/** `qdbd demo`: a cluster on this machine from the executable alone, gone when it is ended. */
import type { CommandIo } from "../../config/command-io.ts"
import { demoNodesMax } from "../../core/lib/limits.ts"
import { portDefault } from "../../config/address.ts"
import { DemoNodes } from "./nodes.ts"

const usageStatus = 2
const help = `usage: qdbd demo [--nodes N] [--port P]

Starts N nodes (1 to ${demoNodesMax}, default 3) on this machine, at 127.0.0.1 from port P on (default ${portDefault}), and waits until
they are a stable cluster. Ctrl+C ends them and removes all that they stored.
`

/** @param command what runs a node. @returns the exit status */
export async function runDemo(
  argv: readonly string[],
  io: Pick<CommandIo, "stdout" | "stderr">,
  command: readonly [string, ...string[]],
): Promise<number> {
  if (argv.includes("--help")) {
    io.stdout(help)
    return 0
  }
  const options = readOptions(argv)
  if (typeof options === "string") {
    io.stderr(`qdbd demo: ${options}\n${help}`)
    return usageStatus
  }
  const hosts = Array.from({ length: options.nodes }, (_, i) => `127.0.0.1:${options.port + i}`)
  // From here on a signal must find somebody to end the nodes.
  const signalled = new Promise<string>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve(signal))
  })
  const nodes = DemoNodes.start({ command, hosts })
  try {
    const stable = nodes.stable().then(() => undefined)
    const early = await Promise.race([stable, signalled])
    if (early !== undefined) return 0
    io.stdout(`${hosts.length} nodes are a stable cluster: ${hosts.join(", ")}\n`)
    io.stdout(`try: qdbsh --daemon ${hosts[0]}\nCtrl+C ends it and removes all that was stored\n`)
    const ended = await Promise.race([nodes.ended, signalled.then(() => undefined)])
    if (ended === undefined) return 0
    io.stderr(`qdbd demo: ${ended}\n`)
    return 1
  } catch (error) {
    io.stderr(`qdbd demo: ${(error as Error).message}\n`)
    return 1
  } finally {
    await nodes.stop()
  }
}

function readOptions(argv: readonly string[]): { readonly nodes: number; readonly port: number } | string {
  const options = { nodes: 3, port: portDefault }
  for (let i = 0; i < argv.length; i += 2) {
    const flag = argv[i] as string
    const value = Number(argv[i + 1])
    if (flag !== "--nodes" && flag !== "--port") return `${JSON.stringify(flag)} is no option`
    const max = flag === "--nodes" ? demoNodesMax : 65535 - demoNodesMax
    if (!Number.isInteger(value) || value < 1 || value > max) return `${flag} takes 1 to ${max}`
    if (flag === "--nodes") options.nodes = value
    else options.port = value
  }
  return options
}
