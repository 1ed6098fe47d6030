/**
 * One process of a large cluster: the machine of `core/member` and, for the data path, primaries that certify their learners
 * a while after these appeared. What came in may be recorded, to be measured apart from the simulator's own work.
 */
import type { Now } from "../../../src/core/lib/clock.ts"
import type { Prng } from "../../../src/core/lib/prng.ts"
import type {
  Identity,
  MemberEffect,
  MemberEvent,
  MemberOptions,
  PeerMessage,
  Want,
} from "../../../src/core/member/event.ts"
import { Member } from "../../../src/core/member/member.ts"
import { memberOf, type StorageId, type View } from "../../../src/core/view/view.ts"
import type { Host, Input, Logic, Machine } from "../machine.ts"
import { written, type MemberContents } from "../member/contents.ts"

export interface Heard {
  readonly event: MemberEvent
  readonly now: Now
}

export class ScaleNode implements Logic {
  readonly member: Member
  readonly identity: Identity
  /** What came in, while it is being recorded. */
  recording: Heard[] | undefined
  private readonly machine: Machine<MemberContents>
  private readonly host: Host<MemberContents>
  private readonly prng: Prng
  private readonly copyMsMax: number
  private readonly share: (view: View) => View
  private learning: readonly Learning[] = []
  /** When the learner of a slot has caught up, by slot and storage; over epochs. */
  private readonly copiedAtMs = new Map<string, number>()
  private certified = 0

  constructor(
    machine: Machine<MemberContents>,
    host: Host<MemberContents>,
    prng: Prng,
    options: MemberOptions,
    copyMsMax: number,
    share: (view: View) => View,
    now: Now,
  ) {
    this.share = share
    this.machine = machine
    this.host = host
    this.prng = prng
    this.copyMsMax = copyMsMax
    const found = machine.disk.durable
    machine.disk.replace({ ...found, boot: found.boot + 1, clean: false })
    const { nodeId, storageId, boot } = machine.disk.durable
    this.identity = { nodeId, storageId, boot, address: machine.address }
    this.member = Member.create(this.identity, options, prng, now)
  }

  handle(input: Input, now: Now): void {
    switch (input.kind) {
      case "start": {
        const { view, acceptor, founding } = this.machine.disk.durable
        return this.step({ kind: "start", recovered: { view, acceptor, founding, unclean: false } }, now)
      }
      case "message":
        return this.step({ kind: "message", message: input.message as PeerMessage }, now)
      case "persisted":
        return this.step({ kind: "persisted", token: input.token }, now)
      case "command":
        return
      case "tick":
        this.step({ kind: "tick" }, now)
        this.certify(now)
    }
  }

  private step(event: MemberEvent, now: Now): void {
    this.recording?.push({ event, now })
    for (const effect of this.member.step(event, now)) this.carryOut(effect)
  }

  private carryOut(effect: MemberEffect): void {
    if (effect.kind === "send") this.host.send(effect.address, effect.message, effect.message.body.kind)
    else if (effect.kind === "persist")
      this.host.persist(effect.token, (contents) => written(contents, effect.records))
    else if (effect.kind === "view") {
      // What is derived from a view is kept with it: each process does that for itself, here all may share it.
      const { seat } = this.member
      if (seat !== undefined && seat.view === effect.view) seat.state.view = this.share(effect.view)
      this.learning = learningOf(this.share(effect.view)).get(this.identity.storageId) ?? []
      this.certified = 0
    } else if (effect.kind === "stop" || effect.kind === "startOver")
      throw new Error(`a node of the large cluster ended: ${effect.reason}`)
  }

  /** States for the present epoch who has caught up, where that changed. */
  private certify(now: Now): void {
    const { view } = this.member
    if (this.learning.length === 0 || view === undefined) return
    const { storageId: primary, boot } = this.identity
    if (memberOf(view, primary)?.boot !== boot) return
    const wants: Want[] = []
    for (const { slot, learner } of this.learning) {
      const key = `${slot} ${learner}`
      let atMs = this.copiedAtMs.get(key)
      if (atMs === undefined) {
        atMs = now.monotonicMs + this.prng.between(0, this.copyMsMax)
        this.copiedAtMs.set(key, atMs)
      }
      if (now.monotonicMs < atMs) continue
      wants.push({ kind: "promote", certificate: { epoch: view.epoch, slot, primary, boot, learner } })
    }
    if (wants.length === this.certified) return
    this.certified = wants.length
    this.step({ kind: "wants", wants }, now)
  }
}

interface Learning {
  readonly slot: number
  readonly learner: StorageId
}

/** By primary: the learners of its slots. Nodes share views, so that each is gone through once. */
const learnings = new WeakMap<View, ReadonlyMap<StorageId, readonly Learning[]>>()
function learningOf(view: View): ReadonlyMap<StorageId, readonly Learning[]> {
  let found = learnings.get(view)
  if (found === undefined) {
    const byPrimary = new Map<StorageId, Learning[]>()
    view.slots.forEach(({ inSync, learners }, slot) => {
      for (const learner of learners) {
        const primary = inSync[0] as StorageId
        const list = byPrimary.get(primary)
        if (list === undefined) byPrimary.set(primary, [{ slot, learner }])
        else list.push({ slot, learner })
      }
    })
    learnings.set(view, (found = byPrimary))
  }
  return found
}
