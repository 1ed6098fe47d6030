/**
 * One run of a cluster: nodes with the product's core, clients that talk to any of them, and the seed's faults. What the
 * clients saw goes to the linearizability checker key by key; what the nodes did was judged by the observer all along. When
 * the faults have stopped the cluster must become stable, and its replicas be the same.
 */
import { AssertionError } from "../../../src/core/lib/assert.ts"
import type { MemberOptions } from "../../../src/core/member/event.ts"
import { ClusterSecret } from "../../../src/server/link/secret.ts"
import { formatNodeId, randomNodeId } from "../../../src/core/ring/node-id.ts"
import type { Settings, View } from "../../../src/core/view/view.ts"
import { check } from "../../linearizability/check.ts"
import { never } from "../../linearizability/history.ts"
import { entryModel } from "../../linearizability/models/entry.ts"
import { report } from "../../linearizability/report.ts"
import type { Machine } from "../machine.ts"
import { type RunResult, stepsMin } from "../member/run.ts"
import { isBeyondHelp, missing } from "../member/stable.ts"
import { Trace } from "../trace.ts"
import { Checks, Coverage, Violation } from "../violation.ts"
import { World } from "../world.ts"
import { emptyDirectory, memberSide } from "./contents.ts"
import type { ClusterContents } from "./contents.ts"
import { Crowd } from "./crowd.ts"
import { ClusterFaults } from "./faults.ts"
import { ClusterLogic } from "./logic.ts"
import { ClusterObserver } from "./observer.ts"
import { Operator } from "./operator.ts"
import type { ClusterOptions } from "./options.ts"
import { corruptBackup, differences, isUnreadable } from "./replicas.ts"

export interface ClusterRunResult extends RunResult {
  readonly operations: number
}

const secret = new ClusterSecret(Uint8Array.from({ length: 32 }, (_, i) => i * 7))
/** Of so many seeds one ends with a replica that is corrupted. */
const differsEvery = 4
/** Flushes, the next comparison, two views, a copy. */
const differsMsMax = 120_000
/** A hot key's nine hundred operations once took more than a twentieth of them. */
const checkerStepsMax = 100_000_000
/** As many steps a minute as `stepsMin` is in three. A run in which less happens goes on, by so long at a time. */
const stepsPerMinuteMin = stepsMin / 3
const goOnMs = 15_000

export function runCluster(options: ClusterOptions, print?: (line: string) => void): ClusterRunResult {
  return new ClusterRun(options, print).run()
}

class ClusterRun {
  private readonly options: ClusterOptions
  private readonly checks = new Checks()
  private readonly coverage = new Coverage()
  private readonly trace: Trace
  private readonly observer: ClusterObserver
  private readonly world: World<ClusterContents>
  private readonly driver: ClusterFaults
  private readonly nodes: Machine<ClusterContents>[] = []
  private readonly crowd: Crowd
  /** Where clients ask. */
  private readonly addresses: string[] = []
  private readonly founders: string[] = []
  /** By machine: where an operator has said that the others are. */
  private readonly rewired = new Map<number, readonly string[]>()

  constructor(options: ClusterOptions, print?: (line: string) => void) {
    this.options = options
    this.trace = new Trace(print)
    this.crowd = new Crowd(options, this.checks, this.coverage, this.addresses)
    this.observer = new ClusterObserver(this.checks, this.coverage)
    const { bufferBytes = Infinity } = options.load ?? {}
    this.world = new World<ClusterContents>(
      { ...options, bufferBytes },
      (machine, host, prng) =>
        this.crowd.has(machine)
          ? this.crowd.make(machine, host, prng)
          : new ClusterLogic(machine, host, prng, {
              member: this.memberOptions(machine),
              tailBytes: options.tailBytes,
              ringBytes: options.load?.ringBytes ?? Infinity,
              coverage: this.coverage,
              ...(options.isOpen === true ? {} : { secret }),
              ...(options.load === undefined ? {} : { bounds: options.load.bounds }),
              contentBytesMax: this.contentBytesMax,
              onFrame: (isTaken, what) =>
                this.checks.that("I22", isTaken, () => `${what} is longer than a node takes`),
              isForgetful: options.isForgetful === true,
              onStranger: (outcome) => this.onStranger(outcome),
              onStartOver: () => this.observer.members.startingOver(memberSide(machine)),
            }),
      this.observer,
      this.trace,
      (machine) => emptyDirectory(machine.disk.durable.nodeId, machine.index, machine.incarnation),
    )
    this.observer.attach(this.nodes, () => this.world.nowMs)
    if (options.stranger === true) this.observer.overheard = this.crowd.overheard
    this.observer.members.listFounds = options.bootstrap === "list"
    const { ledger } = this.observer.members
    ledger.onLoss = (view) => {
      const { slots = [] } = view.losses.at(-1) ?? {}
      this.observer.lost(slots, view)
      this.crowd.lost(slots)
    }
    this.driver = new ClusterFaults(
      this.world,
      this.observer.members,
      options.faults,
      this.coverage,
      () => this.addNode(),
      this.nodes,
      new Operator(this.world, this.crowd, ledger, this.checks, this.coverage),
    )
  }

