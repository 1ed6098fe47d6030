/**
 * The arithmetic of failures of `docs/cluster.md`, row by row: so many nodes of a cluster die at the same instant, every choice of
 * them, and are gone, or come back with their disks or without. The product's nodes on simulated time, networks and disks.
 */
import { describe, expect, it } from "vitest"
import { forcedView } from "../../src/core/view/forced.ts"
import type { ClusterLogic } from "../simulation/cluster/logic.ts"
import { type NodeMachine, ReplicationStory } from "./replication-story.ts"

/** After which every slot is to be served again. */
const servedMsMax = 10_000
const patienceMs = 30_000

function found(nodes: number, factor: number): ReplicationStory {
  const story = new ReplicationStory()
  story.factor = factor
  // Nobody takes copies meanwhile: what is survived is survived by what was there.
  story.repairGraceMs = 600_000
  story.found(nodes)
  story.write(story.primary, "put", "a", "kept")
  story.answered()
  story.pass(1_000)
  return story
}

/** Each choice of `count` of the items. */
function choices<T>(items: readonly T[], count: number): T[][] {
  if (count === 0) return [[]]
  return items.flatMap((item, i) => choices(items.slice(i + 1), count - 1).map((rest) => [item, ...rest]))
}

function voters(story: ReplicationStory): string[] {
  const { view } = (story.primary.logic as ClusterLogic).node.replication
  return view.voters.map(
    (storageId) => story.nodes.find((each) => each.disk.durable.storageId === storageId)?.address ?? "",
  )
}

const inSync = (story: ReplicationStory) => [story.primary, ...story.backups()]

/** What `qdbd recover-quorum` does to a stopped node's directory. */
function decideAlone({ disk }: NodeMachine, random = 1_234_567): void {
  const { view, storageId, boot } = disk.durable
  const forced = view === undefined ? "no_member" : forcedView(view, storageId, boot, random)
  if (typeof forced === "string") throw new Error(forced)
  disk.durable = { ...disk.durable, view: forced }
}

/** Whoever is asked, the entry is there. */
function expectKept(story: ReplicationStory): void {
  story.until(() => story.isServed(), servedMsMax)
  for (const machine of story.nodes.filter(({ logic }) => logic !== undefined)) {
    story.get(machine, "a")
    story.answered()
    expect(story.lines.findLast((line) => line.includes("-> client"))).toContain("kept")
  }
}

function expectUnserved(story: ReplicationStory): void {
  story.pass(patienceMs)
  expect(story.isServed()).toBe(false)
}

function each(
  nodes: number,
  factor: number,
  count: number,
  then: (story: ReplicationStory, dead: NodeMachine[]) => void,
) {
  const places = Array.from({ length: nodes }, (_, i) => i)
  for (const chosen of choices(places, count)) {
    const story = found(nodes, factor)
    const dead = chosen.map((i) => story.nodes[i] as NodeMachine)
    then(story, dead)
  }
}

describe("crashes survived at once, serving", () => {
  it.each([
    [3, 2, 1],
    [3, 3, 1],
    [5, 2, 1],
    [5, 3, 2],
  ])("%i nodes, factor %i: any %i", (nodes, factor, count) => {
    each(nodes, factor, count, (story, dead) => {
      for (const machine of dead) story.kill(machine)
      expectKept(story)
    })
  })

  it.each([
    [1, 1, 1],
    [3, 2, 2],
    [3, 3, 2],
    [5, 2, 3],
    [5, 3, 3],
  ])("%i nodes, factor %i: no %i; all is there when they are back", (nodes, factor, count) => {
    each(nodes, factor, count, (story, dead) => {
      for (const machine of dead) story.kill(machine)
      expectUnserved(story)
      for (const machine of dead) story.start(machine)
      expectKept(story)
    })
  })

  it("2 nodes, factor 2: the one that does not vote", () => {
    each(2, 2, 1, (story, dead) => {
      const isVoter = voters(story).includes((dead[0] as NodeMachine).address)
      for (const machine of dead) story.kill(machine)
      if (!isVoter) return expectKept(story)
      expectUnserved(story)
      for (const machine of dead) story.start(machine)
      expectKept(story)
    })
  })

  it("5 nodes, factor 2: 2 for slots that not both hold; else all is there when one is back", () => {
    each(5, 2, 2, (story, dead) => {
      const shared = inSync(story).every((machine) => dead.includes(machine))
      for (const machine of dead) story.kill(machine)
      if (!shared) return expectKept(story)
      expectUnserved(story)
      story.start(dead[0] as NodeMachine)
      expectKept(story)
    })
  })
})

