/**
 * Requests that wait for an entry that is not in memory, by alias. One load at a time runs per alias, and everything that
 * waits for it is evaluated from the start when it ends.
 */
import type { Request } from "../entry/request.ts"
import type { Requester } from "../replication/prepared.ts"

export type Waiting =
  | {
      readonly kind: "request"
      readonly request: Request
      readonly requester: Requester
      readonly deadlineMs: number
    }
  /** Nobody asked: storage believes that the entry has expired. */
  | { readonly kind: "expiry" }

export class Loads {
  private readonly loads = new Map<string, Waiting[]>()

  /** Loads under way. */
  get count(): number {
    return this.loads.size
  }

  /** @returns true if this is the first to wait for `alias`, so that a load must be started */
  add(alias: string, waiting: Waiting): boolean {
    const load = this.loads.get(alias)
    if (load !== undefined) {
      load.push(waiting)
      return false
    }
    this.loads.set(alias, [waiting])
    return true
  }

  /** Ends the load of `alias`. @returns who waited for it */
  take(alias: string): readonly Waiting[] {
    const load = this.loads.get(alias)
    this.loads.delete(alias)
    return load ?? []
  }
}
