/**
 * What a simulated node does of the requests that are not one entry's affair: lists, the topology, and orders, by the
 * product's own code. Between nodes a list is asked for by message where a real node dials; both may come to nothing.
 */
import { operation } from "../../../src/core/entry/operation.ts"
import type { Request } from "../../../src/core/entry/request.ts"
import type { Now } from "../../../src/core/lib/clock.ts"
import type { SlotsList, SlotsPiece } from "../../../src/client/options.ts"
import { nodeTopology } from "../../../src/server/node/cluster-status.ts"
import { listCluster, ListingFailed, type ListingNode, listOwn } from "../../../src/server/node/listing.ts"
import { ClusterOrders, type OrderAnswer } from "../../../src/server/node/orders.ts"
import type { Session } from "../../../src/server/net/session.ts"
import { code } from "../../../src/wire/errors.ts"
import type { Host } from "../machine.ts"
import type { ClusterContents } from "./contents.ts"
import type { ClusterLogic } from "./logic.ts"

type Answer = SlotsList | { readonly code: number }

export type SideMessage =
  | {
      readonly kind: "list"
      readonly from: string
      readonly id: number
      readonly piece: SlotsPiece
      readonly timeLeftMs: number
    }
  | { readonly kind: "listed"; readonly id: number; readonly answer: Answer }

export class Sides {
  private readonly logic: ClusterLogic
  private readonly host: Host<ClusterContents>
  private readonly listing: ListingNode
  private readonly orders: ClusterOrders
  private readonly asked = new Map<number, { readonly untilMs: number; readonly done: (a: Answer) => void }>()
  private now: Now = { monotonicMs: 0, wallMs: 0 }
  private lastId = 0

  constructor(logic: ClusterLogic, host: Host<ClusterContents>) {
    this.logic = logic
    this.host = host
    const { identity, node } = logic
    this.listing = {
      get view() {
        return logic.ownView
      },
      storageId: identity.storageId,
      ask: (address, piece, timeLeftMs, done) => this.ask(address, piece, timeLeftMs, done),
      serves: (slots) => node.serves(slots, this.now),
      damaged: (slot) => node.damaged(slot),
      scan: (...wanted) => logic.scan(...wanted),
    }
    this.orders = new ClusterOrders(
      {
        get view() {
          return logic.ownView
        },
        storageId: identity.storageId,
        order: (order, forMs) => node.order(order, forMs, this.now),
        now: () => this.now,
      },
      "simulated",
    )
  }

  request(request: Request, session: Session, now: Now): void {
    this.now = now
    const { logic } = this
    const { opcode, requestId } = request
    switch (opcode) {
      case operation.ping:
        return logic.ok(session, requestId)
      case operation.prefix_get:
        return this.list(request, session)
      case operation.node_topology: {
        const topology = nodeTopology(logic.ownView, logic.identity)
        if (topology === undefined) return logic.error(session, requestId, code.unstable_cluster)
        logic.writer(session)?.documentReply(requestId, topology)
        return
      }
      case operation.cluster_set:
      case operation.cluster_remove_node:
      case operation.cluster_recover:
        return this.order(request, session)
      default:
        logic.error(session, requestId, code.unknown_operation)
    }
  }

  message(message: SideMessage, now: Now): void {
    this.now = now
    if (message.kind === "listed") {
      const asked = this.asked.get(message.id)
      this.asked.delete(message.id)
      return asked?.done(message.answer)
    }
    const { from, id, piece, timeLeftMs } = message
    listOwn(this.listing, piece.epoch, { ...piece, timeLeftMs }, (outcome) => {
      const { storageId } = this.logic.identity
      const answer =
        outcome instanceof ListingFailed ? { code: code[outcome.code] } : { ...outcome, storageId }
      this.host.send(from, { kind: "listed", id, answer } satisfies SideMessage, "listed")
    })
  }

  tick(now: Now): void {
    this.now = now
    this.orders.tick()
    for (const [id, { untilMs, done }] of this.asked) {
      if (now.monotonicMs < untilMs) continue
      this.asked.delete(id)
      done({ code: code.timeout })
    }
  }

  private list(request: Request, session: Session): void {
    const { logic } = this
    const { requestId, timeLeftMs, bytesMax, cursorSlot: slot } = request
    const prefix = request.bytes.slice(request.aliasStart, request.aliasEnd)
    const after = request.bytes.slice(request.cursorStart, request.cursorEnd)
    listCluster(this.listing, { prefix, slot, after, bytesMax, timeLeftMs }, (outcome) => {
      if (outcome instanceof ListingFailed) return logic.error(session, requestId, code[outcome.code])
      const writer = logic.writer(session)
      if (writer === undefined) return
      writer.beginListReply(requestId)
      for (const alias of outcome.aliases) writer.listAlias(alias, 0, alias.length)
      const { cursor } = outcome
      if (cursor === undefined) writer.endListReply()
      else writer.endListReplyWithCursor(cursor.slot, cursor.after, 0, cursor.after.length)
    })
  }

  private ask(address: string, piece: SlotsPiece, timeLeftMs: number, done: (answer: Answer) => void): void {
    const id = ++this.lastId
    this.asked.set(id, { untilMs: this.now.monotonicMs + timeLeftMs, done })
    const from = this.logic.identity.address
    this.host.send(address, { kind: "list", from, id, piece, timeLeftMs } satisfies SideMessage, "list")
  }

  /** A node that does not vote would pass it on as a client; here the operator is to find a voter. */
  private order(request: Request, session: Session): void {
    const { logic } = this
    const { requestId } = request
    if (logic.ownView?.voters.includes(logic.identity.storageId) !== true)
      return logic.error(session, requestId, code.unstable_cluster)
    const answer: OrderAnswer = {
      done: () => logic.ok(session, requestId),
      document: (document) => logic.writer(session)?.documentReply(requestId, document),
      error: (errorCode, message) => logic.error(session, requestId, errorCode, message),
    }
    this.orders.handle(request, answer)
  }
}
