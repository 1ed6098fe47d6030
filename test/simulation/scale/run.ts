/**
 * The life of a large cluster: it is founded, a tenth more nodes join, a tenth of all fail. What each step cost and moved,
 * and what the cluster costs while nothing happens.
 */
import { planAnew } from "../../../src/core/member/plan.ts"
import { planPlacement } from "../../../src/core/ring/placement.ts"
import { deltaBetween } from "../../../src/core/view/delta.ts"
import { encodeView } from "../../../src/core/view/encode.ts"
import type { SlotAssignment, StorageId, View } from "../../../src/core/view/view.ts"
import { ScaleCluster, type ScaleOptions } from "./cluster.ts"
import { decodeFrame, encodeFrame } from "./frames.ts"
import type { Heard, ScaleNode } from "./node.ts"

export interface Phase {
  readonly what: string
  readonly virtualMs: number
  readonly views: number
  readonly viewBytes: number
  readonly deltaBytesMean: number
  readonly deltaBytesMax: number
  /** Replicas copied, and the fewest that would have done. */
  readonly copied: number
  readonly copiedLeast: number
  /** Placement of the view in which it began, for the members that it ended with. */
  readonly planMs: number
  /** Per member of the ones up: the fewest and the most, and what an even share would be. */
  readonly replicas: Share
  readonly primaries: Share
}

export interface Share {
  readonly least: number
  readonly most: number
  readonly even: number
}

export interface Steady {
  readonly nodes: number
  /** Sent per node and second. */
  readonly messages: { readonly mean: number; readonly most: number }
  readonly bytes: { readonly mean: number; readonly most: number }
  /** Of a core: decoding, the machine's steps, encoding. */
  readonly voterShare: number
  readonly otherShare: number
  /** Placement where nothing is to be moved, and a look at what is wanted. */
  readonly planMs: number
  readonly lookMs: number
}

export interface ScaleReport {
  readonly phases: readonly Phase[]
  readonly steady: Steady
  /** How long after the failures none of the failed was counted as up. */
  readonly evictedAfterMs: number
}

const phaseMsMax = 900_000
const steadyMs = 10_000

export function runScale(options: ScaleOptions): ScaleReport {
  const cluster = new ScaleCluster(options)
  const { nodes } = options
  const phases = [
    phase(cluster, "bootstrap", () => {
      cluster.found()
      return nodes
    }),
  ]
  const steady = measureSteady(cluster)
  const tenth = Math.ceil(nodes / 10)
  phases.push(
    phase(cluster, `${tenth} join`, () => {
      cluster.join(tenth)
      return nodes + tenth
    }),
  )
  let evictedAfterMs = 0
  phases.push(
    phase(cluster, `${tenth} fail`, (stages) => {
      evictedAfterMs = failInWaves(cluster, tenth, stages)
      return nodes
    }),
  )
  return { phases, steady, evictedAfterMs }
}

/**
 * As many at a time as may fail without that all copies of a slot are gone. Until they are evicted, the slots that they led
 * are led by nobody.
 * @param stages takes the view between one wave and the next
 * @returns the longest that an eviction took
 */
function failInWaves(cluster: ScaleCluster, count: number, stages: View[]): number {
  let longestMs = 0
  for (let left = count; left > 0;) {
    const view = cluster.newest as View
    const victims = victimsOf(view, left)
    for (const machine of cluster.world.machines)
      if (victims.has(machine.disk.durable.storageId)) cluster.world.kill(machine, false, undefined)
    const up = upOf(view).length - victims.size
    const evictionMs = cluster.until("an eviction", 60_000, (now) => upOf(now).length === up)
    longestMs = Math.max(longestMs, evictionMs)
    left -= victims.size
    if (left === 0) break
    cluster.until("a repair", phaseMsMax, isSettled)
    stages.push(cluster.newest as View)
  }
  return longestMs
}

/**
 * @param begin what changes; returns how many members are to be up in the end. Where it changes in stages it tells the views
 *   between them: who fails in the second stage may have been given copies in the first, which nobody can know before
 */
