/**
 * What of a run's load is more than a number of clients: bounds so small that they are met, readers that do not read, loops
 * that stand still, full disks. Drawn from a stream of its own, so that all else of a seed stays as it was before.
 */
import { Prng } from "../../../src/core/lib/prng.ts"
import type { Fault, Target } from "../faults.ts"
import type { SimulationOptions } from "../options.ts"

export interface LoadOptions {
  /** Of each connection, one way: what is written beyond it waits until it is read. */
  readonly bufferBytes: number
  /** Of records in a node's log that are not done with, until it reads no more from its clients. */
  readonly ringBytes: number
  /** A client asks and never reads what it is told. */
  readonly sluggard: boolean
  /** Somebody speaks another version of the protocol. */
  readonly foreigner: boolean
}

const MiB = 1024 * 1024

export function drawLoad(
  seed: number,
  base: SimulationOptions,
): { readonly load: LoadOptions; readonly faults: readonly Fault[] } {
  const prng = new Prng(seed * 2 + 4_001)
  const load = {
    bufferBytes: prng.pick([500, 4_000, 64_000, 4 * MiB]),
    ringBytes: prng.pick([400, 4_000, 8 * MiB, 8 * MiB]),
    sluggard: prng.chance(1, 4),
    foreigner: prng.chance(1, 4),
  }
  return { load, faults: drawLoadFaults(prng, base) }
}

function drawLoadFaults(prng: Prng, { nodes, virtualMs }: SimulationOptions): Fault[] {
  const atMs = () => prng.between(5_000, Math.max(5_000, virtualMs - 1_000))
  const node = (): Target => ({ role: prng.pick(["primary", "backup"] as const), nth: prng.below(nodes) })
  const faults: Fault[] = []
  for (let i = prng.between(0, 2); i > 0; i--)
    faults.push({ kind: "slowReader", target: node(), durationMs: prng.between(500, 9_000), atMs: atMs() })
  if (prng.chance(1, 2))
    faults.push({
      kind: "slowReader",
      target: { client: prng.below(8) },
      durationMs: prng.between(1_000, 30_000),
      atMs: atMs(),
    })
  if (prng.chance(1, 2)) faults.push({ kind: "blockLoop", target: node(), durationMs: 2_000, atMs: atMs() })
  if (prng.chance(1, 4))
    faults.push({ kind: "fullDisk", target: node(), durationMs: prng.between(1_000, 15_000), atMs: atMs() })
  return faults
}
