/**
 * A cluster of the product's nodes with one slot, told to a reader: each request, record, acknowledgement and answer, what
 * a node commits, cuts and serves, and the views that it enters. How the views come about is told by the traces of membership:
 * here only who proposes them and why.
 */
import type { Settings } from "../../src/core/view/view.ts"
import { ClusterLogic } from "../simulation/cluster/logic.ts"
import { emptyDirectory } from "../simulation/cluster/contents.ts"
import type { ClusterContents } from "../simulation/cluster/contents.ts"
import type { Ask } from "../simulation/data/message.ts"
import type { Host, Logic, Machine } from "../simulation/machine.ts"
import { Trace } from "../simulation/trace.ts"
import { Coverage } from "../simulation/violation.ts"
import { World } from "../simulation/world.ts"
import type { Prng } from "../../src/core/lib/prng.ts"
import { ScriptedClient } from "./scripted-client.ts"
import { textOf, viewText, wantText } from "./replication-text.ts"

export type NodeMachine = Machine<ClusterContents>

const network = {
  delayMsMin: 2,
  delayMsMax: 2,
  lossPerMille: 0,
  duplicatePerMille: 0,
  latePerMille: 0,
  lateMsMax: 0,
  reorders: false,
}

type Asked = Pick<Ask, "op" | "alias" | "content" | "number">

/** Where a node stood when it was last looked at. */
interface Seen {
  readonly incarnation: number
  committed: number
  sequence: number
  serves: boolean
  epoch: number
}

/** Hears when a log is cut, which the next records hide. */
class Cuts extends Coverage {
  private readonly onCut: () => void

  constructor(onCut: () => void) {
    super()
    this.onCut = onCut
  }

  override count(what: string): void {
    if (what === "cut-back of a log") this.onCut()
  }
}

export class ReplicationStory {
  readonly lines: string[] = []
  readonly world: World<ClusterContents>
  readonly nodes: NodeMachine[] = []
  /** Links `n1>n2` on which nothing about entries passes, though heartbeats do. */
  readonly blocked = new Set<string>()
  factor = 2
  repairGraceMs = 5_000
  /** Log kept for those who catch up. */
  tailBytes = 100_000
  private readonly client: NodeMachine
  private readonly seen = new Map<NodeMachine, Seen>()
  private readonly told = new Set<string>()
  private readonly viewsTold = new Set<number>()
  /** Of messages that have not left yet. */
  private readonly texts = new WeakMap<object, { readonly link: string; readonly text: string }>()
  private lastRequestId = 0
  private lastNumber = 0
  private lastWrite: Asked | undefined
  private answers = 0
  private founders: readonly string[] = []
  private isFounding = false

  constructor() {
    const observer = {
      sending: (_: NodeMachine, message: unknown) => this.leaves(message as object),
      durable() {},
      dying() {},
      resumed() {},
      stepped: (machine: NodeMachine) => this.look(machine),
    }
    this.world = new World<ClusterContents>(
      {
        seed: 1,
        network,
        disk: { latencyMsMin: 1, latencyMsMax: 1 },
        tickMs: 50,
        wallErrorMs: 0,
        addressOf: (index) => (index === 0 ? "client" : `n${index}:2836`),
      },
      (machine, host, prng) => this.make(machine, host, prng),
      observer,
      new Trace(),
      (machine) => emptyDirectory(machine.disk.durable.nodeId, machine.index - 1, machine.incarnation),
    )
    this.client = this.world.addMachine(emptyDirectory("", 0, 0))
    this.world.start(this.client)
  }

  private make(machine: NodeMachine, host: Host<ClusterContents>, prng: Prng): Logic {
    const name = this.name(machine)
    const send: Host<ClusterContents>["send"] = (address, message, label) => {
      const link = `${name}>${address.replace(":2836", "")}`
      const isLost = label.startsWith("data ") && this.blocked.has(link)
      // What it has come to is told before what it says of it.
      this.look(machine)
      const text = textOf(label, message)
      if (text !== undefined) this.texts.set(message as object, { link, text })
      if (!isLost) host.send(address, message, label)
      else if (text !== undefined) this.tell(link, `${text} (lost)`)
    }
    if (machine === this.client) return new ScriptedClient({ ...host, send }, () => this.answers++)
    const note = (text: string) => {
      if (!this.isFounding && !text.startsWith("enters view")) this.say(machine, text)
    }
    const exit: Host<ClusterContents>["exit"] = (reason, restartInMs, replace) => {
      this.say(machine, `ends, ${reason}`)
      host.exit(reason, restartInMs, replace)
    }
    return new ClusterLogic(machine, { ...host, send, note, exit }, prng, {
      member: { bootstrappingPeers: this.peersOf(machine), settings: this.settings(), weight: 1, zone: "" },
      tailBytes: this.tailBytes,
      coverage: new Cuts(() => this.say(machine, "cuts what it has behind the last entry that both share")),
      onStartOver() {},
      onStranger() {},
    })
  }

