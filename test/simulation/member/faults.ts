/** Faults of members: roles in the newest view, leaving and joining, wiped and outdated directories. */
import { isMajority, type View } from "../../../src/core/view/view.ts"
import { FaultDriver } from "../fault-driver.ts"
import type { Fault, Target } from "../faults.ts"
import type { Coverage } from "../violation.ts"
import type { World } from "../world.ts"
import type { Machine } from "../machine.ts"
import type { MemberContents } from "./contents.ts"
import type { MemberObserver } from "./observer.ts"

type MemberMachine = Machine<MemberContents>

export class MemberFaults extends FaultDriver<MemberContents> {
  /** By machine: an address of another cluster that its list of peers has come to name. */
  readonly wrongPeers = new Map<number, string>()
  /**
   * Machines that were told to leave, or are ordered out. Of these no directory is put back from a copy: once the view does not name
   * the storage any more, nothing tells the copy from somebody who has left and comes again, so it is rightly taken in.
   */
  protected readonly leavers = new Set<number>()
  protected readonly observer: MemberObserver
  private readonly join: () => MemberMachine

  constructor(
    world: World<MemberContents>,
    observer: MemberObserver,
    faults: readonly Fault[],
    coverage: Coverage,
    join: () => MemberMachine,
  ) {
    super(world, faults, coverage)
    this.observer = observer
    this.join = join
  }

  protected override scheduleOne(fault: Fault): void {
    if (fault.kind === "oldCopy") this.scheduleOldCopy(fault)
    else super.scheduleOne(fault)
  }

  protected override resolve(target: Target): MemberMachine {
    const { machines } = this.world
    const fallback = (nth: number) => machines[nth % machines.length] as MemberMachine
    if (target.role === "index") return fallback(target.index)
    const view = this.observer.ledger.newest()
    if (view === undefined) return fallback(target.nth)
    const storages = storagesOf(view, target.role)
    const storage = storages[target.nth % Math.max(1, storages.length)]
    return machines.find((machine) => machine.disk.durable.storageId === storage) ?? fallback(target.nth)
  }

  protected override applyOwn(fault: Fault): void {
    const { world } = this
    const all = world.machines
    switch (fault.kind) {
      case "killMany":
        return this.killMany(fault.which, fault.power, fault.downMs, fault.spreadMs)
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
      case "wipe": {
        const machine = this.resolve(fault.target)
        if (machine.incarnation === 0 || this.observer.oldCopies.has(machine.index)) return
        // One of so few voters takes the cluster with it, and may found another.
        const { view } = machine.disk.durable
        if (
          view !== undefined &&
          view.voters.length < 3 &&
          view.voters.includes(machine.disk.durable.storageId)
        )
          return
        this.kill(machine, true, fault.downMs)
        this.world.wipe(machine)
        return
      }
      case "stop": {
        this.stop(this.resolve(fault.target), fault.downMs)
        return
      }
      case "leave": {
        const machine = this.resolve(fault.target)
        // Who leaves before there is a cluster only keeps it from being founded.
        if (!machine.running || machine.disk.durable.view === undefined) return
        this.leave(machine)
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
        // Two clusters at each other's addresses: who joins then joins the wrong one, and nobody could know.
        if (a.disk.durable.view.clusterId !== b.disk.durable.view.clusterId) return
        this.kill(a, false, fault.downMs)
        this.kill(b, false, fault.downMs)
        if (!a.running && !b.running) world.swapAddresses(a, b)
        return
      }
      case "wrongPeer": {
        const machine = this.resolve(fault.target)
        const peer = this.resolve(fault.peer)
        const [own, other] = [machine.disk.durable.view, peer.disk.durable.view]
        if (own === undefined || other === undefined || own.clusterId === other.clusterId) return
        this.wrongPeers.set(machine.index, peer.address)
        this.kill(machine, false, fault.downMs)
        return
      }
      default:
    }
  }

  private leave(machine: MemberMachine): void {
    if (this.observer.oldCopies.has(machine.index)) return
    this.leavers.add(machine.index)
    this.world.command(machine, "leave")
  }

  /** Leaves the cluster for good; later the machine comes back with an empty directory. */
  private leaveForAWhile(machine: MemberMachine): void {
    const { world } = this
    this.leave(machine)
    this.after(18_000, () => {
      if (machine.running || machine.restarts || this.observer.oldCopies.has(machine.index)) return
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

  /**
   * A directory is put back from a copy. Only copies that can be told are used. The operator notices after a while and puts the
   * newest directory back.
   */
  private scheduleOldCopy(fault: Extract<Fault, { kind: "oldCopy" }>): void {
    const { world, observer } = this
    world.at(Math.max(0, fault.atMs - fault.ageMs), () => {
      const machine = this.resolve(fault.target)
      if (this.over || observer.oldCopies.has(machine.index)) return
      // Stopped for it, as one should; so the cluster is soon to see a later start.
      this.kill(machine, false, 100)
      const copy = machine.disk.durable
      world.at(fault.atMs, () => {
        const present = machine.disk.durable
        if (this.over || !machine.running || present.storageId !== copy.storageId) return
        if (!this.canBeTold(copy)) return
        if (observer.oldCopies.has(machine.index) || this.leavers.has(machine.index)) return
        this.note(fault)
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

  /**
   * Whether the cluster finds out, whoever can be reached: a process that starts from the copy asks the voters of the newest view
   * that it comes by, until a majority has answered, itself included. So among any such majority somebody must
   * have on disk that the storage has started later, be it one that is down at present. Where those who know are
   * too few, a majority may be of the copy and of others who have missed as much, and nothing in it contradicts the copy.
   */
  private canBeTold(copy: MemberContents): boolean {
    const { machines } = this.world
    if (copy.view === undefined) return false
    const { clusterId, epoch } = copy.view
    const namesLater = (view: View | undefined) =>
      view?.clusterId === clusterId &&
      (view.members.find((member) => member.storageId === copy.storageId)?.boot ?? 0) > copy.boot
    const knows = (voter: string) =>
      machines.some(({ disk }) => disk.durable.storageId === voter && namesLater(disk.durable.view))
    // What it may come by before it hears from somebody who knows.
    const views = [...(this.observer.ledger.clusters.get(clusterId)?.values() ?? [])].filter(
      (view) => view.epoch >= epoch && !namesLater(view),
    )
    return views.every(({ voters }) => {
      return !isMajority(voters, (voter) => voter === copy.storageId || !knows(voter))
    })
  }
}

function storagesOf(view: View, role: "coordinator" | "voter" | "primary" | "backup"): string[] {
  if (role === "coordinator") return view.voters.slice(0, 1)
  if (role === "voter") return [...view.voters]
  return view.slots.flatMap((slot) => (role === "primary" ? slot.inSync.slice(0, 1) : slot.inSync.slice(1)))
}
