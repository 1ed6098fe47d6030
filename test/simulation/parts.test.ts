import { describe, expect, it } from "vitest"
import { Prng } from "../../src/core/lib/prng.ts"
import { MachineClock, rateMax, rateMin } from "./clock.ts"
import { Disk } from "./disk.ts"
import { drawFaults } from "./faults.ts"
import { EventHeap } from "./heap.ts"
import { minimise } from "./minimise.ts"
import { Network } from "./network.ts"
import { drawOptions } from "./options.ts"
import type { SimulationOptions } from "./options.ts"
import type { RunResult } from "./member/run.ts"
import { Trace } from "./trace.ts"

describe("heap", () => {
  it("gives items by time, and equal times in the order in which they came", () => {
    const prng = new Prng(3)
    const heap = new EventHeap<{ readonly atMs: number; readonly order: number }>()
    let left: { readonly atMs: number; readonly order: number }[] = []
    for (let order = 0; order < 20_000; order++) {
      if (prng.chance(2, 3) || left.length === 0) {
        const item = { atMs: prng.below(500), order }
        heap.push(item.atMs, item)
        left.push(item)
      } else {
        const first = left.reduce((a, b) =>
          b.atMs < a.atMs || (b.atMs === a.atMs && b.order < a.order) ? b : a,
        )
        expect(heap.nextMs).toBe(first.atMs)
        expect(heap.pop()).toBe(first)
        left = left.filter((item) => item !== first)
        if (left.length > 300) break
      }
    }
    const sorted = left.toSorted((a, b) => a.atMs - b.atMs || a.order - b.order)
    expect(sorted.map(() => heap.pop())).toEqual(sorted)
    expect(heap.pop()).toBeUndefined()
    expect(heap.nextMs).toBe(Number.POSITIVE_INFINITY)
  })
})

describe("clock", () => {
  it("runs at its rate, stands still in sleep, and jumps only on the wall", () => {
    const clock = new MachineClock(1.04, 1_000, 500)
    expect(clock.read(100)).toEqual({ monotonicMs: 1_104, wallMs: 600 })
    clock.suspend(100)
    expect(clock.read(900)).toEqual({ monotonicMs: 1_104, wallMs: 1_400 })
    clock.resume(900)
    clock.setRate(0.96, 900)
    expect(clock.monotonicAt(1_000)).toBeCloseTo(1_200)
    clock.jumpWall(-3_600_000)
    expect(clock.read(1_000).monotonicMs).toBeCloseTo(1_200)
    expect(clock.realDuration(96)).toBeCloseTo(100)
    clock.reboot(2_000, 7)
    expect(clock.monotonicAt(2_000)).toBe(7)
  })

  it("two machines differ by ten per cent at most", () => {
    expect(rateMax / rateMin).toBeCloseTo(1.1)
    expect(() => new MachineClock(1, 0, 0).setRate(1.06, 0)).toThrow("margin")
  })
})

describe("disk", () => {
  const timing = { latencyMsMin: 1, latencyMsMax: 9 }
  const append = (item: string) => (contents: readonly string[]) => [...contents, item]
  const pendingDisk = (seed: number) => {
    const disk = new Disk<readonly string[]>([], timing, new Prng(seed))
    ;["a", "b", "c", "d"].forEach((item, token) => disk.persist(token, append(item), 0))
    return disk
  }

  it("makes writes durable in their order, not before they are acknowledged", () => {
    const disk = pendingDisk(1)
    expect(disk.durable).toEqual([])
    disk.complete(0)
    disk.complete(1)
    expect(disk.durable).toEqual(["a", "b"])
    expect(() => disk.complete(3)).toThrow("order")
  })

  it("acknowledges in order of time", () => {
    const disk = new Disk<readonly string[]>([], timing, new Prng(5))
    const times = Array.from({ length: 50 }, (_, token) => disk.persist(token, append("x"), token))
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    disk.slowMs = 500
    expect(disk.persist(50, append("x"), 100)).toBeGreaterThan(600)
    disk.hangs = true
    expect(disk.persist(51, append("x"), 200)).toBe(Number.POSITIVE_INFINITY)
  })

  it("keeps what was written when the process dies, and any prefix of it when the power does", () => {
    const killed = pendingDisk(1)
    killed.lose(false, 0)
    expect(killed.durable).toEqual(["a", "b", "c", "d"])
    const kept = new Set<number>()
    for (let seed = 0; seed < 100; seed++) {
      const disk = pendingDisk(seed)
      disk.complete(0)
      disk.lose(true, 0)
      expect(["a", "b", "c", "d"].slice(0, disk.durable.length)).toEqual(disk.durable)
      kept.add(disk.durable.length)
    }
    expect([...kept].toSorted()).toEqual([1, 2, 3, 4])
  })
})

