/**
 * Which alias comes next: in order, so that each is put once, or at random by xorshift. In a cluster whose nodes each serve
 * some slots, a connection asks its node for what that node serves, as a client that knows the topology does.
 */
import { createHash } from "node:crypto"
import { slotOfDigest } from "../../../src/core/ring/slot.ts"
import { aliasDigits, aliasPrefix } from "./batch.ts"
import type { LoadMember, LoadPlan } from "./plan.ts"

export class AliasSource {
  /** Undefined: all of them. */
  private readonly own: Uint32Array | undefined
  private readonly count: number
  private readonly isSequential: boolean
  private random: number
  private next = 0

  private constructor(own: Uint32Array | undefined, plan: LoadPlan, seed: number) {
    this.own = own
    this.count = own?.length ?? plan.aliases
    this.isSequential = plan.sequential === true
    // xorshift never leaves zero.
    this.random = seed | 0 || 1
  }

  /** @returns a source for each member of the plan; for all aliases where it names no slots */
  static of(plan: LoadPlan): ReadonlyArray<AliasSource> {
    const members = plan.members ?? [{ host: plan.host, port: plan.port }]
    const whole = members.every((member) => member.slots === undefined)
    if (whole) return shared(members.length, new AliasSource(undefined, plan, plan.seed))
    const owned = aliasesBySlots(members, plan.aliases)
    return owned.map((own, index) => new AliasSource(Uint32Array.from(own), plan, plan.seed + index * 7919))
  }

  get isOver(): boolean {
    return this.isSequential && this.next >= this.count
  }

  /** The last batch of a sequence repeats the last alias. */
  take(): number {
    const place = this.isSequential ? Math.min(this.next++, this.count - 1) : this.drawn()
    return this.own === undefined ? place : (this.own[place] as number)
  }

  private drawn(): number {
    let x = this.random
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.random = x
    return Math.floor(((x >>> 0) / 0x1_0000_0000) * this.count)
  }
}

function shared(count: number, source: AliasSource): ReadonlyArray<AliasSource> {
  return Array.from({ length: count }, () => source)
}

function aliasesBySlots(
  members: ReadonlyArray<LoadMember>,
  aliases: number,
): ReadonlyArray<ReadonlyArray<number>> {
  const slotCount = members.reduce((sum, member) => sum + (member.slots?.length ?? 0), 0)
  const memberOf = new Uint16Array(slotCount)
  members.forEach((member, index) => {
    for (const slot of member.slots ?? []) memberOf[slot] = index
  })
  const owned: ReadonlyArray<Array<number>> = members.map(() => [])
  for (let alias = 0; alias < aliases; alias++) {
    const text = aliasPrefix + String(alias).padStart(aliasDigits, "0")
    const slot = slotOfDigest(createHash("sha3-256").update(text).digest(), slotCount)
    owned[memberOf[slot] as number]?.push(alias)
  }
  return owned
}