describe("crashes of all at once, with a power failure", () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [3, 3],
    [5, 2],
    [5, 3],
  ])("%i nodes, factor %i: all is there when they are back", (nodes, factor) => {
    each(nodes, factor, nodes, (story, dead) => {
      for (const machine of dead) story.world.kill(machine, true, undefined)
      for (const machine of dead) story.start(machine)
      story.pass(patienceMs)
      expectKept(story)
    })
  })
})

describe("disks lost at once", () => {
  const loseDisks = (story: ReplicationStory, dead: NodeMachine[]) => {
    for (const machine of dead) story.kill(machine)
    for (const machine of dead) story.world.wipe(machine)
    for (const machine of dead) story.start(machine)
    story.pass(patienceMs)
  }

  it.each([
    [3, 2, 1],
    [3, 3, 1],
    [5, 2, 1],
    [5, 3, 2],
  ])("%i nodes, factor %i: any %i, and nothing is lost", (nodes, factor, count) => {
    each(nodes, factor, count, (story, dead) => {
      loseDisks(story, dead)
      expectKept(story)
    })
  })

  it("2 nodes, factor 2: that of the one that does not vote", () => {
    each(2, 2, 1, (story, dead) => {
      const isVoter = voters(story).includes((dead[0] as NodeMachine).address)
      loseDisks(story, dead)
      if (isVoter) expect(story.isServed()).toBe(false)
      else expectKept(story)
    })
  })

  it("5 nodes, factor 2: 2 for slots that not both hold; nothing empty takes the place of others", () => {
    each(5, 2, 2, (story, dead) => {
      const shared = inSync(story).every((machine) => dead.includes(machine))
      loseDisks(story, dead)
      if (shared) expect(story.isServed()).toBe(false)
      else expectKept(story)
    })
  })

  it.each([
    [2, 2, 1],
    [3, 3, 2],
    [5, 2, 3],
    [5, 3, 3],
  ])(
    "%i nodes, factor %i: %i, a majority of the voters: one of the others decides alone when it is told to",
    (nodes, factor, count) => {
      each(nodes, factor, count, (story, dead) => {
        const replicas = inSync(story)
        const isMajority =
          voters(story).filter((voter) => dead.some(({ address }) => address === voter)).length * 2 >
          voters(story).length
        loseDisks(story, dead)
        if (!isMajority) return expectKept(story)
        expect(story.isServed()).toBe(false)
        const [first] = story.nodes.filter((machine) => !dead.includes(machine)) as [NodeMachine]
        story.kill(first)
        decideAlone(first)
        story.start(first)
        if (replicas.some((machine) => !dead.includes(machine))) {
          story.until(() => story.isWhole(), 120_000)
          return expectKept(story)
        }
        // What only lost disks held is not given up by that: nothing empty takes its place.
        expectUnserved(story)
      })
    },
  )

  it("a node decides alone against the rule: it and the others go on as one, and not with what the others acknowledged", () => {
    const story = found(3, 3)
    const [left, ...others] = story.nodes as [NodeMachine, NodeMachine, NodeMachine]
    story.kill(left)
    story.until(() => story.isServed(), servedMsMax)
    story.write(story.primary, "update", "a", "dropped")
    story.answered()
    for (const machine of others) story.kill(machine)
    decideAlone(left)
    story.start(left)
    story.until(() => story.isServed(), 60_000)
    for (const machine of others) story.start(machine)
    story.until(() => story.isWhole(), 120_000)
    expectKept(story)
  })

  it("two nodes decide alone against the rule: one follows the other", () => {
    const story = found(3, 3)
    const [first, second, third] = story.nodes as [NodeMachine, NodeMachine, NodeMachine]
    for (const machine of story.nodes) story.kill(machine)
    story.world.wipe(third)
    decideAlone(first, 5)
    decideAlone(second, 500_000)
    // The second's view is the later one.
    story.start(first)
    story.until(() => story.isServedBy(first), 60_000)
    story.write(first, "update", "a", "dropped")
    story.answered()
    story.start(second)
    story.start(third)
    story.until(() => story.isWhole(), 120_000)
    expectKept(story)
  })
})
