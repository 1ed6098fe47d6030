/**
 * Carries out the faults of a run: those that befall any process, clock, link or disk. What only a certain kind of node
 * can suffer, and who plays which role, is for whoever runs that kind to say.
 */
import type { Fault, Target } from "./faults.ts"
import type { Coverage } from "./violation.ts"
import type { World } from "./world.ts"
import type { Machine } from "./machine.ts"

export abstract class FaultDriver<Contents> {
  protected readonly world: World<Contents>
  protected readonly coverage: Coverage
  /** From here on nothing new breaks. */
  protected over = false
  private heals = 0
  /** Faults that came to their time while the run was still being disturbed. */
  carriedOut = 0
  private readonly faults: readonly Fault[]

  constructor(world: World<Contents>, faults: readonly Fault[], coverage: Coverage) {
    this.world = world
    this.faults = faults
    this.coverage = coverage
  }

  protected abstract resolve(target: Target): Machine<Contents>

  /** Faults that this class does not know. */
  protected abstract applyOwn(fault: Fault): void

  schedule(): void {
    for (const fault of this.faults) this.scheduleOne(fault)
  }

  /** Once more, and not before now. @returns when the last of them has begun */
  disturbAgain(faults: readonly Fault[]): number {
    this.over = false
    const { nowMs } = this.world
    for (const fault of faults) this.scheduleOne({ ...fault, atMs: nowMs + fault.atMs })
    return faults.reduce((latest, { atMs }) => Math.max(latest, nowMs + atMs), nowMs)
  }

  protected scheduleOne(fault: Fault): void {
    this.world.at(fault.atMs, () => {
      if (this.over) return
      this.note(fault)
      this.apply(fault)
    })
  }

  /** It is about to happen. */
  protected note(fault: Fault): void {
    this.world.trace.step(this.world.nowMs, -1, `fault ${fault.kind}`, () => JSON.stringify(fault))
    this.coverage.count(`fault ${fault.kind}`)
    this.carriedOut++
  }

  /** Everything heals: links, clocks, disks, processes. What was wiped stays so, and who left stays away. */
  heal(): void {
    this.over = true
    this.heals++
    const { world } = this
    world.trace.step(world.nowMs, -1, "heal")
    world.network.healAll()
    for (const machine of world.machines) {
      if (machine.paused) world.wake(machine)
      machine.pauseMidStep = false
      machine.trap = undefined
      machine.misses = []
      machine.disk.slowMs = 0
      machine.disk.isFull = false
      world.streams.releaseAll(machine)
      if (machine.disk.hangs) {
        machine.disk.hangs = false
        world.kill(machine, false, 100)
      }
      if (machine.restarts && !machine.running) world.start(machine)
    }
  }

  protected after(inMs: number, action: () => void): void {
    this.world.at(this.world.nowMs + inMs, action)
  }

  private apply(fault: Fault): void {
    const { world } = this
    switch (fault.kind) {
      case "kill":
        return this.kill(this.resolve(fault.target), fault.power, fault.downMs)
      case "killOnSend": {
        const { label, power, downMs, wipe, isolateMs } = fault
        this.resolve(fault.target).trap = { at: "send", label, power, downMs, wipe, isolateMs }
        return
      }
      case "deafenOnSend": {
        const { label, durationMs } = fault
        const still = { power: false, downMs: 0, wipe: false }
        this.resolve(fault.target).trap = {
          at: "send",
          label,
          isolateMs: durationMs,
          speaks: true,
          ...still,
        }
        return
      }
      case "loseAnswers": {
        const machine = this.resolve(fault.target)
        machine.misses = fault.labels
        this.after(fault.durationMs, () => {
          machine.misses = []
        })
        return
      }
      case "killOnPersist": {
        const { when, power, downMs, wipe } = fault
        this.resolve(fault.target).trap = { at: "persist", when, power, downMs, wipe, isolateMs: 0 }
        return
      }
      case "restartStorm": {
        const machine = this.resolve(fault.target)
        for (let time = 0; time < fault.times; time++)
          this.after(time * fault.gapMs, () => this.kill(machine, false, Math.floor(fault.gapMs / 2)))
        return
      }
      case "rolling":
        world.machines.forEach((machine, i) =>
          this.after(i * fault.gapMs, () => this.kill(machine, false, fault.downMs)),
        )
        return
      case "pause":
        return void this.pause(this.resolve(fault.target), fault.durationMs, fault.midStep)
      case "blockLoop":
        if (this.pause(this.resolve(fault.target), fault.durationMs, true))
          this.coverage.count("event loop blocked")
        return
      case "suspend": {
        const machine = this.resolve(fault.target)
        const { incarnation } = machine
        if (!world.suspend(machine)) return
        this.after(fault.durationMs, () => {
          if (machine.incarnation === incarnation) world.wake(machine)
        })
        return
      }
      case "wallJump":
        return this.resolve(fault.target).clock.jumpWall(fault.byMs)
      case "wallStrobe": {
        const machine = this.resolve(fault.target)
        for (let time = 0; time < fault.times; time++)
          this.after(time * 200, () => machine.clock.jumpWall(time % 2 === 0 ? fault.byMs : -fault.byMs))
        return
      }
      case "drift":
        return this.resolve(fault.target).clock.setRate(fault.rate, world.nowMs)
      default:
        return this.applyToLinks(fault)
    }
  }

