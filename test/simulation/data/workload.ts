/** What clients want: operations on few keys, with contents that no two writes share. Knows nothing of checking. */
import type { Prng } from "../../../src/core/lib/prng.ts"
import type { EntryInput } from "../../linearizability/models/entry.ts"

export interface WorkloadOptions {
  readonly keys: number
  /** A client pauses up to this long between operations. */
  readonly thinkMsMax: number
  /** Of 1,000 modifications so many set an expiry, at up to this from now. */
  readonly expiryPerMille: number
  readonly expiryMsMax: number
}

const kinds = [
  "get",
  "get",
  "get",
  "put",
  "put",
  "update",
  "update",
  "remove",
  "cas",
  "cas",
  "get_update",
  "get_remove",
  "remove_if",
  "expires_at",
  "get_expiry",
] as const

export class Workload {
  private readonly options: WorkloadOptions
  private readonly prng: Prng
  private readonly client: number
  private written = 0
  /** Contents seen, so that comparands sometimes match. */
  private readonly lastSeen = new Map<string, string>()

  constructor(options: WorkloadOptions, client: number, prng: Prng) {
    this.options = options
    this.client = client
    this.prng = prng
  }

  next(nowMs: number): { readonly key: string; readonly input: EntryInput } {
    const { prng, options } = this
    const key = `key${prng.below(options.keys)}`
    const op = prng.pick(kinds)
    const expires = prng.chance(options.expiryPerMille, 1000)
    const expiresAtMs = expires ? nowMs + prng.between(1, options.expiryMsMax) : 0
    const content = `${this.client}.${++this.written}`
    const comparand = this.lastSeen.get(key) ?? "nothing"
    if (op === "put" || op === "update" || op === "get_update")
      return { key, input: { op, content, expiresAtMs } }
    if (op === "cas") return { key, input: { op, content, comparand, expiresAtMs } }
    if (op === "remove_if") return { key, input: { op, comparand } }
    if (op === "expires_at") return { key, input: { op, expiresAtMs: nowMs + options.expiryMsMax } }
    return { key, input: { op } }
  }

  saw(key: string, content: string): void {
    this.lastSeen.set(key, content)
  }

  thinkMs(): number {
    return this.prng.between(0, this.options.thinkMsMax)
  }
}