  private settings(): Settings {
    return {
      replicationFactor: this.factor,
      slotCount: 1,
      sync: true,
      transient: false,
      entryBytesMax: 1024,
      leaseMs: 3_000,
      suspectMs: 1_500,
      repairGraceMs: this.repairGraceMs,
    }
  }

  private peersOf(machine: NodeMachine): string[] {
    return this.founders.filter((address) => address !== machine.address)
  }

  /** Nodes n1, n2, … that serve. */
  found(count: number): readonly NodeMachine[] {
    this.chapter(`${count} nodes found a cluster with one slot, factor ${this.factor}`)
    this.founders = Array.from({ length: count }, () => this.addNode().address)
    // How is told by the traces of membership.
    this.isFounding = true
    for (const machine of this.nodes) this.world.start(machine)
    this.until(() => this.isWhole())
    this.isFounding = false
    return this.nodes
  }

  addNode(): NodeMachine {
    const { nodes, world } = this
    const index = nodes.length
    const nodeId = String(index + 1).padStart(64, "0")
    const machine = world.addMachine(emptyDirectory(nodeId, index, 0))
    nodes.push(machine)
    return machine
  }

  // What is done to it

  /** Heads what follows; the reader's only guide, so it says what is done to the cluster. */
  chapter(text: string): void {
    this.told.clear()
    this.lines.push("", `# ${text}`)
  }

  /** A write of the client under its next number. */
  write(to: NodeMachine, op: "put" | "update", alias: string, content: string): void {
    this.lastWrite = { op, alias, content, number: ++this.lastNumber }
    this.ask(to, this.lastWrite)
  }

  /** The last write again, under its number. */
  again(to: NodeMachine): void {
    if (this.lastWrite !== undefined) this.ask(to, this.lastWrite)
  }

  get(to: NodeMachine, alias: string): void {
    this.ask(to, { op: "get", alias, content: "", number: 0 })
  }

  /** Of all aliases. */
  list(to: NodeMachine): void {
    this.ask(to, { op: "prefix_get", alias: "", content: "", number: 0 })
  }

  private ask(to: NodeMachine, what: Asked): void {
    const ask: Ask = {
      ...what,
      from: "client",
      requestId: ++this.lastRequestId,
      client: "client-number-01",
      comparand: "",
      expiresAtMs: 0,
      floor: what.number === 0 ? 0 : this.lastNumber,
      timeLeftMs: 60_000,
    }
    this.world.command(this.client, JSON.stringify({ to: to.address, ask }))
  }

  /** An operator's order, given to a voter. */
  wantFactor({ logic, clock }: NodeMachine, replicationFactor: number): void {
    if (!(logic instanceof ClusterLogic)) return
    this.factor = replicationFactor
    logic.node.order({ kind: "set", change: { replicationFactor } }, 60_000, clock.read(this.world.nowMs))
  }

  /** Lets time pass until the client has one answer more. */
  answered(): void {
    const before = this.answers
    this.until(() => this.answers > before)
  }

  /** The entry on the node's disk is another, and is read from there when it is next wanted. */
  spoil(machine: NodeMachine, alias: string, how: "unreadable" | "another"): void {
    this.until(() => machine.disk.durable.table.entries.get(alias) !== undefined)
    const { table } = machine.disk.durable
    const entry = table.entries.get(alias)
    const { logic } = machine
    if (entry === undefined || !(logic instanceof ClusterLogic)) return
    const { memory } = logic.storage
    const held = memory.entries.get(alias)
    const content = how === "another" ? Uint8Array.from([...entry.content, 33]) : entry.content
    const entries = new Map(table.entries).set(alias, { ...entry, content, isDamaged: how === "unreadable" })
    machine.disk.durable = { ...machine.disk.durable, table: { ...table, entries } }
    if (held !== undefined) memory.entries.set(alias, { ...held, content })
    memory.onDisk.add(alias)
  }

  kill(machine: NodeMachine): void {
    this.say(machine, "is killed")
    this.world.kill(machine, false, undefined)
  }

  start(machine: NodeMachine): void {
    this.say(machine, `starts again, boot ${machine.disk.durable.boot + 1}`)
    this.world.start(machine)
  }

  pass(ms: number): void {
    this.world.run(this.world.nowMs + ms)
  }

  until(holds: () => boolean, withinMs = 60_000): void {
    const endMs = this.world.nowMs + withinMs
    while (!holds()) {
      if (this.world.nowMs >= endMs)
        throw new Error(`the story does not go on:\n${this.lines.slice(-20).join("\n")}`)
      this.pass(5)
    }
  }

  // How it stands

  get primary(): NodeMachine {
    const machine = this.nodes.find((each) => this.isServedBy(each))
    if (machine === undefined) throw new Error("nobody serves")
    return machine
  }

