/**
 * The numbers that make writes exactly-once (`cluster.md`, "Exactly once"): each write of a client has one, its retries
 * carry the same one, and each request says the *floor*, below which all are answered. A node keeps the results from the
 * floor on, and never executes what is below it, however late it arrives.
 *
 * **What counts as answered.** A number is answered when its caller was told an outcome, *whatever* that was: success, an
 * error, and also "in doubt", "timeout" or "cancelled". The last three may surprise, since the write's fate is unknown. But
 * once the caller was told so, this library never sends the number again, so nobody will ever ask for its stored result and
 * the node may drop it. An attempt that still lies in some buffer then either arrives before a request with the raised
 * floor, and is executed once, or after it, and is refused: both are what "unknown" allows. Were the floor held back
 * instead, one request that timed out would make every node keep all later results of this client for ever.
 *
 * A number is given at the first sending, not at submission: what is cancelled in the queue never had one.
 */
import { assert } from "../core/lib/assert.ts"
import { clientNumbersOpenMax } from "../core/lib/limits.ts"

export class Numbers {
  /** The lowest number that is not answered; equals the next one when all are. */
  floor = 1
  private next = 1
  /** For the numbers from the floor on, by number modulo the capacity: 1 = answered. */
  private readonly answeredFlags: Uint8Array

  constructor(capacity: number = clientNumbersOpenMax) {
    this.answeredFlags = new Uint8Array(capacity)
  }

  /** Whether one more number may be open. */
  get available(): boolean {
    return this.next - this.floor < this.answeredFlags.length
  }

  take(): number {
    assert(this.available, "no more numbers are open than a node has to remember")
    return this.next++
  }

  /** To be told once of each number that was taken. */
  answered(number: number): void {
    const { answeredFlags } = this
    assert(number >= this.floor && number < this.next, "an open number is answered")
    assert(answeredFlags[number % answeredFlags.length] === 0, "a number is answered once")
    answeredFlags[number % answeredFlags.length] = 1
    while (answeredFlags[this.floor % answeredFlags.length] === 1) {
      answeredFlags[this.floor % answeredFlags.length] = 0
      this.floor++
    }
  }
}
