/**
 * Where to dial: the addresses the client was given, in their order, then those it has learned; and how dialling went since
 * anything was answered. After each failure it is the next one's turn; when all had theirs, it is time for a pause.
 */
import { clientAddressesMax } from "../core/lib/limits.ts"
import type { Prng } from "../core/lib/prng.ts"
import type { Address } from "./address.ts"
import { retryDelayMs } from "./backoff.ts"
import type { FailedAddress } from "./error.ts"

export class AddressBook {
  private readonly given: readonly Address[]
  private addresses: readonly Address[]
  private index = 0
  private failuresInRow = 0
  private failedAtMs = 0
  /** The newest failure of each address since there was a connection. */
  failures: readonly FailedAddress[] = []

  /** @param given at least one */
  constructor(given: readonly Address[]) {
    this.given = given
    this.addresses = given
  }

  get present(): Address {
    return this.addresses[this.index] as Address
  }

  get isSingle(): boolean {
    return this.addresses.length === 1
  }

  /** Adds addresses to those given; they replace what was learned before. The present one stays the present one. */
  learn(learned: readonly Address[]): void {
    const present = this.present.text
    const all = new Map([...this.given, ...learned].map((a) => [a.text, a]))
    this.addresses = [...all.values()].slice(0, clientAddressesMax)
    const index = this.addresses.findIndex((a) => a.text === present)
    this.index = Math.max(0, index)
  }

  /** There is a connection to this address, which is the present one from here on. */
  opened(address: Address): void {
    this.failures = []
    const index = this.addresses.findIndex((a) => a.text === address.text)
    if (index >= 0) this.index = index
  }

  /** Something was answered on it. */
  answered(): void {
    this.failuresInRow = 0
  }

  /** The present address failed, or its connection was lost: it is the next one's turn. */
  failed(reason: string, nowMs: number): void {
    this.note(this.present, reason)
    this.failuresInRow++
    this.failedAtMs = nowMs
    this.index = (this.index + 1) % this.addresses.length
  }

  /** An address failed, whoever's turn it is. */
  note({ text }: Address, reason: string): void {
    this.failures = [...this.failures.filter((f) => f.address !== text), { address: text, reason }]
  }

  /** Whether every address has failed since anything was answered, a whole number of times. */
  get isRoundOver(): boolean {
    return this.failuresInRow > 0 && this.failuresInRow % this.addresses.length === 0
  }

  /** @returns when to dial: at once, or after a pause that grows with the rounds */
  nextDialMs(prng: Prng): number {
    if (!this.isRoundOver) return this.failedAtMs
    return this.failedAtMs + retryDelayMs(this.failuresInRow / this.addresses.length, prng)
  }
}
