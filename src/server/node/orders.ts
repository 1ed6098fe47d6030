/**
 * What an operator asks of a cluster: `cluster_plan`, and the orders `cluster_set`, `cluster_remove_node`, `cluster_recover`. A node that votes
 * takes an order itself and answers when the view has it; any other one passes it on to a voter, as a client of that one.
 */
import { connect } from "../../client/client.ts"
import { QdbError } from "../../client/error.ts"
import { operation } from "../../core/entry/operation.ts"
import type { Request } from "../../core/entry/request.ts"
import { nodeOrdersMax, orderMs } from "../../core/lib/limits.ts"
import type { Now } from "../../core/lib/clock.ts"
import { isFulfilled, type Order, type OrderRefusal, refusalOf } from "../../core/member/order.ts"
import { formatNodeId, type NodeId } from "../../core/ring/node-id.ts"
import { memberOf, type StorageId, type View, type ViewMember } from "../../core/view/view.ts"
import { code } from "../../wire/errors.ts"
import type { ClusterRecovery, LiveSetting } from "../../wire/status.ts"
import type { ValueMap } from "../../wire/writer.ts"
import { clusterPlan } from "./cluster-plan.ts"
import { settingOf } from "./live-settings.ts"

/** The node's place in its cluster, as far as orders need it. */
export interface OrderTarget {
  readonly view: View | undefined
  readonly storageId: StorageId
  /** To this node's own membership. */
  order(order: Order, forMs: number): void
  now(): Now
}

/** Where one answer goes. */
export interface OrderAnswer {
  done(): void
  document(document: ValueMap): void
  error(errorCode: number, message?: string): void
}

interface Waiting {
  readonly order: Order
  readonly answer: OrderAnswer
  readonly untilMs: number
  /** Losses that the view told of already. */
  readonly lossesBefore: number
}

export class ClusterOrders {
  private readonly target: OrderTarget
  private readonly softwareVersion: string
  private waiting: Waiting[] = []
  private relayed = 0

  constructor(target: OrderTarget, softwareVersion: string) {
    this.target = target
    this.softwareVersion = softwareVersion
  }

  handle(request: Request, answer: OrderAnswer): void {
    const { view } = this.target
    if (view === undefined) return answer.error(code.unstable_cluster, "This node is in no cluster yet.")
    const text = textOf(request, request.aliasStart, request.aliasEnd)
    if (request.opcode === operation.cluster_plan) return this.plan(view, request.quantity, text, answer)
    const order = orderOf(view, request, text)
    if (typeof order === "string") return answer.error(code.invalid_argument, order)
    const refusal = refusalOf(view, order, request.quantity === 1)
    if (refusal !== undefined) return answer.error(codeOf(refusal), messageOf(refusal, text))
    if (isFulfilled(view, order)) return fulfilled(view, order, view.losses.length, answer)
    if (this.waiting.length + this.relayed >= nodeOrdersMax) return answer.error(code.overloaded)
    const forMs = Math.min(request.timeLeftMs, orderMs)
    if (!view.voters.includes(this.target.storageId)) return this.relay(view, request, text, forMs, answer)
    const untilMs = this.target.now().monotonicMs + forMs
    this.waiting.push({ order, answer, untilMs, lossesBefore: view.losses.length })
    this.target.order(order, forMs)
    this.tick()
  }

  /** Answers what the view has fulfilled meanwhile, and gives up what took too long. */
  tick(): void {
    if (this.waiting.length === 0) return
    const { view } = this.target
    const nowMs = this.target.now().monotonicMs
    const still: Waiting[] = []
    for (const waiting of this.waiting) {
      if (view !== undefined && isFulfilled(view, waiting.order))
        fulfilled(view, waiting.order, waiting.lossesBefore, waiting.answer)
      else if (nowMs < waiting.untilMs) still.push(waiting)
      else waiting.answer.error(code.timeout)
    }
    this.waiting = still
  }