  private applyToLinks(fault: Fault): void {
    const { world } = this
    const all = world.machines
    switch (fault.kind) {
      case "isolate": {
        const machine = this.resolve(fault.target)
        const others = all.filter((other) => other !== machine)
        const pairs: [Machine<Contents>, Machine<Contents>][] = []
        if (fault.direction !== "in") for (const other of others) pairs.push([machine, other])
        if (fault.direction !== "out") for (const other of others) pairs.push([other, machine])
        return this.cut(pairs, fault.durationMs)
      }
      case "cut": {
        const a = this.resolve(fault.a)
        const b = this.resolve(fault.b)
        return this.cut(
          fault.oneWay
            ? [[a, b]]
            : [
                [a, b],
                [b, a],
              ],
          fault.durationMs,
        ) // oxfmt-ignore
      }
      case "halves": {
        const side = (machine: Machine<Contents>) => (fault.side >> machine.index) & 1
        return this.cut(
          all.flatMap((a) => all.filter((b) => side(a) !== side(b)).map((b) => [a, b] as const)),
          fault.durationMs,
        )
      }
      case "majorityRing": {
        // Each sees the next half of the ring: everybody sees a majority, and no two the same.
        const size = all.length
        const sees = (a: number, b: number) => {
          const distance = (b - a + size) % size
          return Math.min(distance, size - distance) * 4 <= size + 1
        }
        return this.cut(
          all.flatMap((a) => all.filter((b) => !sees(a.index, b.index)).map((b) => [a, b] as const)),
          fault.durationMs,
        )
      }
      case "degrade":
      case "degradeAll": {
        const chosen = fault.kind === "degrade" ? [this.resolve(fault.target)] : all
        const pairs = chosen.flatMap((a) =>
          all
            .filter((b) => b !== a)
            .flatMap(
              (b) =>
                [
                  [a, b],
                  [b, a],
                ] as const,
            ),
        ) // oxfmt-ignore
        for (const [a, b] of pairs) world.network.degrade(a.index, b.index, fault.quality)
        this.after(fault.durationMs, () => {
          for (const [a, b] of pairs) world.network.restore(a.index, b.index, fault.quality)
        })
        return
      }
      default:
        return this.applyToDisks(fault)
    }
  }

  private applyToDisks(fault: Fault): void {
    switch (fault.kind) {
      case "slowDisk": {
        const { disk } = this.resolve(fault.target)
        disk.slowMs = fault.latencyMs
        this.after(fault.durationMs, () => {
          disk.slowMs = 0
        })
        return
      }
      case "fullDisk": {
        const { disk } = this.resolve(fault.target)
        disk.isFull = true
        this.after(fault.durationMs, () => {
          disk.isFull = false
        })
        return
      }
      case "hangDisk": {
        const machine = this.resolve(fault.target)
        if (!machine.running) return
        machine.disk.hangs = true
        this.after(fault.durationMs, () => {
          machine.disk.hangs = false
          // What was written meanwhile is never acknowledged: somebody restarts the process in the end.
          if (machine.disk.pendingCount > 0) this.kill(machine, true, 500)
        })
        return
      }
      default:
        return this.applyOwn(fault)
    }
  }

  /** @returns false if it stands already */
  private pause(machine: Machine<Contents>, durationMs: number, midStep: boolean): boolean {
    const { world } = this
    const { incarnation } = machine
    if (!world.pause(machine, midStep)) return false
    this.after(durationMs, () => {
      if (machine.incarnation === incarnation) world.resume(machine)
    })
    return true
  }

  protected kill(machine: Machine<Contents>, power: boolean, downMs: number | undefined): void {
    this.world.kill(machine, power, downMs)
  }

  protected cut(
    pairs: readonly (readonly [Machine<Contents>, Machine<Contents>])[],
    durationMs: number,
  ): void {
    // A fault may have begun before the end, and cut only after it: nobody would heal that.
    if (this.over) return
    const { network } = this.world
    const { heals } = this
    for (const [a, b] of pairs) network.cut(a.index, b.index)
    this.after(durationMs, () => {
      // All is healed, and what is cut now is another's.
      if (this.heals !== heals) return
      for (const [a, b] of pairs) network.heal(a.index, b.index)
    })
  }
}
