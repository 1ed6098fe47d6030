/**
 * What of a run's load is more than a number of clients: bounds so small that they are met, readers that do not read, loops
 * that stand still, full disks. Drawn from a stream of its own, so that all else of a seed stays as it was before.
 */
import { Prng } from "../../../src/core/lib/prng.ts"
import type { QueueBounds } from "../../../src/core/node/node.ts"
import type { Fault, Target } from "../faults.ts"
import type { SimulationOptions } from "../options.ts"
import { drawLarge, type LargeOptions } from "./large.ts"

export interface LoadOptions {
  /** Of each connection, one way: what is written beyond it waits until it is read. */
  readonly bufferBytes: number
  /** Of records in a node's log that are not done with, until it reads no more from its clients. */
  readonly ringBytes: number
  /** Queues of the core that are to be full at times. */
  readonly bounds: QueueBounds
  /** Absent in most: it costs time. */
  readonly large?: LargeOptions
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
  const bounds = { forwards: prng.pick([1, 3, 65_536]), windowBytes: prng.pick([300, 3_000, 8 * MiB]) }
  const isLarge = prng.chance(1, 30)
  const load = {
    bounds: isLarge ? { ...bounds, windowBytes: 8 * MiB } : bounds,
    ...(isLarge ? { large: drawLarge(prng, base.virtualMs) } : {}),
    bufferBytes: isLarge ? 4 * MiB : prng.pick([500, 4_000, 64_000, 4 * MiB]),
    ringBytes: prng.pick([400, 4_000, 8 * MiB, 8 * MiB]),
    sluggard: prng.chance(1, 4) || isLarge,
    foreigner: prng.chance(1, 4),
  }
  const faults = drawLoadFaults(prng, base)
  // Each slot gets a replica more while there is something large in one of them.
  if (isLarge)
    faults.push(
      { kind: "setFactor", factor: 1, atMs: Math.round(base.virtualMs * 0.05) },
      { kind: "setFactor", factor: 3, atMs: Math.round(base.virtualMs * 0.45) },
    )
  return { load, faults }
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
