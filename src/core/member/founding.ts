/**
 * Founding a cluster from a list of addresses B, so that one list founds one cluster whatever is wiped or restarted
 * meanwhile.
 *
 * All of B, up, uninitialised and with the same list, record the storages of all of B: view 0. A storage records once. When
 * it knows that all have recorded the same, a founder proposes view 1, and a majority of view 0 decides it by the same
 * agreement as every later view.
 *
 * The hard case is a founder whose directory is wiped in between: its old storage will never record, or never vote
 * again, and the others must find together under new storages, unless view 1 was decided already, by votes of which they
 * may not know. Nobody can conclude that alone from what he has heard: what a peer said it had not done, it may be
 * doing now. So giving up is decided too: the *void* view is the second value of the same instance. Either
 * a majority of view 0 decides view 1, and whoever was wiped joins it; or it decides void, and all start over with new
 * storages. That takes no longer than founding, which needs all of B up anyway.
 *
 * Where less than a majority of view 0 is left, nothing can be decided in it any more. If view 1 had been, then by storages
 * of which a majority is gone, and no copy of any data is here (this node would have the view). So the rest start over.
 *
 * Who has not recorded yet and is named in another's record records the same, even if that one is spoilt already: so
 * the majority that gives it up comes about.
 */
import type { Now } from "../lib/clock.ts"
import { viewZero } from "../view/founded.ts"
import { sameFounding, type Founder, type FoundingRecord } from "../view/founding.ts"
import { compareNodeIds, majorityOf, type Address, type Settings } from "../view/view.ts"
import type { Answer, Finder } from "./finder.ts"
import type { Hello, Identity } from "./event.ts"

export interface FounderSelf {
  readonly identity: Identity
  readonly weight: number
  readonly zone: string
  readonly settings: Settings
  /** B, sorted, the own address included. */
  readonly peers: readonly Address[]
}

/** What a founder is to do next. */
export type FoundingStep =
  | { readonly kind: "wait"; readonly reasons: readonly string[] }
  | { readonly kind: "record"; readonly record: FoundingRecord }
  | { readonly kind: "propose"; readonly outcome: "found" | "void" }
  | { readonly kind: "startOver"; readonly reason: string }

/** @param record what this node has recorded, if it has */
export function foundingStep(
  self: FounderSelf,
  finder: Finder,
  record: FoundingRecord | undefined,
  now: Now,
): FoundingStep {
  const answers = new Map<Address, Answer>()
  for (const address of self.peers) {
    const answer = finder.at(address, now)
    if (answer !== undefined) answers.set(address, answer)
  }
  return record === undefined ? stepToRecord(self, answers) : stepToDecide(self, answers, record)
}

function stepToRecord(self: FounderSelf, answers: ReadonlyMap<Address, Answer>): FoundingStep {
  for (const { hello } of answers.values()) {
    if (hello?.founding !== undefined && names(hello.founding, self))
      return { kind: "record", record: hello.founding }
  }
  const reasons: string[] = []
  const founders: Founder[] = [founderOf(self.identity, self)]
  let settings = self.settings
  let first = self.identity.nodeId
  for (const address of self.peers) {
    if (address === self.identity.address) continue
    const hello = answers.get(address)?.hello
    const identity = answers.get(address)?.identity
    if (hello === undefined || identity === undefined) reasons.push(`waits for ${address}`)
    else if (hello.peers.join() !== self.peers.join()) {
      reasons.push(
        `${address} has another list: [${hello.peers.join(", ")}] there, [${self.peers.join(", ")}] here`,
      )
    } else if (hello.founding !== undefined)
      reasons.push(`${address} has still to give up an earlier founding`)
    else {
      founders.push(founderOf(identity, hello))
      if (compareNodeIds(identity.nodeId, first) < 0) {
        first = identity.nodeId
        settings = hello.settings
      }
    }
  }
  founders.sort((a, b) => compareNodeIds(a.nodeId, b.nodeId))
  founders.forEach((founder, i) => {
    const twin = founders[i + 1]
    if (twin?.nodeId === founder.nodeId)
      reasons.push(`${founder.address} and ${twin.address} have the same node id`)
  })
  return reasons.length > 0
    ? { kind: "wait", reasons }
    : { kind: "record", record: Object.freeze({ founders, settings }) }
}

function stepToDecide(
  self: FounderSelf,
  answers: ReadonlyMap<Address, Answer>,
  record: FoundingRecord,
): FoundingStep {
  let left = 0
  let recorded = 0
  const reasons: string[] = []
  for (const founder of record.founders) {
    const answer = answers.get(founder.address)
    if (founder.storageId === self.identity.storageId) {
      left++
      recorded++
    } else if (answer === undefined) {
      left++ // silent is not gone
      reasons.push(`waits for ${founder.address}`)
    } else if (isGone(founder, record, answer)) {
      reasons.push(`${founder.address} no longer holds the directory that was to found the cluster`)
    } else {
      left++
      if (answer.hello?.founding !== undefined) recorded++
      else reasons.push(`waits for ${founder.address} to record the founders`)
    }
  }
  const voters = viewZero(record).voters
  if (left < majorityOf(voters)) {
    return { kind: "startOver", reason: "most directories that were to found the cluster are gone" }
  }
  if (left < record.founders.length) return { kind: "propose", outcome: "void" }
  return recorded === record.founders.length
    ? { kind: "propose", outcome: "found" }
    : { kind: "wait", reasons }
}

/** Another storage lives at its address now, or it is bound to another founding. */
function isGone(founder: Founder, record: FoundingRecord, { identity, hello }: Answer): boolean {
  if (hello === undefined) return false // it is in a cluster: that is joined, not judged
  if (identity.storageId !== founder.storageId) return true
  return hello.founding !== undefined && !sameFounding(hello.founding, record)
}

/** Whether the record is one that this node could have made. */
function names(record: FoundingRecord, self: FounderSelf): boolean {
  const addresses = record.founders.map((founder) => founder.address).sort()
  if (addresses.join() !== self.peers.join()) return false
  const own = record.founders.find((founder) => founder.storageId === self.identity.storageId)
  return own?.address === self.identity.address && own.nodeId === self.identity.nodeId
}

function founderOf(identity: Identity, { weight, zone }: Pick<Hello, "weight" | "zone">): Founder {
  return Object.freeze({
    address: identity.address,
    nodeId: identity.nodeId,
    storageId: identity.storageId,
    weight,
    zone,
  })
}
