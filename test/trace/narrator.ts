/**
 * Turns a run of a few members into lines for a reader: what each process says, the views that it enters and why, the votes
 * of agreement, and since when who holds a lease. Heartbeats, their answers, and questions who is there are left out, for
 * there are too many; a lease that is renewed is not told again.
 */
import type { MemberEffect, PeerMessage } from "../../src/core/member/event.ts"
import type { View } from "../../src/core/view/view.ts"
import { Network, type Machine } from "../unit/member/network.ts"

/** Messages that are sent again until something comes of them. */
const isRepeated = / welcome|accept view|refused for now/

const quiet = new Set(["heartbeat", "heartbeatReply", "hello", "call", "behind", "poll", "pollReply", "join"])

export class Story {
  readonly network = new Network()
  readonly lines: string[] = []
  private readonly startedMs: number
  private last = ""
  private readonly told = new Set<string>()

  constructor() {
    this.network.settings = { ...this.network.settings, slotCount: 3 }
    this.startedMs = this.network.nowMs
    this.network.onEffect = (machine, effect) => this.hear(machine, effect)
  }

  /** A machine `n1`, `n2`, … with a node id that sorts likewise. */
  machine(number: number, peers: readonly number[], nodeId = String(number)): Machine {
    return this.network.add(
      `n${number}:2836`,
      nodeId,
      peers.map((peer) => `n${peer}:2836`),
    )
  }

  /** Heads what follows; the reader's only guide, so it says what is done to the cluster. */
  chapter(text: string): void {
    this.lines.push("", `# ${text}`)
  }

  start(...machines: Machine[]): void {
    for (const machine of machines) {
      this.tell(machine, `starts, boot ${machine.boot + 1}, storage ${machine.generation}`)
      this.network.start(machine)
    }
  }

  kill(machine: Machine): void {
    this.told.clear()
    this.tell(machine, "is killed")
    this.network.kill(machine)
    this.serves.delete(machine.address)
  }

  /** Lets time pass, and tells where a lease ran out or came back. */
  pass(ms: number, until: () => boolean = () => false): void {
    this.network.run(ms, () => {
      this.lookAtLeases()
      return until()
    })
  }

  private lookAtLeases(): void {
    for (const machine of this.network.machines.values()) {
      const slots: number[] = []
      for (let slot = 0; slot < this.network.settings.slotCount; slot++) {
        if (machine.member?.mayAnswer(slot, this.network.now) === true) slots.push(slot)
      }
      const serves = slots.length === 0 ? "serves nothing" : `serves slots ${slots.join(", ")}`
      const before = this.serves.get(machine.address) ?? "serves nothing"
      if (serves !== before) this.tell(machine, machine.member === undefined ? "is gone" : serves)
      this.serves.set(machine.address, serves)
    }
  }
  private readonly serves = new Map<string, string>()

  private hear(machine: Machine, effect: MemberEffect): void {
    if (effect.kind === "log")
      this.tell(machine, effect.level === "info" ? effect.text : `${effect.level}: ${effect.text}`)
    else if (effect.kind === "view")
      this.tell(machine, `enters view ${effect.view.epoch}: ${this.view(effect.view)}`)
    else if (effect.kind === "stop") this.tell(machine, `ends (${effect.outcome}): ${effect.reason}`)
    else if (effect.kind === "startOver")
      this.tell(machine, `starts over with a new storage: ${effect.reason}`)
    else if (effect.kind === "released") this.tell(machine, `releases slots ${effect.slots.join(", ")}`)
    else if (effect.kind === "send" && !quiet.has(effect.message.body.kind)) {
      this.tell(machine, `-> ${nameOf(effect.address)} ${summarise(effect.message)}`)
    }
  }

  private tell(machine: Machine, text: string): void {
    const seconds = ((this.network.nowMs - this.startedMs) / 1000).toFixed(3).padStart(7)
    // Ids of clusters are long and say nothing.
    const line = `${nameOf(machine.address)} ${text}`
      .replaceAll(/[0-9a-f]{32}/g, (id) => id.slice(0, 4))
      .replaceAll(/0{40,}/g, "")
    // What is asked or answered over and over is told once.
    if (line === this.last || (isRepeated.test(line) && this.told.has(line))) return
    this.last = line
    this.told.add(line)
    this.lines.push(`${seconds} ${line}`)
  }

  private view({ members, voters, slots }: View): string {
    const name = (storageId: string) => nameOf(storageId)
    const people = members.map((member) => {
      const standing = member.standing === "up" ? "" : ` ${member.standing}`
      return `${name(member.storageId)}.${member.boot}${standing}`
    })
    const places = slots.map(({ inSync, learners, slotEpoch }) => {
      const learning = learners.length === 0 ? "" : ` +${learners.map(name).join(" ")}`
      return `[${inSync.map(name).join(" ")}${learning}]@${slotEpoch}`
    })
    return `members ${people.join(", ")}; voters ${voters.map(name).join(" ")}; slots ${places.join(" ")}`
  }
}

/** `n1:2836#2` is `n1#2`, and the first storage of a machine is plain `n1`. */
function nameOf(text: string): string {
  return text.replace(":2836", "").replace("#1", "")
}

function summarise({ body }: PeerMessage): string {
  const ballot =
    "ballot" in body ? `${body.ballot.round}.${nameOf(body.ballot.storageId)}.${body.ballot.boot}` : ""
  switch (body.kind) {
    case "prepare":
      return `prepare view ${body.instance}, ballot ${ballot}`
    case "promise":
      return `promise view ${body.instance}, ballot ${ballot}${body.accepted === undefined ? "" : ", has accepted one before"}`
    case "accept":
      return `accept view ${body.instance}, ballot ${ballot}`
    case "accepted":
      return `accepted view ${body.instance}, ballot ${ballot}`
    case "refused":
      return body.waits
        ? `refused for now view ${body.instance}, ballot ${ballot}: a lease may still run`
        : `refused view ${body.instance}, ballot ${ballot}: has promised a higher one`
    case "view":
    case "welcome":
      return `${body.kind}: view ${body.view.epoch}`
    case "deltas":
      return `the steps to view ${body.deltas.at(-1)?.epoch}`
    case "refusal":
      return `refusal: ${body.text}`
    default:
      return body.kind
  }
}