  run(): ClusterRunResult {
    const { options, world } = this
    let violation: ClusterRunResult["violation"]
    let stableAfterMs: number | undefined
    try {
      for (let i = 0; i < options.nodes; i++) this.founders.push(this.addNode().address)
      this.crowd.join(world)
      for (const machine of this.nodes)
        world.at(world.prng.between(0, options.startSpreadMs), () => world.start(machine))
      this.driver.schedule()
      world.run(options.virtualMs)
      this.goOn()
      this.driver.heal()
      stableAfterMs = this.settle()
      this.finish()
      this.judge(stableAfterMs !== undefined)
    } catch (error) {
      if (error instanceof Violation) violation = { invariant: error.invariant, text: error.message }
      else {
        const text = error instanceof Error ? String(error.stack) : String(error)
        violation = { invariant: error instanceof AssertionError ? "assertion" : "error", text }
      }
    }
    return {
      seed: options.seed,
      violation,
      traceHash: this.trace.hash(),
      steps: this.trace.steps,
      faults: this.driver.carriedOut,
      messages: world.network.sent,
      epochs: this.observer.members.ledger.newest()?.epoch ?? 0,
      operations: this.crowd.recorder.length,
      stableAfterMs,
      checks: this.checks.ran,
      coverage: this.coverage.seen,
    }
  }

  /** @returns how long it took to become stable */
  private settle(): number | undefined {
    const { options, world, observer, nodes } = this
    const { ledger } = observer.members
    const healedMs = world.nowMs
    const isFounded = nodes.some((machine) => machine.disk.durable.view !== undefined)
    for (const machine of nodes)
      if (machine.disk.durable.view === undefined && isFounded) world.kill(machine, false, 100)
    const untilMs = healedMs + options.settleMs + options.repairGraceMs
    let wrong: string[] = ["not looked at"]
    while (world.nowMs < untilMs) {
      world.run(world.nowMs + 500)
      wrong = missing(nodes.map(memberSide), ledger, world.nowMs)
      if (wrong.length > 0) continue
      for (const invariant of ["I24", "I31"]) this.checks.that(invariant, true, () => "")
      return world.nowMs - healedMs
    }
    const view = ledger.newest()
    if (view !== undefined && isUnreadable(nodes, view)) {
      this.coverage.count("beyond help: the last replica is damaged")
      return undefined
    }
    if (isBeyondHelp(nodes.map(memberSide), ledger)) {
      this.coverage.count(`beyond help: ${options.replicationFactor === 1 ? "factor 1" : "factor above 1"}`)
      return undefined
    }
    this.checks.that("I24", wrong.length === 0, () => {
      return `not stable ${(untilMs - healedMs) / 1000} s after the last fault:\n${wrong.join("\n")}\n${observer.members.summary()}`
    })
    return undefined
  }

  /** No new operations; those under way come to their end. */
  private finish(): void {
    const { world, crowd } = this
    crowd.stop()
    const untilMs = world.nowMs + 40_000
    while (world.nowMs < untilMs && !crowd.idle) world.run(world.nowMs + 250)
    this.checks.that("I22", crowd.idle, () => "an operation never ended")
    world.run(world.nowMs + 1_000)
  }

  private judge(isStable: boolean): void {
    const jumps = this.options.faults.some(
      (fault) => fault.kind === "wallJump" || fault.kind === "wallStrobe",
    )
    const model = entryModel(jumps ? never : this.options.wallErrorMs + 1)
    const history = this.crowd.history()
    let result = check(model, history, checkerStepsMax)
    const effects = result.verdict === "linearizable" ? [] : this.crowd.lostEffects()
    if (effects.length > 0) result = check(model, [...history, ...effects], checkerStepsMax)
    const isLinearizable = result.verdict === "linearizable"
    this.checks.that("linearizability", isLinearizable, () => report(model, result))
    for (const { sure, wrong } of this.crowd.scans.judge(history))
      if (sure > 0 || wrong !== undefined) this.checks.that("I25", wrong === undefined, () => wrong ?? "")
    for (const invariant of this.toldByHistories(jumps))
      this.checks.that(invariant, isLinearizable, () => "the histories say otherwise")
    if (!isStable) return
    let wrong: string[] = ["no view"]
    // What a fault had scheduled may still restart a node.
    for (let i = 0; i < 80 && wrong.length > 0; i++) {
      this.world.run(this.world.nowMs + 500)
      const view = this.observer.members.ledger.newest()
      if (view !== undefined) wrong = differences(this.nodes, view)
    }
    this.checks.that("I19", wrong.length === 0, () => wrong.join("\n"))
    this.checks.that("I19", !this.coverage.seen.has("replica differs"), () => {
      return "a replica found its copy to be another than its primary's"
    })
    if (this.options.seed % differsEvery === 0) this.judgeDiffering()
  }

