/**
 * The lines typed before, in `${XDG_STATE_HOME:-~/.local/state}/qdb/history`, readable by their owner only since contents may
 * be secrets. Each line is appended as it is typed, so that shells that run at once lose nothing of each other; the file is
 * cut when a shell starts. A line that begins with a space is not kept, nor is a very long one.
 */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs"
import { homedir } from "node:os"
import { dirname, isAbsolute, join } from "node:path"

export const historyLinesMax = 1000
const lineCharactersMax = 4096

export class History {
  private readonly path: string
  /** Oldest first. */
  readonly lines: string[] = []
  private readonly warn: (text: string) => void
  private broken = false

  /** Reads the file. A history that cannot be kept is a warning, and no reason not to work. */
  constructor(path: string, warn: (text: string) => void) {
    this.path = path
    this.warn = warn
    this.attempt(() => {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      if (!existsSync(path)) return
      chmodSync(path, 0o600)
      const all = readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => line !== "")
      this.lines.push(...all.slice(-historyLinesMax))
      if (all.length > 2 * historyLinesMax) this.rewrite()
    })
  }

  append(line: string): void {
    if (line.trim() === "" || line.startsWith(" ") || line.length > lineCharactersMax) return
    if (this.lines.at(-1) === line) return
    this.lines.push(line)
    if (this.lines.length > historyLinesMax) this.lines.shift()
    this.attempt(() => appendFileSync(this.path, `${line}\n`, { mode: 0o600 }))
  }

  private rewrite(): void {
    const temporary = `${this.path}.${process.pid}`
    writeFileSync(temporary, this.lines.map((line) => `${line}\n`).join(""), { mode: 0o600 })
    renameSync(temporary, this.path)
  }

  private attempt(work: () => void): void {
    if (this.broken) return
    try {
      work()
    } catch (error) {
      this.broken = true
      this.warn(`warning: the history is not kept: ${(error as Error).message}\n`)
    }
  }
}

/** @returns where the history is kept; a relative `XDG_STATE_HOME` does not count, by its specification */
export function historyPath(env: Readonly<Record<string, string | undefined>>): string {
  const state = env["XDG_STATE_HOME"]
  const home = env["HOME"] || homedir()
  const folder = state !== undefined && isAbsolute(state) ? state : join(home, ".local", "state")
  return join(folder, "qdb", "history")
}