describe("network", () => {
  const quality = {
    delayMsMin: 1,
    delayMsMax: 20,
    lossPerMille: 100,
    duplicatePerMille: 100,
    latePerMille: 50,
    lateMsMax: 60_000,
    reorders: true,
  }
  it("loses, doubles, reorders and delays about as often as it is told", () => {
    const network = new Network(quality, 1)
    let lost = 0
    let doubled = 0
    let late = 0
    let overtaken = 0
    let lastMs = 0
    for (let i = 0; i < 10_000; i++) {
      network.send(0, 1, i)
      if (network.arrivalMs === Number.POSITIVE_INFINITY) lost++
      else if (network.arrivalMs > i + 20) late++
      else if (network.arrivalMs < lastMs) overtaken++
      else lastMs = network.arrivalMs
      if (network.copyMs !== Number.POSITIVE_INFINITY) doubled++
    }
    expect(lost).toBeGreaterThan(900)
    expect(lost).toBeLessThan(1_100)
    expect(doubled).toBeGreaterThan(750)
    expect(late).toBeGreaterThan(350)
    expect(overtaken).toBeGreaterThan(1_000)
  })

  it("keeps the order where it does not reorder", () => {
    const network = new Network({ ...quality, reorders: false, latePerMille: 0, lossPerMille: 0 }, 1)
    let lastMs = 0
    for (let i = 0; i < 1_000; i++) {
      network.send(0, 1, i)
      expect(network.arrivalMs).toBeGreaterThanOrEqual(lastMs)
      lastMs = network.arrivalMs
    }
  })

  it("cuts one way, as often as it was cut, and heals", () => {
    const network = new Network({ ...quality, lossPerMille: 0 }, 1)
    network.cut(0, 1)
    network.cut(0, 1)
    network.heal(0, 1)
    network.send(0, 1, 0)
    expect(network.arrivalMs).toBe(Number.POSITIVE_INFINITY)
    network.send(1, 0, 0)
    expect(network.arrivalMs).toBeLessThan(Number.POSITIVE_INFINITY)
    network.healAll()
    network.send(0, 1, 0)
    expect(network.arrivalMs).toBeLessThan(Number.POSITIVE_INFINITY)
  })

  it("what happens on one link does not change another", () => {
    const alone = new Network(quality, 1)
    const busy = new Network(quality, 1)
    for (let i = 0; i < 100; i++) {
      for (let j = 0; j < 5; j++) busy.send(1, 2, i)
      busy.send(0, 1, i)
      alone.send(0, 1, i)
      expect(busy.arrivalMs).toBe(alone.arrivalMs)
    }
  })
})

describe("options", () => {
  it("come from the seed alone, with at least ten faults", () => {
    for (let seed = 0; seed < 300; seed++) {
      const options = drawOptions(seed, 3)
      expect(drawOptions(seed, 3)).toEqual(options)
      expect(options.faults.length).toBeGreaterThan(10)
      expect(options.nodes).toBeGreaterThanOrEqual(3)
      expect(options.nodes).toBeLessThanOrEqual(7)
      const times = options.faults.map((fault) => fault.atMs)
      expect(times).toEqual(times.toSorted((a, b) => a - b))
      expect(JSON.parse(JSON.stringify(options))).toEqual(options)
    }
  })

  it("every kind of fault is drawn", () => {
    const kinds = new Set<string>()
    for (let seed = 0; seed < 300; seed++)
      for (const fault of drawFaults(new Prng(seed), { virtualMs: 180_000, nodes: 5, leaseMs: 3_000 }))
        kinds.add(fault.kind)
    expect(kinds.size).toBe(26)
  })
})

describe("trace", () => {
  it("differs where anything differs", () => {
    const hash = (steps: [number, number, string][]) => {
      const trace = new Trace()
      for (const step of steps) trace.step(...step)
      return trace.hash()
    }
    const base = hash([
      [1, 0, "tick"],
      [2, 1, "view"],
    ]) // oxfmt-ignore
    expect(
      hash([
        [1, 0, "tick"],
        [2, 1, "view"],
      ]),
    ).toBe(base) // oxfmt-ignore
    expect(
      hash([
        [1, 0, "tick"],
        [2.000001, 1, "view"],
      ]),
    ).not.toBe(base) // oxfmt-ignore
    expect(
      hash([
        [1, 0, "tick"],
        [2, 2, "view"],
      ]),
    ).not.toBe(base) // oxfmt-ignore
    expect(
      hash([
        [2, 1, "view"],
        [1, 0, "tick"],
      ]),
    ).not.toBe(base) // oxfmt-ignore
  })
})

describe("minimising", () => {
  it("leaves the faults that are needed", () => {
    const options = drawOptions(4, 3)
    const needed = [options.faults[2], options.faults[9]]
    const run = (tried: SimulationOptions) =>
      ({
        violation: needed.every((fault) => tried.faults.includes(fault!))
          ? { invariant: "I1", text: "two" }
          : undefined,
      }) as RunResult
    const small = minimise(options, run(options), run)
    expect(small.options.faults).toEqual(needed)
    expect(small.runs).toBeLessThan(60)
  })
})
