/** The requests that are not one entry's affair: lists of aliases, and questions and orders to the node. */
import { connect } from "../../client/client.ts"
import { QdbError } from "../../client/error.ts"
import { operation } from "../../core/entry/operation.ts"
import type { Request } from "../../core/entry/request.ts"
import { nodeScansMax } from "../../core/lib/limits.ts"
import { code } from "../../wire/errors.ts"
import type { ListPiece } from "../../wire/reply.ts"
import type { ValueMap } from "../../wire/writer.ts"
import type { Session } from "../net/session.ts"
import { version } from "../version.ts"
import type { Driver } from "./driver.ts"
import { listCluster, ListingFailed, type ListingNode, listOwn } from "./listing.ts"
import { ClusterOrders, type OrderAnswer } from "./orders.ts"

const none = new Uint8Array(0)

export interface NodeFacts {
  status(): ValueMap
  config(): ValueMap
  /** Undefined while the node is in no cluster. */
  topology(): ValueMap | undefined
  clusterStatus(): ValueMap
  /** Asks the node to stop, as SIGTERM does. */
  stop(reason: string): void
  /** A request failed for a reason that the log should hold. */
  onError(text: string): void
}

export class SideRequests {
  private readonly driver: Driver
  private readonly facts: NodeFacts
  private readonly orders: ClusterOrders
  private readonly listing: ListingNode
  private scans = 0

  constructor(driver: Driver, facts: NodeFacts) {
    this.driver = driver
    this.facts = facts
    this.listing = listingOf(driver)
    this.orders = new ClusterOrders(
      {
        get view() {
          return driver.view
        },
        get storageId() {
          return driver.storage.identity.storageId
        },
        order: (order, forMs) => driver.node.order(order, forMs, driver.clock.read()),
        now: () => driver.clock.read(),
      },
      version,
    )
  }

  handle(request: Request, session: Session): void {
    const { facts } = this
    switch (request.opcode) {
      case operation.prefix_get:
      case operation.slots_list:
        return this.list(request, session)
      case operation.node_status:
        return this.document(request, session, facts.status())
      case operation.node_config:
        return this.document(request, session, facts.config())
      case operation.node_topology:
        return this.document(request, session, facts.topology())
      case operation.cluster_status:
        return this.document(request, session, facts.clusterStatus())
      case operation.stop_node: {
        const reason = Buffer.from(request.bytes.subarray(request.aliasStart, request.aliasEnd)).toString()
        this.driver.answers.ok(session, request.requestId)
        this.answered(request, 0)
        return facts.stop(reason)
      }
      case operation.cluster_plan:
      case operation.cluster_set:
      case operation.cluster_remove_node:
      case operation.cluster_recover:
        return this.orders.handle(request, this.answerTo(request, session))
      default:
        this.refuse(request, session, code.unknown_operation)
    }
  }

  /** Ten times a second. */
  tick(): void {
    this.orders.tick()
  }

  /** Where the answer to an order goes, whenever it comes. */
  private answerTo({ opcode, requestId }: Request, session: Session): OrderAnswer {
    const { answers, data } = this.driver
    return {
      done: () => {
        data.counters.answered(opcode, 0, none, 0, 0)
        answers.ok(session, requestId)
      },
      document: (document) => {
        data.counters.answered(opcode, 0, none, 0, 0)
        answers.writer(session)?.documentReply(requestId, document)
      },
      error: (errorCode, message) => {
        data.counters.fail(opcode)
        answers.error(session, requestId, errorCode, message)
      },
    }
  }

  private document(request: Request, session: Session, document: ValueMap | undefined): void {
    if (document === undefined)
      return this.driver.answers.error(session, request.requestId, code.unstable_cluster)
    this.driver.answers.writer(session)?.documentReply(request.requestId, document)
    this.answered(request, 0)
  }

  private answered(request: Request, ms: number): void {
    const { opcode, bytes, aliasStart, aliasEnd } = request
    this.driver.data.counters.answered(opcode, ms, bytes, aliasStart, aliasEnd)
  }

  private refuse(request: Request, session: Session, errorCode: number): void {
    this.driver.data.counters.fail(request.opcode)
    this.driver.answers.error(session, request.requestId, errorCode)
  }

  /** A piece of a list. Scans read the table on disk, so few run at once. */
  private list(request: Request, session: Session): void {
    if (this.scans >= nodeScansMax) return this.refuse(request, session, code.overloaded)
    this.scans++
    const kept = request.copy()
    const { bytes, opcode, epoch, bytesMax, timeLeftMs } = kept
    const question = {
      prefix: bytes.subarray(kept.aliasStart, kept.aliasEnd),
      slot: kept.cursorSlot,
      after: bytes.subarray(kept.cursorStart, kept.cursorEnd),
      bytesMax,
      timeLeftMs,
    }
    const done = (outcome: ListPiece | ListingFailed) => this.listed(kept, session, outcome)
    if (opcode === operation.slots_list) listOwn(this.listing, epoch, question, done)
    else listCluster(this.listing, question, done)
  }

  private listed(request: Request, session: Session, outcome: ListPiece | ListingFailed): void {
    this.scans--
    if (!(outcome instanceof ListingFailed)) {
      this.answerPiece(request, session, outcome)
      return this.answered(request, performance.now() - request.arrivedMs)
    }
    const { cause } = outcome
    if (cause instanceof Error) this.facts.onError(`prefix_get failed: ${cause.message}`)
    this.refuse(request, session, code[outcome.code])
  }

  private answerPiece({ requestId }: Request, session: Session, { aliases, cursor }: ListPiece): void {
    const writer = this.driver.answers.writer(session)
    if (writer === undefined) return
    writer.beginListReply(requestId)
    for (const alias of aliases) writer.listAlias(alias, 0, alias.length)
    if (cursor === undefined) writer.endListReply()
    else writer.endListReplyWithCursor(cursor.slot, cursor.after, 0, cursor.after.length)
  }
}

function listingOf(driver: Driver): ListingNode {
  return {
    get view() {
      return driver.view
    },
    get storageId() {
      return driver.storage.identity.storageId
    },
    ask(address, piece, timeoutMs, done) {
      const asked = async () => {
        const options = { daemons: [address], timeoutMs: Math.max(1, timeoutMs), learnAddresses: false }
        await using client = await connect({ ...options, softwareVersion: version })
        return await client.slotsList(piece)
      }
      asked().then(done, (error: unknown) => {
        if (!(error instanceof QdbError)) throw error
        done(error)
      })
    },
    serves: (slots) => driver.node.serves(slots, driver.clock.read()),
    damaged: (slot) => driver.node.damaged(slot),
    scan(prefix, from, bytesMax, slots, done) {
      driver.storage.scan(prefix, from, bytesMax, slots).then(done, done)
    },
  }
}
