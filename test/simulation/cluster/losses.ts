/**
 * Losses that an operator has accepted, as the checker takes them: the slots go on with an older copy, or empty, so that each of
 * their entries is what it was at some moment before, or absent.
 *
 * With an entry goes what was remembered of requests. One that was under way may have taken effect, have been seen by
 * others, be lost with the rest, and take effect again when it is repeated: exactly once holds in the history that goes on.
 */
import { slotOfDigest } from "../../../src/core/ring/slot.ts"
import { sha3 } from "../../../src/platform/digest.ts"
import { never, type Operation, partitionByKey } from "../../linearizability/history.ts"
import { entryModel } from "../../linearizability/models/entry.ts"
import { absent, holding } from "../../linearizability/models/entry-state.ts"
import type { EntryEvent, EntryInput, EntryOutput } from "../../linearizability/models/entry-state.ts"
import { bytesOf } from "../data/message.ts"

type Seen = Operation<EntryInput, EntryOutput>
type Event = Operation<EntryEvent, EntryOutput>

interface Loss {
  readonly slots: readonly number[]
  /** Places in the history: from when an operator may have accepted it until a view said so. */
  readonly fromAt: number
  readonly untilAt: number
  /** Real time of the view. */
  readonly nowMs: number
}

const { mayChange } = entryModel(never)

export class Losses {
  private readonly losses: Loss[] = []
  private orderedAt: number | undefined

  /** An operator accepts a loss. */
  ordered(place: number): void {
    this.orderedAt ??= place
  }

  /** A view says that these slots begin anew. */
  befell(slots: readonly number[], place: number, nowMs: number): void {
    this.losses.push({ slots, fromAt: this.orderedAt ?? place, untilAt: place, nowMs })
  }

  /** What befell the entries beside what clients saw. */
  events(seen: readonly Seen[], slotCount: number): Event[] {
    return this.forEach(seen, slotCount, (key, operations, loss) => [lossOf(key, operations, loss)])
  }

  /**
   * Effects that may have been lost, and are rarely needed to explain anything: each makes the checker's search many times longer.
   * @param timeoutMs for which a client repeats a request
   */
  effects(seen: readonly Seen[], slotCount: number, timeoutMs: number): Event[] {
    return this.forEach(seen, slotCount, (_, operations, loss) => lostEffects(operations, loss, timeoutMs))
  }

  private forEach(
    seen: readonly Seen[],
    slotCount: number,
    eventsOf: (key: string, operations: readonly Seen[], loss: Loss) => Event[],
  ): Event[] {
    if (this.losses.length === 0) return []
    return [...partitionByKey(seen)].flatMap(([key, operations]) => {
      const slot = slotOfDigest(sha3(bytesOf(key)), slotCount)
      const losses = this.losses.filter(({ slots }) => slots.includes(slot))
      return losses.flatMap((loss) => eventsOf(key, operations, loss))
    })
  }
}

function lossOf(key: string, operations: readonly Seen[], { fromAt, untilAt }: Loss): Event {
  return {
    process: -1,
    key,
    input: { op: "lost", states: statesOf(operations, untilAt) },
    output: { error: "none" },
    calledAt: fromAt,
    returnedAt: untilAt,
    calledMs: 0,
    returnedMs: never,
  }
}

/**
 * Of those that were under way: before the loss, beside the effect that their answers tell of. Nobody is answered anew before
 * the view, and nobody repeats what was given up. For who never was answered, one more effect at any time is allowed.
 */
function lostEffects(operations: readonly Seen[], { untilAt, nowMs }: Loss, timeoutMs: number): Event[] {
  return operations
    .filter((each) => mayChange(each.input) && each.calledAt < untilAt && each.returnedAt > untilAt)
    .filter((each) => each.calledMs + timeoutMs >= nowMs)
    .map((each) =>
      each.output === undefined
        ? each
        : {
            ...each,
            input: { op: "perhaps", of: each.input },
            output: { error: "none" },
            returnedAt: untilAt,
          },
    )
}

/** Every state in which an entry may have been: what was stored, with each expiry that was ever asked for. */
function statesOf(operations: readonly Seen[], beforeAt: number): string[] {
  const earlier = operations.filter(({ calledAt }) => calledAt < beforeAt).map(({ input }) => input)
  const set = earlier.flatMap((input) => (input.op === "expires_at" ? [input.expiresAtMs] : []))
  const stored = earlier.flatMap((input) =>
    "content" in input ? [input.expiresAtMs, ...set].map((ms) => holding(input.content, ms)) : [],
  )
  return [absent, ...new Set(stored)]
}
