/**
 * The exactly-once table of one slot: per client the results it may still ask for again.
 *
 * A client numbers its writes and states with each the *floor* below which it waits for no answer (RIFL, Lee et al., SOSP
 * 2015, without its leases: a row lives for ten minutes after the client's last request, which is longer than any attempt
 * may last). A result is kept until the floor passes it. Below the floor nothing is ever executed, however late a copy of
 * an old request arrives: that is what makes dropping results safe.
 *
 * A number whose first attempt is prepared and not yet committed is in the table too, so a retry that overtakes the
 * commit waits for it instead of executing again. Results without content are shared objects, so a row that holds one
 * number costs some 150 bytes.
 */
import type { Prepared } from "./prepared.ts"

/** The answer that a committed write gave. */
export interface StoredResult {
  readonly prepared: false
  readonly code: number
  readonly content: Uint8Array | undefined
}

const shared = new Map<number, StoredResult>()

/** @returns the result with this code and content; those without content are shared */
export function storedResult(code: number, content: Uint8Array | undefined): StoredResult {
  if (content !== undefined) return { prepared: false, code, content }
  let result = shared.get(code)
  if (result === undefined) {
    result = { prepared: false, code, content: undefined }
    shared.set(code, result)
  }
  return result
}

export class ClientRow {
  floor = 0
  /** Monotonic time of the last request on this node. */
  usedMs: number
  private readonly numbers: number[] = []
  private readonly results: (StoredResult | Prepared)[] = []

  constructor(nowMs: number) {
    this.usedMs = nowMs
  }

  get size(): number {
    return this.numbers.length
  }

  /** True while an operation of this client is prepared: the row must stay. */
  get busy(): boolean {
    return this.results.some((result) => result.prepared)
  }

  find(number: number): StoredResult | Prepared | undefined {
    // The newest are asked for most, and a row seldom holds more than a few.
    for (let i = this.numbers.length - 1; i >= 0; i--) if (this.numbers[i] === number) return this.results[i]
    return undefined
  }

  set(number: number, result: StoredResult | Prepared): void {
    const numbers = this.numbers
    for (let i = numbers.length - 1; i >= 0; i--) {
      if (numbers[i] === number) {
        this.results[i] = result
        return
      }
    }
    numbers.push(number)
    this.results.push(result)
  }

  /** Raises the floor and drops what lies below it. What is prepared stays: its commit still has to find it. */
  raiseFloor(floor: number): void {
    if (floor <= this.floor) return
    this.floor = floor
    const numbers = this.numbers
    let kept = 0
    for (let i = 0; i < numbers.length; i++) {
      const result = this.results[i] as StoredResult | Prepared
      if ((numbers[i] as number) < floor && !result.prepared) continue
      numbers[kept] = numbers[i] as number
      this.results[kept] = result
      kept++
    }
    numbers.length = kept
    this.results.length = kept
  }
}
