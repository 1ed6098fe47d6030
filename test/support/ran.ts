/** A program that ran to its end. */
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"

export interface Ran {
  readonly status: number | null
  readonly text: string
  readonly errors: string
}

/** @param typed its standard input */
export async function runToEnd(child: ChildProcess, typed = ""): Promise<Ran> {
  let [text, errors] = ["", ""]
  child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()))
  child.stderr?.on("data", (chunk: Buffer) => (errors += chunk.toString()))
  child.stdin?.end(typed)
  const [status] = (await once(child, "close")) as [number | null]
  return { status, text, errors }
}