  private plan(view: View, added: number, names: string, answer: OrderAnswer): void {
    const removed: ViewMember[] = []
    for (const name of names === "" ? [] : names.split(",")) {
      const member = memberNamed(view, name)
      if (member === undefined) return answer.error(code.invalid_argument, unknownMember(name))
      if (!removed.includes(member)) removed.push(member)
    }
    answer.document(clusterPlan(view, added, removed))
  }

  private relay(view: View, request: Request, text: string, forMs: number, answer: OrderAnswer): void {
    const daemons = view.voters.flatMap((voter) => memberOf(view, voter)?.address ?? [])
    const { opcode, quantity } = request
    const value = textOf(request, request.contentStart, request.contentEnd)
    this.relayed++
    const asked = async (): Promise<ValueMap | undefined> => {
      const { softwareVersion } = this
      await using voter = await connect({ daemons, timeoutMs: forMs, learnAddresses: false, softwareVersion })
      if (opcode === operation.cluster_set) await voter.clusterSet(text as LiveSetting, value)
      else if (opcode === operation.cluster_recover) return await voter.clusterRecover(text.split(","))
      else await voter.clusterRemoveNode(text, { force: quantity === 1 })
      return undefined
    }
    asked().then(
      (document) => {
        this.relayed--
        if (document === undefined) answer.done()
        else answer.document(document)
      },
      (error: unknown) => {
        this.relayed--
        if (!(error instanceof QdbError)) throw error
        // That no voter can be reached is this node's trouble, and not the client's.
        const isCutOff = error.code === code.connection_refused
        answer.error(isCutOff ? code.unstable_cluster : error.code, error.message)
      },
    )
  }
}

/** @returns the order, or what is wrong with it */
function orderOf(view: View, request: Request, text: string): Order | string {
  if (request.opcode === operation.cluster_set) {
    const value = textOf(request, request.contentStart, request.contentEnd)
    const change = settingOf(text, value, view.settings.leaseMs)
    return typeof change === "string" ? change : { kind: "set", change }
  }
  if (request.opcode === operation.cluster_recover) {
    const storageIds = new Set<StorageId>()
    for (const name of text.split(",")) {
      const member = memberNamed(view, name)
      if (member === undefined) return unknownMember(name)
      storageIds.add(member.storageId)
    }
    return { kind: "recover", storageIds: [...storageIds] }
  }
  const member = memberNamed(view, text)
  return member === undefined ? unknownMember(text) : { kind: "remove", storageId: member.storageId }
}

function fulfilled(view: View, order: Order, lossesBefore: number, answer: OrderAnswer): void {
  if (order.kind === "recover") answer.document(recoveryOf(view, lossesBefore))
  else answer.done()
}

function recoveryOf(view: View, lossesBefore: number): ClusterRecovery {
  const losses = view.losses.slice(lossesBefore)
  return {
    nodes: [...new Set(losses.flatMap(({ lost }) => lost.map(({ address }) => address)))],
    slots: losses.reduce((count, { slots }) => count + slots.length, 0),
    epoch: view.epoch,
  }
}

/** @param name a node id as it is printed, or an address */
function memberNamed(view: View, name: string): ViewMember | undefined {
  return view.members.find(
    (member) => member.address === name || formatNodeId(member.nodeId as NodeId) === name,
  )
}

function unknownMember(name: string): string {
  return `No member has the node id or the address ${JSON.stringify(name)}; cluster_status lists them.`
}

function codeOf(refusal: OrderRefusal): number {
  if (refusal === "no_such_member" || refusal === "not_down") return code.invalid_argument
  return refusal === "too_many_losses" ? code.overloaded : code[refusal]
}

/** Undefined: the catalogue's says enough. */
function messageOf(refusal: OrderRefusal, name: string): string | undefined {
  if (refusal === "no_such_member") return unknownMember(name)
  if (refusal === "factor_would_fall") return undefined
  if (refusal === "not_down")
    return `Nothing is given up: not all of ${name} are down. Only what members hold that are down can be.`
  if (refusal === "too_many_losses")
    return "So much was given up in this cluster that it can remember no more of it."
  return `Entries would be lost: ${name} is down and holds the only copy of some.`
}

function textOf({ bytes }: Request, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString()
}
