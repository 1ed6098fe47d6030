/**
 * A few members in one process on a perfect network with virtual time: enough to see what the machine does. Faults,
 * drifting clocks and seeds are the simulator's.
 */
import { Prng } from "../../../src/core/lib/prng.ts"
import type { Identity, MemberEffect, MemberEvent, Recovered, Want } from "../../../src/core/member/event.ts"
import { Member } from "../../../src/core/member/member.ts"
import type { Settings, View } from "../../../src/core/view/view.ts"

export const settings: Settings = {
  replicationFactor: 2,
  slotCount: 8,
  sync: true,
  transient: false,
  entryBytesMax: 1024,
  leaseMs: 3000,
  suspectMs: 1500,
  repairGraceMs: 30_000,
}

export interface Machine {
  readonly address: string
  nodeId: string
  generation: number
  boot: number
  peers: string[]
  disk: { view?: View; acceptor?: Recovered["acceptor"]; founding?: Recovered["founding"] }
  member: Member | undefined
  ended: string | undefined
  views: View[]
}

export class Network {
  nowMs = 1000
  readonly machines = new Map<string, Machine>()
  readonly log: string[] = []
  private readonly queue: { atMs: number; order: number; run: () => void }[] = []
  private order = 0
  private readonly prng = new Prng(7)
  /** Pairs that cannot talk, `from>to` by address. */
  readonly cut = new Set<string>()
  settings = settings
  unclean = false
  /** Sees every effect before it is carried out. */
  onEffect: (machine: Machine, effect: MemberEffect) => void = () => {}
  /** Processes that stand still, with what has come for them meanwhile. */
  private readonly paused = new Map<Machine, MemberEvent[]>()
  /** Whether primaries certify their learners, a quarter of a second after they got them. */
  copies = false

  add(address: string, nodeId: string, peers: string[]): Machine {
    const machine: Machine = {
      address,
      nodeId: nodeId.padStart(64, "0"),
      generation: 1,
      boot: 0,
      peers,
      disk: {},
      member: undefined,
      ended: undefined,
      views: [],
    }
    this.machines.set(address, machine)
    return machine
  }

  start(machine: Machine): void {
    machine.boot++
    machine.ended = undefined
    const self: Identity = {
      nodeId: machine.nodeId,
      storageId: `${machine.address}#${machine.generation}`,
      boot: machine.boot,
      address: machine.address,
    }
    const options = { bootstrappingPeers: machine.peers, settings: this.settings, weight: 1, zone: "" }
    machine.member = Member.create(self, options, this.prng.fork(), this.now)
    const { view, acceptor, founding } = machine.disk
    this.hand(machine, { kind: "start", recovered: { view, acceptor, founding, unclean: this.unclean } })
  }

  kill(machine: Machine): void {
    machine.member = undefined
  }

  wipe(machine: Machine): void {
    machine.disk = {}
    machine.generation++
    machine.boot = 0
  }

  get now() {
    return { monotonicMs: this.nowMs, wallMs: this.nowMs + 1_000_000 }
  }

  /** The process stands still: nothing is handled until `resume`. */
  pause(machine: Machine): void {
    this.paused.set(machine, [])
  }

  resume(machine: Machine): void {
    const waiting = this.paused.get(machine) ?? []
    this.paused.delete(machine)
    for (const event of waiting) this.hand(machine, event)
  }

  /** Nobody hears from the machine any more, nor it from anybody, until `heal`. */
  isolate(machine: Machine): void {
    for (const other of this.machines.keys()) {
      this.cut.add(`${machine.address}>${other}`)
      this.cut.add(`${other}>${machine.address}`)
    }
  }

  heal(): void {
    this.cut.clear()
  }

  hand(machine: Machine, event: MemberEvent): void {
    const { member } = machine
    if (member === undefined) return
    const waiting = this.paused.get(machine)
    if (waiting !== undefined) {
      if (event.kind !== "tick") waiting.push(event)
      return
    }
    for (const effect of member.step(event, this.now)) {
      this.onEffect(machine, effect)
      this.carryOut(machine, member, effect)
    }
  }

  private carryOut(machine: Machine, member: Member, effect: MemberEffect): void {
    switch (effect.kind) {
      case "send": {
        if (this.cut.has(`${machine.address}>${effect.address}`)) return
        this.later(2, () => {
          const target = this.machines.get(effect.address)
          if (target !== undefined) this.hand(target, { kind: "message", message: effect.message })
        })
        return
      }
      case "persist":
        this.later(3, () => {
          if (machine.member !== member) return
          for (const record of effect.records) Object.assign(machine.disk, { [record.key]: record.value })
          this.hand(machine, { kind: "persisted", token: effect.token })
        })
        return
      case "view":
        machine.views.push(effect.view)
        if (this.copies) this.later(250, () => this.certify(machine, member, effect.view))
        return
      case "log":
        this.log.push(`${this.nowMs} ${machine.address} ${effect.level}: ${effect.text}`)
        return
      case "startOver":
        this.log.push(`${this.nowMs} ${machine.address} starts over: ${effect.reason}`)
        machine.member = undefined
        this.wipe(machine)
        this.later(50, () => this.start(machine))
        return
      case "stop":
        this.log.push(`${this.nowMs} ${machine.address} ${effect.outcome}: ${effect.reason}`)
        machine.ended = effect.outcome
        machine.member = undefined
        return
      default:
    }
  }

  /** Stands for the data path: learners have caught up by now. */
  private certify(machine: Machine, member: Member, view: View): void {
    if (machine.member !== member || member.view !== view) return
    const wants: Want[] = view.slots.flatMap(({ learners }, slot) =>
      member.isPrimary(slot)
        ? learners.map((learner) => ({
            kind: "promote",
            certificate: {
              epoch: view.epoch,
              slot,
              primary: member.self.storageId,
              boot: member.self.boot,
              learner,
            },
          }))
        : [],
    )
    if (wants.length > 0) this.hand(machine, { kind: "wants", wants })
  }

  private later(delayMs: number, run: () => void): void {
    this.queue.push({ atMs: this.nowMs + delayMs, order: this.order++, run })
    this.queue.sort((a, b) => a.atMs - b.atMs || a.order - b.order)
  }

  /** Lets time pass, with a tick of each member every 50 ms. */
  run(ms: number, until: () => boolean = () => false): void {
    const end = this.nowMs + ms
    while (this.nowMs < end && !until()) {
      this.nowMs++
      while ((this.queue[0]?.atMs ?? Infinity) <= this.nowMs) this.queue.shift()?.run()
      if (this.nowMs % 50 === 0)
        for (const machine of this.machines.values()) this.hand(machine, { kind: "tick" })
    }
  }

  /** Addresses of those who may answer for the slot now. */
  serving(slot: number): string[] {
    return [...this.machines.values()]
      .filter((machine) => machine.member?.mayAnswer(slot, this.now) === true)
      .map((machine) => machine.address)
  }

  allServe(): boolean {
    for (let slot = 0; slot < this.settings.slotCount; slot++)
      if (this.serving(slot).length !== 1) return false
    return true
  }
}
