/** SHA3-256 through `node:crypto`, which Bun, Node and Deno all have. */
import { createHash } from "node:crypto"
import type { Digest } from "../core/ring/slot.ts"

export const sha3: Digest = (bytes) => createHash("sha3-256").update(bytes).digest()
