/** What clients want: operations on few keys, with contents that no two writes share. Knows nothing of checking. */
import type { Prng } from "../../../src/core/lib/prng.ts"
import type { EntryInput } from "../../linearizability/models/entry-state.ts"

export interface WorkloadOptions {
  readonly keys: number
  /** A client pauses up to this long between operations. */
  readonly thinkMsMax: number
  /** Of 1,000 modifications so many set an expiry, at up to this from now. */
  readonly expiryPerMille: number
  readonly expiryMsMax: number
  /** Keys besides that are written and never removed. */
  readonly keptKeys?: number
  /** Keys besides that clients take and give back, each only its own: a lock. */
  readonly locks?: number
  /** Keys besides that clients count up from what they have read. */
  readonly counters?: number
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
    const { keys, keptKeys = 0, locks = 0, counters = 0 } = options
    const special = keptKeys + locks + counters
    const drawn = special === 0 ? special : prng.below(keys + special)
    if (drawn < keptKeys) return this.keep(`kept${drawn}`)
    if (drawn < keptKeys + locks) return this.lock(`lock${drawn - keptKeys}`)
    if (drawn < special) return this.count(`counter${drawn - keptKeys - locks}`)
    // The protocol knows whole milliseconds.
    return this.any(Math.floor(nowMs))
  }

  /** What to ask for in a list. */
  prefix(): string {
    return this.prng.pick(["", "kept", "key", "key1", "lock"])
  }

  private keep(key: string): { readonly key: string; readonly input: EntryInput } {
    const op = this.prng.pick(["put", "update", "get"] as const)
    if (op === "get") return { key, input: { op } }
    return { key, input: { op, content: this.fresh(), expiresAtMs: 0 } }
  }

  private lock(key: string): { readonly key: string; readonly input: EntryInput } {
    const held = this.lastSeen.get(key)
    // What it holds, or may hold, it gives back before it takes it again.
    if (held !== undefined && this.prng.chance(1, 2))
      return { key, input: { op: "remove_if", comparand: held } }
    const content = this.fresh()
    this.lastSeen.set(key, content)
    return { key, input: { op: "put", content, expiresAtMs: 0 } }
  }

  private count(key: string): { readonly key: string; readonly input: EntryInput } {
    const comparand = this.lastSeen.get(key)
    if (this.prng.chance(1, 3)) return { key, input: { op: "get" } }
    if (comparand === undefined)
      return { key, input: { op: "put", content: `0:${this.fresh()}`, expiresAtMs: 0 } }
    const content = `${Number.parseInt(comparand, 10) + 1}:${this.fresh()}`
    return { key, input: { op: "cas", content, comparand, expiresAtMs: 0 } }
  }

  private fresh(): string {
    return `${this.client}.${++this.written}`
  }

  private any(nowMs: number): { readonly key: string; readonly input: EntryInput } {
    const { prng, options } = this
    const key = `key${prng.below(options.keys)}`
    const op = prng.pick(kinds)
    const expires = prng.chance(options.expiryPerMille, 1000)
    const expiresAtMs = expires ? nowMs + prng.between(1, options.expiryMsMax) : 0
    const content = this.fresh()
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
