/**
 * A client that was given one address of a cluster should not be lost with that node. So it asks each node that it connects to
 * for the members (`cluster_status`), and adds their addresses to those that it may dial.
 *
 * They are hints: an address that is wrong, or cannot be reached from here, costs a failed dial when the others have failed;
 * one of another cluster is refused by its hello. Nobody waits for the answer, and its failure only means that nothing was
 * learned.
 */
import { dialTimeoutMsDefault } from "../core/lib/limits.ts"
import { type Address, parseAddress } from "./address.ts"
import type { Client } from "./client.ts"
import { QdbError } from "./error.ts"
import type { Machine } from "./machine.ts"

export function learnAddresses(machine: Machine, client: Client): void {
  machine.onOpened = () => {
    const control = new AbortController()
    // Closing does not wait for this one.
    machine.onClosing = () => control.abort()
    client.clusterStatus({ signal: control.signal, timeoutMs: dialTimeoutMsDefault }).then(
      (status) => machine.learn(memberAddresses(status["members"])),
      (error: unknown) => {
        if (!(error instanceof QdbError)) throw error
      },
    )
  }
}

/** @returns what of a node's answer are addresses */
function memberAddresses(members: unknown): Address[] {
  if (!Array.isArray(members)) return []
  return members.flatMap((member: unknown) => {
    if (typeof member !== "object" || member === null || !("address" in member)) return []
    return typeof member.address === "string" ? addressOf(member.address) : []
  })
}

function addressOf(text: string): Address[] {
  try {
    return [parseAddress(text)]
  } catch (error) {
    if (error instanceof QdbError) return []
    throw error
  }
}