  isServed(): boolean {
    return this.nodes.some((machine) => this.isServedBy(machine))
  }

  isServedBy(machine: NodeMachine): boolean {
    return this.slotOf(machine)?.serving === true && this.hasLease(machine)
  }

  /** Those in sync behind the primary, in the primary's view. */
  backups(): readonly NodeMachine[] {
    const { view } = (this.primary.logic as ClusterLogic).node.replication
    return (view.slots[0]?.inSync ?? []).slice(1).map((storageId) => this.holder(storageId))
  }

  private holder(storageId: string): NodeMachine {
    return this.nodes.find((machine) => machine.disk.durable.storageId === storageId) as NodeMachine
  }

  /** Everybody that runs is in one view, the slot is served and has as many replicas as it can, and nothing moves. */
  isWhole(): boolean {
    const running = this.nodes.filter((machine) => machine.logic instanceof ClusterLogic && !machine.paused)
    const views = running.map((machine) => machine.disk.durable.view)
    const [view] = views
    if (view === undefined || views.some((other) => other?.epoch !== view.epoch)) return false
    if (view.members.filter((member) => member.standing === "up").length !== running.length) return false
    const [slot] = view.slots
    if (slot === undefined || slot.learners.length > 0) return false
    const isFull = slot.inSync.length === Math.min(this.factor, running.length)
    return isFull && this.isServed()
  }

  private hasLease(machine: NodeMachine): boolean {
    const { logic } = machine
    return logic instanceof ClusterLogic && logic.mayAnswer(0, machine.clock.read(this.world.nowMs))
  }

  private slotOf(machine: NodeMachine) {
    const { logic } = machine
    return logic instanceof ClusterLogic ? logic.node.replication.slots[0] : undefined
  }

  // Telling

  private look(machine: NodeMachine): void {
    const slot = this.slotOf(machine)
    const { logic } = machine
    if (slot === undefined || !(logic instanceof ClusterLogic)) return
    let seen = this.seen.get(machine)
    if (seen?.incarnation !== machine.incarnation) {
      const { incarnation } = machine
      seen = {
        incarnation,
        committed: slot.committedSequence,
        sequence: slot.sequence,
        serves: false,
        epoch: 0,
      }
      this.seen.set(machine, seen)
      if (slot.sequence > 0)
        this.say(machine, `finds in its log: applied ${slot.committedSequence}, ends at ${slot.sequence}`)
    }
    const { view } = logic.node.replication
    if (view.epoch > seen.epoch) {
      // What it says is told once.
      const isKnown = this.viewsTold.has(view.epoch)
      this.viewsTold.add(view.epoch)
      this.say(machine, `enters ${isKnown ? `view ${view.epoch}` : viewText(view)}`)
    }
    const { wants = [], handOvers = [] } = logic.node.member?.state ?? {}
    for (const want of [...wants, ...handOvers]) {
      const text = wantText(want, view.epoch)
      if (text !== undefined) this.once(machine, text)
    }
    if (slot.sequence < 0 && seen.sequence >= 0) this.say(machine, "voids what it holds of the slot")
    else if (slot.sequence >= 0 && seen.sequence < 0)
      this.say(machine, `holds the whole state at ${slot.sequence}`)
    else if (slot.committedSequence > seen.committed)
      this.say(machine, `${slot.role === "primary" ? "commits" : "applies"} up to ${slot.committedSequence}`)
    const serves = slot.serving && this.hasLease(machine)
    if (serves !== seen.serves) this.say(machine, serves ? "serves the slot" : "serves nothing")
    Object.assign(seen, {
      committed: slot.committedSequence,
      sequence: slot.sequence,
      serves,
      epoch: view.epoch,
    })
  }

  private leaves(message: object): void {
    const said = this.texts.get(message)
    if (said !== undefined) this.tell(said.link, said.text)
  }

  private tell(link: string, text: string): void {
    const [from, to] = link.split(">")
    // What is asked or answered over and over is told once a chapter.
    const line = `${from} -> ${to} ${text}`
    if (/asks for its log|has all up to|does not fit|has nothing new/.test(line)) {
      if (this.told.has(line)) return
      this.told.add(line)
    }
    this.print(line)
  }

  private once(machine: NodeMachine, text: string): void {
    const line = `${this.name(machine)} ${text}`
    if (this.told.has(line)) return
    this.told.add(line)
    this.print(line)
  }

  private say(machine: NodeMachine, text: string): void {
    this.print(`${this.name(machine)} ${text}`)
  }

  private print(line: string): void {
    const seconds = (this.world.nowMs / 1000).toFixed(3).padStart(7)
    this.lines.push(
      `${seconds} ${line.replaceAll(":2836", "").replaceAll(/[0-9a-f]{32}/g, (id) => id.slice(0, 4))}`,
    )
  }

  private name(machine: NodeMachine): string {
    return machine.address.replace(":2836", "")
  }
}
