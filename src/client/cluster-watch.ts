/**
 * Waiting for a cluster to become as it should: asks for its state until that is so, or the time is over. A cluster that is in
 * trouble cannot always tell, so a question that fails is asked again; only what no waiting can cure ends it at once.
 */
import { clusterWatchMs, dialTimeoutMsDefault } from "../core/lib/limits.ts"
import type { Value, ValueMap } from "../wire/writer.ts"
import { QdbError, qdbError } from "./error.ts"
import type { ClientRuntime } from "./runtime.ts"

type AskStatus = (options: { timeoutMs: number; signal?: AbortSignal }) => Promise<ValueMap>

/** @returns the status that satisfied; @throws `unstable_cluster` with what the cluster waits for, `cancelled` */
export async function watchCluster(
  ask: AskStatus,
  runtime: ClientRuntime,
  isDone: (status: ValueMap) => boolean,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<ValueMap> {
  const endMs = runtime.monotonicMs() + timeoutMs
  let missing = "its state is not known"
  for (;;) {
    const leftMs = endMs - runtime.monotonicMs()
    if (leftMs <= 0) {
      const message = `The cluster is not as wanted after ${Math.round(timeoutMs / 100) / 10} s: ${missing}.`
      throw qdbError("unstable_cluster", { message, definite: true })
    }
    try {
      const asked = { timeoutMs: Math.min(leftMs, dialTimeoutMsDefault) }
      const status = await ask(signal === undefined ? asked : { ...asked, signal })
      if (isDone(status)) return status
      missing = reasonsOf(status)
    } catch (error) {
      if (!(error instanceof QdbError) || !isPassing(error)) throw error
      // The last question has what is left of the wait: that it found no answer in that says less than the answer before it.
      const cutShort = error.name === "timeout" && leftMs < dialTimeoutMsDefault
      if (!cutShort) missing = error.message.replace(/\.$/, "")
    }
    await new Promise<void>((resolve) =>
      runtime.timer(Math.min(clusterWatchMs, Math.max(1, leftMs)), resolve),
    )
  }
}

/** A question that changes nothing may time out, too. */
function isPassing(error: QdbError): boolean {
  return error.retryable || error.name === "timeout"
}

function reasonsOf({ state, reasons }: ValueMap): string {
  const texts = Array.isArray(reasons) ? reasons.filter((reason) => typeof reason === "string") : []
  return texts.length === 0 ? `it is ${String(state)}` : texts.join("; ").replace(/\.$/, "")
}

/** @returns whether a status names a member of this node id or address */
export function hasMember(status: ValueMap, node: string): boolean {
  const { members } = status
  if (!Array.isArray(members)) return false
  return members.some((member: Value) => {
    if (typeof member !== "object" || member === null || !("nodeId" in member)) return false
    return member.nodeId === node || (member as ValueMap)["address"] === node
  })
}