function phase(cluster: ScaleCluster, what: string, begin: (stages: View[]) => number): Phase {
  const before = cluster.newest
  cluster.history.length = 0
  const startedMs = cluster.world.nowMs
  const between: View[] = []
  const up = begin(between)
  cluster.until(what, phaseMsMax, (view) => upOf(view).length === up && isSettled(view))
  const views = before === undefined ? [...cluster.history] : [before, ...cluster.history]
  const first = views[0] as View
  const last = views[views.length - 1] as View
  const stages = [...between, last]
  let copied = 0
  const deltas: number[] = []
  for (let i = 1; i < views.length; i++) {
    const [view, next] = [views[i - 1] as View, views[i] as View]
    copied += copiesBetween(view, next)
    if (next.epoch === view.epoch + 1) deltas.push(deltaSize(view, next))
  }
  return {
    what,
    virtualMs: cluster.world.nowMs - startedMs,
    views: views.length - 1,
    viewBytes: encodeView(last).length,
    deltaBytesMean: deltas.reduce((sum, bytes) => sum + bytes, 0) / deltas.length,
    deltaBytesMax: Math.max(...deltas),
    copied,
    copiedLeast: stages.reduce(
      (sum, view, i) => sum + leastCopies(i === 0 ? first : (stages[i - 1] as View), view),
      0,
    ),
    planMs: timePlacement(first, last),
    replicas: shareOf(last, ({ inSync }) => inSync),
    primaries: shareOf(last, ({ inSync }) => inSync.slice(0, 1)),
  }
}

const upOf = (view: View) => view.members.filter((member) => member.standing === "up")

/** Every slot has as many in-sync replicas as wanted, nothing is under way, and the planner would leave it so. */
function isSettled(view: View): boolean {
  const up = new Set(upOf(view).map((member) => member.storageId))
  const replicas = Math.min(view.settings.replicationFactor, up.size)
  const isWhole = ({ inSync, learners }: SlotAssignment) =>
    learners.length === 0 && inSync.length === replicas && inSync.every((storageId) => up.has(storageId))
  if (!view.slots.every(isWhole)) return false
  const target = place(view, up)
  return view.slots.every(({ inSync }, slot) => {
    const wanted = target[slot] as readonly string[]
    return wanted[0] === inSync[0] && wanted.every((storageId) => inSync.includes(storageId))
  })
}

function place(view: View, up: ReadonlySet<StorageId>): string[][] {
  const members = view.members
    .filter((member) => up.has(member.storageId))
    .map(({ storageId, weight, zone }) => ({ id: storageId, weight, host: "", zone }))
  return planPlacement(
    members,
    view.slots.map(({ inSync, learners }) => [...inSync, ...learners]),
    view.settings.replicationFactor,
  )
}

function copiesBetween(view: View, next: View): number {
  let copies = 0
  next.slots.forEach((assignment, slot) => {
    const before = view.slots[slot]
    if (before === assignment || before === undefined) return
    for (const storageId of assignment.inSync) if (!before.inSync.includes(storageId)) copies++
  })
  return copies
}

/** Whoever holds more in the end than in the beginning must have been sent the difference. */
function leastCopies(first: View, last: View): number {
  const held = new Map<StorageId, number>()
  for (const { inSync } of first.slots)
    for (const storageId of inSync) held.set(storageId, (held.get(storageId) ?? 0) - 1)
  for (const { inSync } of last.slots)
    for (const storageId of inSync) held.set(storageId, (held.get(storageId) ?? 0) + 1)
  return [...held.values()].reduce((sum, more) => sum + Math.max(0, more), 0)
}

function deltaSize(view: View, next: View): number {
  const from = { nodeId: "", storageId: "", boot: 1, address: "" }
  const deltas = [deltaBetween(view, next)]
  return encodeFrame({ clusterId: "", from, to: "", epoch: 0, body: { kind: "deltas", deltas } }).length
}

function shareOf(view: View, holders: (assignment: SlotAssignment) => readonly StorageId[]): Share {
  const counts = new Map<StorageId, number>(upOf(view).map((member) => [member.storageId, 0]))
  let sum = 0
  for (const assignment of view.slots) {
    for (const storageId of holders(assignment)) {
      counts.set(storageId, (counts.get(storageId) ?? 0) + 1)
      sum++
    }
  }
  const values = [...counts.values()]
  return { least: Math.min(...values), most: Math.max(...values), even: sum / values.length }
}

