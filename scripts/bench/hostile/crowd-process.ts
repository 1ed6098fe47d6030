/**
 * The crowd in a process of its own, at the lowest priority: peers that mean harm have machines of their own, and take no processor from
 * the daemon and from those who are served. What they get done with what is left is counted, and reported.
 */
import { fileURLToPath } from "node:url"
import { bunPath } from "../../testing/runtime.ts"

const program = fileURLToPath(new URL("main.ts", import.meta.url))
const lowestPriority = "19"

export class CrowdProcess {
  private readonly child

  /** @param seed of what they do at random */
  constructor(host: string, port: number, seed: number) {
    this.child = Bun.spawn(
      ["nice", "-n", lowestPriority, bunPath, program, host, String(port), String(seed)],
      {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit",
      },
    )
  }

  /** Everybody leaves. @returns how many connections were opened. @throws if the process failed */
  async leave(): Promise<number> {
    await this.child.stdin.end()
    const opened = Number(await new Response(this.child.stdout).text())
    if ((await this.child.exited) !== 0) throw new Error("the hostile peers ended too early")
    return opened
  }

  kill(): void {
    this.child.kill()
  }
}
