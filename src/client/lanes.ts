/**
 * The connections of a client, one a node, and which of them a request takes.
 *
 * **Home** is the one for everything: any node serves any client, since it forwards what is another's. The others only save
 * that hop. So a request takes its slot's primary's connection if that is *open*, and home if not: nothing ever waits
 * for a connection to be made, or fails because one node cannot be reached from here. Only without a home does a request
 * wait; then an open connection becomes the home, or one is dialled, address after address (`address-book.ts`).
 *
 * A member is recognised by its node id, not by its address: behind a tunnel, or under a name, the address that the client
 * was given is another than the one that the cluster knows.
 */
import { clientLaneIdleMs, clientLanesMax } from "../core/lib/limits.ts"
import { type Address, addressOrUndefined } from "./address.ts"
import { Lane } from "./lane.ts"
import type { Pending } from "./pending.ts"
import { nobody, type Routes } from "./routes.ts"

export class Lanes {
  /** Where everything goes that has no better way. */
  home: Lane | undefined
  private readonly lanes = new Map<string, Lane>()
  private readonly routes: Routes
  /** By index of the routes' members. */
  private direct: (Lane | undefined)[] = []

  constructor(routes: Routes) {
    this.routes = routes
  }

  [Symbol.iterator](): IterableIterator<Lane> {
    return this.lanes.values()
  }

  /** The lane of an address, made where there is none. */
  at(address: Address): Lane {
    const known = this.lanes.get(address.text)
    if (known !== undefined) return known
    const lane = new Lane(address)
    this.lanes.set(address.text, lane)
    return lane
  }

  /** @returns the lane of the request's primary; undefined where none is known, or there is no primary to know */
  directFor(request: Pending): Lane | undefined {
    if (!request.isKeyed || this.routes.epoch === 0) return undefined
    if (request.slot < 0) request.slot = this.routes.slotOf(request.alias)
    const member = this.routes.memberOf(request.slot)
    return member === nobody ? undefined : this.direct[member]
  }

  /** The routes have changed, or who is behind a lane: sets anew which lane leads to which member. */
  bind(): void {
    const byNode = new Map<string, Lane>()
    for (const lane of this.lanes.values()) {
      if (lane.nodeId !== undefined && (lane.isOpen || !byNode.has(lane.nodeId)))
        byNode.set(lane.nodeId, lane)
    }
    this.direct = this.routes.members.map(({ reference, endpoint }) => {
      const known = byNode.get(reference)
      if (known !== undefined) return known
      const address = addressOrUndefined(endpoint)
      if (address === undefined || (this.lanes.size >= clientLanesMax && !this.lanes.has(address.text)))
        return undefined
      return this.at(address)
    })
  }

  /** @returns an open lane, another than `except` if there is one */
  anyOpen(except?: Lane): Lane | undefined {
    const { home } = this
    if (home?.isOpen && home !== except) return home
    for (const lane of this.lanes.values()) if (lane.isOpen && lane !== except) return lane
    return except?.isOpen ? except : undefined
  }

  /** Closes what nobody needs: connections to nodes that have left, and to those that were not used for long. */
  closeIdle(nowMs: number): void {
    for (const [address, lane] of this.lanes) {
      if (lane === this.home || !lane.isIdle) continue
      const leadsNowhere = !this.direct.includes(lane)
      if (lane.isOpen && (leadsNowhere || nowMs >= lane.usedMs + clientLaneIdleMs)) {
        lane.session?.close()
        lane.session = undefined
      }
      if (leadsNowhere && lane.session === undefined) this.lanes.delete(address)
    }
  }

  /** Closes all, without another word to anybody. */
  closeAll(): void {
    for (const lane of this.lanes.values()) {
      lane.session?.close()
      lane.session = undefined
    }
    this.home = undefined
  }
}