/** Voters among them, but a minority; of each slot one holder at most, so that a replica of everything is left. */
function victimsOf(view: View, count: number): Set<StorageId> {
  const victims = new Set<StorageId>()
  const spared = new Set<StorageId>(view.voters.slice(Math.floor((view.voters.length - 1) / 2)))
  const holdersOf = new Map<StorageId, StorageId[]>()
  for (const { inSync } of view.slots)
    for (const storageId of inSync) holdersOf.set(storageId, [...(holdersOf.get(storageId) ?? []), ...inSync])
  for (const { storageId } of upOf(view)) {
    if (victims.size === count) break
    if (spared.has(storageId)) continue
    victims.add(storageId)
    for (const other of holdersOf.get(storageId) ?? []) if (other !== storageId) spared.add(other)
  }
  return victims
}

// What it costs while nothing happens

function measureSteady(cluster: ScaleCluster): Steady {
  const view = cluster.newest as View
  const voter = cluster.nodeOf(view.voters[0] as StorageId)
  const other = cluster.nodeOf(
    view.members.find((member) => !view.voters.includes(member.storageId))?.storageId ??
      (view.voters[0] as StorageId),
  )
  // What the last change left under way is not steady.
  cluster.world.run(cluster.world.nowMs + 2_000)
  voter.recording = []
  other.recording = []
  cluster.count()
  cluster.world.run(cluster.world.nowMs + steadyMs)
  const [messages, bytes] = [cluster.messages ?? [], cluster.bytes ?? []]
  cluster.messages = undefined
  cluster.bytes = undefined
  if (cluster.newest !== view) throw new Error("nothing was to happen, and a view was decided")
  const perSecond = (counts: ArrayLike<number>) => {
    const values = Array.from(counts, (sum) => (sum / steadyMs) * 1_000)
    return { mean: values.reduce((a, b) => a + b, 0) / values.length, most: Math.max(...values) }
  }
  const steady = {
    nodes: view.members.length,
    messages: perSecond(messages),
    bytes: perSecond(bytes),
    planMs: timePlacement(view, view),
    lookMs: timeLook(view, voter),
    voterShare: shareOfCore(voter),
    otherShare: shareOfCore(other),
  }
  return steady
}

/**
 * The share of a core that the node's work takes, by doing it again: what it heard in the interval is decoded, handled at
 * the same distances in time, and its answers are encoded. The least of three rounds, so that what else runs counts little.
 */
function shareOfCore(node: ScaleNode): number {
  const heard = node.recording ?? []
  node.recording = undefined
  const frames = heard.map(({ event }) => (event.kind === "message" ? encodeFrame(event.message) : undefined))
  let least = Infinity
  for (let round = 1; round <= 3; round++) {
    const began = process.cpuUsage()
    heard.forEach(({ event, now }, i) => replay(node, event, frames[i], now, round * steadyMs))
    const { user, system } = process.cpuUsage(began)
    least = Math.min(least, (user + system) / 1_000 / steadyMs)
  }
  return least
}

function replay(
  node: ScaleNode,
  event: Heard["event"],
  frame: Uint8Array | undefined,
  now: Heard["now"],
  laterMs: number,
): void {
  const later = { monotonicMs: now.monotonicMs + laterMs, wallMs: now.wallMs + laterMs }
  const again = frame === undefined ? event : ({ kind: "message", message: decodeFrame(frame) } as const)
  for (const effect of node.member.step(again, later)) if (effect.kind === "send") encodeFrame(effect.message)
}

function leastMs(rounds: number, action: () => void): number {
  let least = Infinity
  for (let round = 0; round < rounds; round++) {
    const began = process.cpuUsage()
    action()
    const { user, system } = process.cpuUsage(began)
    least = Math.min(least, (user + system) / 1_000)
  }
  return least
}

function timePlacement(first: View, last: View): number {
  const up = new Set(upOf(last).map((member) => member.storageId))
  return leastMs(5, () => place({ ...first, members: last.members }, up))
}

function timeLook(view: View, { member }: ScaleNode): number {
  const now = member.seat === undefined ? 0 : member.roll.state.listenUntilMs
  const situation = {
    now: { monotonicMs: now, wallMs: 0 },
    report: (storageId: StorageId) => member.roll.report(view, storageId, { monotonicMs: now, wallMs: 0 }),
    mayEvict: () => false,
    joiners: [],
    orders: [],
    mayRepair: true,
  }
  // As where not all is quiet: else it is done once a view.
  planAnew(view, situation)
  return leastMs(20, () => planAnew(view, situation))
}
