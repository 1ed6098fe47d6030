/**
 * Contents far longer than a piece of a message: few, because each costs some tenth of a second to copy and to compare. They are
 * written, read, replaced and read again at their times, by whoever is next to ask for something.
 */
import type { Prng } from "../../../src/core/lib/prng.ts"
import type { EntryInput } from "../../linearizability/models/entry-state.ts"
import { lengthened } from "../data/growth.ts"

export interface LargeOptions {
  readonly contentBytes: number
  readonly turns: readonly LargeTurn[]
}

export interface LargeTurn {
  readonly atMs: number
  /** Strays ask any node, so that it has to be forwarded. */
  readonly by: "stray" | "connected"
  readonly op: "update" | "get_update" | "get"
}

const MiB = 1024 * 1024
const key = "large"
const begins = "large."

export function drawLarge(prng: Prng, virtualMs: number): LargeOptions {
  const at = (share: number) => Math.round(virtualMs * share) + prng.between(0, 2_000)
  return {
    contentBytes: 10 * MiB,
    turns: [
      { atMs: at(0.15), by: "connected", op: "update" },
      { atMs: at(0.3), by: "stray", op: "get" },
      { atMs: at(0.6), by: prng.pick(["connected", "stray"] as const), op: "get_update" },
      { atMs: at(0.9), by: "connected", op: "get" },
    ],
  }
}

export class LargeValues {
  private readonly options: LargeOptions
  private readonly waiting: LargeTurn[]
  private written = 0

  /** @param hasStrays where there are none, others do what they would */
  constructor(options: LargeOptions, hasStrays: boolean) {
    this.options = options
    this.waiting = options.turns.map((turn) => (hasStrays ? turn : { ...turn, by: "connected" }))
  }

  /** @returns what whoever asks at `realMs` is to ask for, if it is its turn */
  next(
    realMs: number,
    by: LargeTurn["by"],
  ): { readonly key: string; readonly input: EntryInput } | undefined {
    const at = this.waiting.findIndex((turn) => turn.by === by && turn.atMs <= realMs)
    if (at === -1) return undefined
    const [turn] = this.waiting.splice(at, 1) as [LargeTurn]
    if (turn.op === "get") return { key, input: { op: "get" } }
    return { key, input: { op: turn.op, content: `${begins}${++this.written}`, expiresAtMs: 0 } }
  }

  has(content: string | undefined): boolean {
    return content?.startsWith(begins) === true
  }

  /** @returns what is stored of the content, where it is one of these */
  stored(content: string): string | undefined {
    return this.has(content) ? lengthened(content, this.options.contentBytes) : undefined
  }
}