  /** Invariants that show in what clients were told, where this run had occasion to break them. */
  private toldByHistories(jumps: boolean): readonly string[] {
    const { seen } = this.coverage
    return [
      ...(seen.has("duplicate request answered from memory") ? ["I13"] : []),
      ...(seen.has("takeover") ? ["I16"] : []),
      ...(seen.has("takeover") && this.options.workload.expiryPerMille > 0 ? ["I17"] : []),
      ...(seen.has("request forwarded") ? ["I21"] : []),
      ...(seen.has("definite error") ? ["I23"] : []),
      ...(jumps ? ["I27"] : []),
    ]
  }

  /** What no fault of the protocol's can bring about is done by hand, and must be found and mended. */
  private judgeDiffering(): void {
    const { world, nodes, observer } = this
    const { ledger } = observer.members
    const view = ledger.newest()
    const corrupted = view === undefined ? undefined : corruptBackup(nodes, view)
    if (corrupted === undefined) return
    let wrong: string[] = []
    const untilMs = world.nowMs + differsMsMax
    do {
      world.run(world.nowMs + 1_000)
      const present = ledger.newest() as View
      wrong = differences(nodes, present)
      const isFound = this.coverage.seen.has("replica differs")
      if (!isFound && (!corrupted.isThere() || corrupted.isEverywhere(present))) return
      // A row of the other replica had been damaged before: it keeps its place and can be copied no more.
      if (isFound && isUnreadable(nodes, present)) return
      if (!isFound) wrong.push(`nobody sees that ${corrupted.text} differs`)
      else wrong.push(...missing(nodes.map(memberSide), ledger, world.nowMs))
    } while (wrong.length > 0 && world.nowMs < untilMs)
    this.checks.that(
      "I19",
      wrong.length === 0,
      () => `a corrupted replica was not mended:\n${wrong.join("\n")}`,
    )
    this.coverage.count("differing replica copied anew")
  }

  /** Of an entry. */
  private get contentBytesMax(): number {
    return this.options.load?.large?.contentBytes ?? 1_000
  }

  private onStranger(outcome: "heard" | "refused"): void {
    this.checks.that("I26", outcome === "refused", () => "a node believes a stranger")
  }

  private addNode(): Machine<ClusterContents> {
    const { world } = this
    const index = world.machines.length
    const machine = world.addMachine(emptyDirectory("", index, 0))
    const nodeId = formatNodeId(randomNodeId(machine.prng))
    machine.disk.replace(emptyDirectory(nodeId, index, 0))
    this.nodes.push(machine)
    this.addresses.push(machine.address)
    return machine
  }

  /** Until enough has happened; no longer than it was to take. */
  private goOn(): void {
    const { virtualMs } = this.options
    const stepsWanted = (stepsPerMinuteMin * virtualMs) / 60_000
    for (let ms = virtualMs; this.trace.steps < stepsWanted && ms < 2 * virtualMs;)
      this.world.run((ms += goOnMs))
  }

  private memberOptions(machine: Machine<ClusterContents>): MemberOptions {
    const { options, founders, nodes } = this
    const joined = !founders.includes(machine.address)
    const isFounded = nodes.some((other) => other.disk.durable.view !== undefined)
    // Whoever starts again with nothing is told by its operator where the others are now: the first list may name nobody any
    // more who is in the cluster.
    const wiped = machine.incarnation > 1 && machine.disk.durable.view === undefined && isFounded
    if (wiped) {
      const { members = [] } = this.observer.members.ledger.newest() ?? {}
      this.rewired.set(
        machine.index,
        members.map(({ address }) => address),
      )
    }
    const rewired = this.rewired.get(machine.index)
    const place = nodes.indexOf(machine)
    const peers =
      options.bootstrap === "list" || joined || rewired !== undefined
        ? [...new Set([...founders, ...(rewired ?? [])])]
        : options.bootstrap === "first"
          ? founders.slice(0, place === 0 ? 0 : 1)
          : founders.slice(Math.max(0, place - 1), place)
    const settings: Settings = {
      replicationFactor: options.replicationFactor,
      slotCount: options.slotCount,
      sync: options.sync,
      transient: false,
      entryBytesMax: Math.max(1024, this.contentBytesMax),
      leaseMs: options.leaseMs,
      suspectMs: options.suspectMs,
      repairGraceMs: options.repairGraceMs,
    }
    return { bootstrappingPeers: peers, settings, weight: 1, zone: "" }
  }
}
