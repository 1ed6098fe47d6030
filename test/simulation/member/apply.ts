/** Carries out the faults of a run in its world of members. */
import type { View } from "../../../src/core/view/view.ts"
import type { Fault, Target } from "../faults.ts"
import type { SimulationOptions } from "../options.ts"
import type { Coverage } from "../violation.ts"
import type { Machine, World } from "../world.ts"
import type { MemberContents } from "./contents.ts"
import type { MemberObserver } from "./observer.ts"

type MemberMachine = Machine<MemberContents>

export class FaultDriver {
  private readonly world: World<MemberContents>
  private readonly observer: MemberObserver
  private readonly options: SimulationOptions
  private readonly coverage: Coverage
  private readonly join: () => MemberMachine
  /** From here on nothing new breaks. */
  private over = false

  constructor(
    world: World<MemberContents>,
    observer: MemberObserver,
    options: SimulationOptions,
    coverage: Coverage,
    join: () => MemberMachine,
  ) {
    this.world = world
    this.observer = observer
    this.options = options
    this.coverage = coverage
    this.join = join
  }

  schedule(): void {
    for (const fault of this.options.faults) {
      if (fault.kind === "oldCopy") this.scheduleOldCopy(fault)
      else
        this.world.at(fault.atMs, () => {
          if (this.over) return
          this.world.trace.step(this.world.nowMs, -1, `fault ${fault.kind}`, () => JSON.stringify(fault))
          this.coverage.count(`fault ${fault.kind}`)
          this.apply(fault)
        })
    }
  }

  /** Everything heals: links, clocks, disks, processes. What was wiped stays so, and who left stays away. */
  heal(): void {
    this.over = true
    const { world } = this
    world.trace.step(world.nowMs, -1, "heal")
    world.network.healAll()
    for (const machine of world.machines) {
      if (machine.paused) world.wake(machine)
      machine.pauseMidStep = false
      machine.trap = undefined
      machine.disk.slowMs = 0
      if (machine.disk.hangs) {
        machine.disk.hangs = false
        world.kill(machine, false, 100)
      }
      if (machine.restarts && !machine.running) world.start(machine)
    }
  }

  private after(inMs: number, action: () => void): void {
    this.world.at(this.world.nowMs + inMs, action)
  }

  private resolve(target: Target): MemberMachine {
    const { machines } = this.world
    const fallback = (nth: number) => machines[nth % machines.length] as MemberMachine
    if (target.role === "index") return fallback(target.index)
    const view = this.observer.ledger.newest()
    if (view === undefined) return fallback(target.nth)
    const storages = storagesOf(view, target.role)
    const storage = storages[target.nth % Math.max(1, storages.length)]
    return machines.find((machine) => machine.disk.durable.storageId === storage) ?? fallback(target.nth)
  }

