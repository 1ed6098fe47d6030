/**
 * The network between machines: a directed link each way, with its own generator, so that what happens on one link does
 * not change what happens on another. A message may be lost, delayed, doubled, overtaken, or arrive far too late.
 *
 * There are no connections: a message is handed to whoever has the address when it arrives, be it a later process than it
 * was sent to. That is more than TCP allows, and the protocol claims to stand it.
 */
import { Prng } from "../../src/core/lib/prng.ts"

/** What befalls a message on a link; chances are in 1,000. */
export interface LinkQuality {
  readonly delayMsMin: number
  readonly delayMsMax: number
  readonly lossPerMille: number
  readonly duplicatePerMille: number
  /** Messages that arrive after up to `lateMsMax`. */
  readonly latePerMille: number
  readonly lateMsMax: number
  /** Off: a message never overtakes another on its link, except late ones and second copies. */
  readonly reorders: boolean
}

/** Machines of a world. */
const machinesMax = 65_536

const never = Number.POSITIVE_INFINITY

class Link {
  /** So many faults cut it now. */
  cuts = 0
  /** The last of these is in force. */
  readonly overrides: LinkQuality[] = []
  lastArrivalMs = 0
  readonly prng: Prng
  constructor(prng: Prng) {
    this.prng = prng
  }
}

export class Network {
  sent = 0
  lost = 0
  private readonly quality: LinkQuality
  private readonly links = new Map<number, Link>()
  private readonly seed: number

  constructor(quality: LinkQuality, seed: number) {
    this.quality = quality
    this.seed = seed
  }

  /** After `send`: when the message arrives, infinite if never; and when a second copy does. */
  arrivalMs = never
  copyMs = never

  send(source: number, target: number, nowMs: number): void {
    this.sent++
    this.arrivalMs = never
    this.copyMs = never
    const link = this.link(source, target)
    const quality = link.overrides[link.overrides.length - 1] ?? this.quality
    if (link.cuts > 0 || link.prng.chance(quality.lossPerMille, 1000)) {
      this.lost++
      return
    }
    this.arrivalMs = this.draw(link, quality, nowMs)
    if (link.prng.chance(quality.duplicatePerMille, 1000))
      this.copyMs = nowMs + link.prng.between(quality.delayMsMin, quality.delayMsMax * 3)
  }

  private draw(link: Link, quality: LinkQuality, nowMs: number): number {
    if (link.prng.chance(quality.latePerMille, 1000)) return nowMs + link.prng.between(0, quality.lateMsMax)
    // Micros of jitter, so that arrivals rarely tie.
    const delayMs = link.prng.between(quality.delayMsMin * 1000, quality.delayMsMax * 1000) / 1000
    const atMs = nowMs + delayMs
    if (quality.reorders) return atMs
    link.lastArrivalMs = Math.max(link.lastArrivalMs, atMs)
    return link.lastArrivalMs
  }

  cut(source: number, target: number): void {
    this.link(source, target).cuts++
  }

  heal(source: number, target: number): void {
    const link = this.link(source, target)
    if (link.cuts > 0) link.cuts--
  }

  isCut(source: number, target: number): boolean {
    return this.link(source, target).cuts > 0
  }

  degrade(source: number, target: number, quality: LinkQuality): void {
    this.link(source, target).overrides.push(quality)
  }

  restore(source: number, target: number, quality: LinkQuality): void {
    const { overrides } = this.link(source, target)
    const at = overrides.indexOf(quality)
    if (at !== -1) overrides.splice(at, 1)
  }

  healAll(): void {
    for (const link of this.links.values()) {
      link.cuts = 0
      link.overrides.length = 0
    }
  }

  private link(source: number, target: number): Link {
    const key = source * machinesMax + target
    let link = this.links.get(key)
    if (link === undefined) {
      link = new Link(new Prng(this.seed + (source * 1024 + target) * 7919))
      this.links.set(key, link)
    }
    return link
  }
}
