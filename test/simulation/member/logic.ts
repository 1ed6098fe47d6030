/** One process of membership in the simulated world: the machine of `core/member`, its driver's duties, and the agent. */
import type { Now } from "../../../src/core/lib/clock.ts"
import type { Prng } from "../../../src/core/lib/prng.ts"
import type { MemberEffect, MemberEvent, MemberOptions, PeerMessage } from "../../../src/core/member/event.ts"
import { Member } from "../../../src/core/member/member.ts"
import type { Coverage } from "../violation.ts"
import type { Host, Input, Logic, Machine } from "../machine.ts"
import { SlotAgent } from "./agent.ts"
import type { AgentOptions } from "./agent.ts"
import { emptyContents, written } from "./contents.ts"
import type { MemberContents } from "./contents.ts"

/** A process that failed is started again by whoever looks after it. */
const operatorMs = 5_000

/**
 * Who was told to leave and has left is not started again; who could not leave is, and is told again some day. A process that
 * finds itself no member any more, since one before it was told, is started again by a service manager that knows nothing of it.
 * @returns when a process that ended by itself is started again
 */
export function restartOf(
  machine: { restarts: boolean },
  leaving: boolean,
  outcome: "stopped" | "failed",
  reason: string,
): number | undefined {
  const hasLeft = reason.includes("has left")
  if (leaving && hasLeft) machine.restarts = false
  return outcome === "failed" || leaving !== hasLeft ? operatorMs : undefined
}

export class MemberLogic implements Logic {
  /** A view or lease changed since the observer looked. */
  changed = false
  private member: Member | undefined
  private readonly create: (now: Now) => Member
  private readonly agent: SlotAgent
  private readonly host: Host<MemberContents>
  private readonly machine: Machine<MemberContents>
  private readonly unclean: boolean
  private readonly coverage: Coverage
  private readonly onStartOver: () => void
  private leaving = false
  /** When the process was last stepped, and when its lease ends; both on the machine's monotonic clock. */
  steppedMs = 0
  leaseEndMs = Number.NEGATIVE_INFINITY

  constructor(
    machine: Machine<MemberContents>,
    host: Host<MemberContents>,
    prng: Prng,
    options: MemberOptions,
    agentOptions: AgentOptions,
    coverage: Coverage,
    onStartOver: () => void,
  ) {
    this.onStartOver = onStartOver
    this.machine = machine
    this.host = host
    this.coverage = coverage
    const found = machine.disk.durable
    this.unclean = !found.clean
    // The driver raises the boot durably before anything is sent.
    machine.disk.replace({ ...found, boot: found.boot + 1, clean: false })
    const { nodeId, storageId, boot } = machine.disk.durable
    const self = { nodeId, storageId, boot, address: machine.address }
    this.create = (now) => Member.create(self, options, prng, now)
    this.agent = new SlotAgent({ storageId, boot }, agentOptions, prng.fork())
  }

  /** What it has promised and accepted, as it knows it. */
  get acceptorRecord() {
    return this.member?.seat?.state.acceptor.record
  }

  /** Addresses that its configuration names. */
  get peers(): readonly string[] {
    return this.member?.options.bootstrappingPeers ?? []
  }

  /** What a request that arrives at this moment asks before it is answered. */
  mayAnswer(slot: number, now: Now): boolean {
    return this.member !== undefined && this.member.mayAnswer(slot, now)
  }

  handle(input: Input, now: Now): void {
    this.steppedMs = now.monotonicMs
    switch (input.kind) {
      case "start": {
        this.member = this.create(now)
        const { view, acceptor, founding } = this.machine.disk.durable
        return this.step(
          { kind: "start", recovered: { view, acceptor, founding, unclean: this.unclean } },
          now,
        )
      }
      case "message":
        return this.step({ kind: "message", message: input.message as PeerMessage }, now)
      case "persisted":
        return this.step({ kind: "persisted", token: input.token }, now)
      case "command":
        this.leaving = input.command === "leave"
        return this.step({ kind: "stop", how: input.command === "stop" ? "stop" : "leave" }, now)
      case "tick": {
        this.step({ kind: "tick" }, now)
        const wants = this.agent.tick(now)
        if (wants !== undefined) this.step({ kind: "wants", wants }, now)
      }
    }
  }

  private step(event: MemberEvent, now: Now): void {
    for (const effect of this.member?.step(event, now) ?? []) this.carryOut(effect, now)
  }

  private carryOut(effect: MemberEffect, now: Now): void {
    switch (effect.kind) {
      case "send":
        return this.host.send(effect.address, effect.message, labelOf(effect.message))
      case "persist":
        return this.host.persist(effect.token, (contents) => written(contents, effect.records))
      case "view":
        this.changed = true
        this.host.note(`enters view ${effect.view.epoch}`)
        return this.agent.onView(effect.view, this.coverage)
      case "lease":
        this.changed = true
        if (effect.endMs < now.monotonicMs && this.leaseEndMs >= now.monotonicMs)
          this.coverage.count("lease dropped")
        this.leaseEndMs = effect.endMs
        return
      case "released":
        return this.agent.released(effect.slots)
      case "log":
        return this.host.note(effect.text)
      case "startOver":
        this.coverage.count("started over")
        this.onStartOver()
        return this.host.exit(`starts over: ${effect.reason}`, 10, (contents) =>
          emptyContents(contents.nodeId, this.machine.index, this.machine.incarnation),
        )
      case "stop":
        this.coverage.count(effect.outcome === "stopped" ? "stopped cleanly" : "stopped with an error")
        return this.host.exit(
          `${effect.outcome}: ${effect.reason}`,
          restartOf(this.machine, this.leaving, effect.outcome, effect.reason),
          effect.outcome === "stopped" ? (contents) => ({ ...contents, clean: true }) : undefined,
        )
    }
  }
}

/** The kind of a message; a heartbeat that carries evidence is told from one that does not, since faults aim at it. */
export function labelOf({ body }: PeerMessage): string {
  if (body.kind !== "heartbeat") return body.kind
  if (body.wants.some((want) => want.kind === "promote")) return "certificate"
  return body.wants.some((want) => want.kind === "release") ? "release" : body.kind
}
