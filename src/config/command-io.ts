/** What a subcommand of `qdbd` has of the world, so that tests run it in their own process. */
export interface CommandIo {
  readonly stdout: (data: string | Uint8Array) => void
  readonly stderr: (text: string) => void
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute. */
  readonly cwd: string
  readonly nowMs: number
  /** A line that a person types; undefined at the end of input. Missing: standard input is no terminal. */
  readonly ask?: (prompt: string) => Promise<string | undefined>
}
