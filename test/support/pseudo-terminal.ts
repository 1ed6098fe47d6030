/** A program on a pseudo-terminal (Bun only): what it shows, and what is typed. */

const deadlineMs = 10_000

/** Sequences that move the cursor or colour; what is left is what a person reads. */
// oxlint-disable-next-line no-control-regex
const sequences = /\x1b\[[0-9;?]*[A-Za-z]/g

export class PseudoTerminal {
  /** All that was shown, as it came. */
  raw = ""
  private readonly child: Bun.Subprocess
  private seen = 0
  private watch: () => void = () => undefined

  constructor(command: readonly string[], env: Readonly<Record<string, string>>) {
    const decoder = new TextDecoder()
    this.child = Bun.spawn([...command], {
      env: { PATH: process.env["PATH"] ?? "", TERM: "xterm", ...env },
      terminal: {
        cols: 120,
        rows: 40,
        data: (_, bytes) => {
          this.raw += decoder.decode(bytes, { stream: true })
          this.watch()
        },
      },
    })
  }

  /** What was shown, without sequences. */
  get text(): string {
    return this.raw.replaceAll(sequences, "").replaceAll("\r", "")
  }

  /** Waits until this is shown, behind what was waited for before. @returns what was shown until then */
  async shows(expected: string): Promise<string> {
    const end = performance.now() + deadlineMs
    for (;;) {
      const at = this.text.indexOf(expected, this.seen)
      if (at >= 0) {
        const shown = this.text.slice(this.seen, at)
        this.seen = at + expected.length
        return shown
      }
      const leftMs = end - performance.now()
      if (leftMs <= 0)
        throw new Error(`${JSON.stringify(expected)} was not shown:\n${JSON.stringify(this.raw)}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.watch = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  type(text: string): void {
    this.child.terminal?.write(text)
  }

  /** @returns the exit status; kills and throws where it does not end */
  async ends(): Promise<number> {
    let timer: Timer | undefined
    const late = new Promise<"late">((resolve) => (timer = setTimeout(() => resolve("late"), deadlineMs)))
    const status = await Promise.race([this.child.exited, late])
    clearTimeout(timer)
    if (status === "late") this.child.kill("SIGKILL")
    this.child.terminal?.close()
    if (status === "late") throw new Error(`the program does not end:\n${JSON.stringify(this.raw)}`)
    return status
  }
}