  private apply(fault: Exclude<Fault, { kind: "oldCopy" }>): void {
    const { world } = this
    switch (fault.kind) {
      case "kill":
        return this.kill(this.resolve(fault.target), fault.power, fault.downMs)
      case "killMany":
        return this.killMany(fault.which, fault.power, fault.downMs, fault.spreadMs)
      case "killOnSend": {
        const { label, power, downMs, wipe } = fault
        this.resolve(fault.target).trap = { at: "send", label, power, downMs, wipe }
        return
      }
      case "killOnPersist": {
        const { when, power, downMs, wipe } = fault
        this.resolve(fault.target).trap = { at: "persist", when, power, downMs, wipe }
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
      case "pause": {
        const machine = this.resolve(fault.target)
        const { incarnation } = machine
        world.pause(machine, fault.midStep)
        this.after(fault.durationMs, () => {
          if (machine.incarnation === incarnation) world.resume(machine)
        })
        return
      }
      case "suspend": {
        const machine = this.resolve(fault.target)
        const { incarnation } = machine
        world.suspend(machine)
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
      case "isolateFromVoters": {
        const machine = this.resolve(fault.target)
        const others = all.filter((other) => other !== machine)
        this.after(fault.isolateAfterMs, () =>
          this.cut(
            others.flatMap((other) => [[machine, other] as const, [other, machine] as const]),
            fault.durationMs,
          ),
        )
        const voters = machine.disk.durable.view?.voters ?? []
        for (const voter of others.filter((other) => voters.includes(other.disk.durable.storageId)))
          this.after(world.prng.between(0, fault.afterMsMax), () => {
            if (fault.voters === "restart") this.kill(voter, false, 1)
            else if (fault.voters === "stop") this.stop(voter, fault.durationMs)
            else this.leaveForAWhile(voter)
          })
        return
      }
      case "isolate": {
        const machine = this.resolve(fault.target)
        const others = all.filter((other) => other !== machine)
        const pairs: [MemberMachine, MemberMachine][] = []
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
        const side = (machine: MemberMachine) => (fault.side >> machine.index) & 1
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
      case "wipe": {
        const machine = this.resolve(fault.target)
        if (machine.incarnation === 0 || this.observer.oldCopies.has(machine.index)) return
        this.kill(machine, true, fault.downMs)
        this.world.wipe(machine)
        return
      }
      default:
        return this.applyToTopology(fault)
    }
  }

  private applyToTopology(fault: Fault): void {
    const { world } = this
    switch (fault.kind) {
      case "stop": {
        this.stop(this.resolve(fault.target), fault.downMs)
        return
      }
      case "leave": {
        const machine = this.resolve(fault.target)
        // Who leaves before there is a cluster only keeps it from being founded.
        if (!machine.running || machine.disk.durable.view === undefined) return
        world.command(machine, "leave")
        return
      }
      case "join":
        for (let i = 0; i < fault.count; i++) world.start(this.join())
        return
      case "swapAddresses": {
        const a = this.resolve(fault.a)
        const b = this.resolve(fault.b)
        // Before there is a cluster, addresses are all that a node has to find the others by.
        if (a === b || a.disk.durable.view === undefined || b.disk.durable.view === undefined) return
        this.kill(a, false, fault.downMs)
        this.kill(b, false, fault.downMs)
        if (!a.running && !b.running) world.swapAddresses(a, b)
        return
      }
      default:
    }
  }

  /** Leaves the cluster for good; later the machine comes back with an empty directory. */
  private leaveForAWhile(machine: MemberMachine): void {
    const { world } = this
    world.command(machine, "leave")
    this.after(18_000, () => {
      if (machine.running || machine.restarts) return
      world.wipe(machine)
      machine.restarts = true
      world.start(machine)
    })
  }

  /** Stopped cleanly by a service manager, which kills what is left after ten seconds, and starts it again later. */
  private stop(machine: MemberMachine, downMs: number): void {
    const { world } = this
    world.command(machine, "stop")
    const { incarnation } = machine
    this.after(10_000, () => {
      if (machine.incarnation === incarnation) this.kill(machine, false, undefined)
      this.after(downMs, () => {
        if (machine.restarts) world.start(machine)
      })
    })
  }

  private kill(machine: MemberMachine, power: boolean, downMs: number | undefined): void {
    this.world.kill(machine, power, downMs)
  }

  private killMany(which: string, power: boolean, downMs: number, spreadMs: number): void {
    const { machines } = this.world
    const view = this.observer.ledger.newest()
    const voters = machines.filter((machine) => view?.voters.includes(machine.disk.durable.storageId))
    const victims =
      which === "all"
        ? machines
        : which === "minority"
          ? machines.slice(0, Math.floor((machines.length - 1) / 2))
          : voters.slice(0, Math.floor(voters.length / 2) + 1)
    for (const machine of victims) this.kill(machine, power, downMs + this.world.prng.between(0, spreadMs))
  }

  private cut(pairs: readonly (readonly [MemberMachine, MemberMachine])[], durationMs: number): void {
    const { network } = this.world
    for (const [a, b] of pairs) network.cut(a.index, b.index)
    this.after(durationMs, () => {
      if (this.over) return
      for (const [a, b] of pairs) network.heal(a.index, b.index)
    })
  }

  /**
   * A directory is put back from a copy. Only copies that can be told are used: the cluster has seen a later start. The
   * operator notices after a while and puts the newest directory back.
   */
  private scheduleOldCopy(fault: Extract<Fault, { kind: "oldCopy" }>): void {
    const { world, observer } = this
    world.at(Math.max(0, fault.atMs - fault.ageMs), () => {
      const machine = this.resolve(fault.target)
      const copy = machine.disk.durable
      world.at(fault.atMs, () => {
        const present = machine.disk.durable
        const seen = observer.ledger
          .newestOf(present.view?.clusterId ?? "")
          ?.members.find((member) => member.storageId === copy.storageId)
        const tells = copy.view !== undefined && seen !== undefined && seen.boot > copy.boot
        if (this.over || !tells || !machine.running || present.storageId !== copy.storageId) return
        if (observer.oldCopies.has(machine.index)) return
        world.trace.step(world.nowMs, machine.index, "fault oldCopy", () => JSON.stringify(fault))
        this.coverage.count("fault oldCopy")
        world.kill(machine, false, undefined)
        const newest = machine.disk.durable
        observer.oldCopies.add(machine.index)
        machine.disk.replace(copy)
        // Each start raises the copy's boot; so many would make it one that cannot be told.
        machine.restarts = false
        this.after(fault.downMs, () => world.start(machine))
        this.after(fault.downMs + 8_000, () => {
          machine.restarts = true
          world.kill(machine, false, undefined)
          // Boots are counted beside the directory's identity: the put-back one has run, the newest has not seen it.
          machine.disk.replace(newest)
          observer.oldCopies.delete(machine.index)
          this.after(500, () => world.start(machine))
        })
      })
    })
  }
}

function storagesOf(view: View, role: "coordinator" | "voter" | "primary" | "backup"): string[] {
  if (role === "coordinator") return view.voters.slice(0, 1)
  if (role === "voter") return [...view.voters]
  return view.slots.flatMap((slot) => (role === "primary" ? slot.inSync.slice(0, 1) : slot.inSync.slice(1)))
}
