/**
 * Slows writers down before memory is full of changes, so that they never stand still for long.
 *
 * What is not in the table may not leave memory. Where writers are faster than the flusher they would fill memory up to its bound at full speed,
 * then all wait for the flusher's next step, some tenths of a second, and so on. Here they share what room is left over the time
 * that a step takes: `room / step` a second. So the less room there is the slower they are; where they take as much as the
 * flusher frees, room stays as it is; and it is never used up (it falls as e^(-t / step)). The bound stays, for who is too fast for this: a
 * long content, or what is already on its way.
 *
 * How long a step takes is seen: a step frees much at once, and the time from one to the next is what the next one will take.
 */
import { brakeFullnessMin } from "../core/lib/limits.ts"

/** What a step of the flusher is thought to take, at least and at most. */
const stepMsMin = 100
const stepMsMax = 2_000
/** Nobody waits longer than this for being slowed … */
export const brakeWaitMsMax = 50
/** … and this often it is looked whether those who wait may go on. */
export const brakeLookMs = 2
/** A smaller fall is not the end of a step: single entries are removed, or written once more. */
const stepFreesMin = 0.01

export class IntakeBrake {
  /** Of what may be changed. */
  private fullness = 0
  private askedMs = 0
  private freedMs = -Infinity
  private stepMs = stepMsMin
  /** What may still come in, as a part of what may be changed; less than nothing after something large. */
  private credit = 0
  private readonly onLook: () => void
  private look: ReturnType<typeof setTimeout> | undefined

  /** @param onLook it is time to ask again, for those that were refused */
  constructor(onLook: () => void) {
    this.onLook = onLook
  }

  /**
   * @param fullness changes in memory, 1 = so many that writers are stopped
   * @returns whether another may come in now; `onLook` follows where not
   */
  mayTake(fullness: number, nowMs: number): boolean {
    const may = this.hasCredit(fullness, nowMs)
    if (!may) this.look ??= setTimeout(() => this.lookAgain(), brakeLookMs)
    return may
  }

  private lookAgain(): void {
    this.look = undefined
    this.onLook()
  }

  private hasCredit(fullness: number, nowMs: number): boolean {
    const grown = fullness - this.fullness
    this.fullness = fullness
    if (grown < -stepFreesMin) this.freed(nowMs)
    const perMs = Math.max(0, 1 - fullness) / this.stepMs
    const passedMs = Math.min(nowMs - this.askedMs, brakeWaitMsMax)
    this.askedMs = nowMs
    if (fullness < brakeFullnessMin) {
      this.credit = 0
      return true
    }
    // Nobody saves up for later, and nobody waits for long because somebody else took much.
    const credit = Math.min(this.credit, 0) + perMs * passedMs - Math.max(0, grown)
    this.credit = Math.max(credit, -perMs * brakeWaitMsMax)
    return this.credit > 0
  }

  private freed(nowMs: number): void {
    this.stepMs = Math.min(stepMsMax, Math.max(stepMsMin, nowMs - this.freedMs))
    this.freedMs = nowMs
  }
}
