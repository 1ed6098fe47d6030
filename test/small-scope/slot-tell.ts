/** Messages and views of the world of one slot in words, for a reader of a counterexample. */
import type { DataMessage } from "../../src/core/node/data-message.ts"
import type { View } from "../../src/core/view/view.ts"

/** The slot epoch in which a message counts; undefined: it says nothing of the slot. */
export function slotEpochOf(body: DataMessage["body"]): number | undefined {
  switch (body.kind) {
    case "append":
      return body.segments[0]?.slotEpoch
    case "appended":
      return body.acknowledged[0]?.slotEpoch ?? body.refused[0]?.slotEpoch
    case "piece":
    case "taken":
      return body.slotEpoch
    default:
      return undefined
  }
}

export function tell({ from, body }: DataMessage): string {
  const who = `from ${from.storageId}.${from.boot}`
  switch (body.kind) {
    case "append": {
      const [segment] = body.segments
      if (segment === undefined) return `nothing ${who}`
      const { slotEpoch, previousEpoch, previousSequence, commitSequence, count } = segment
      return `${count} records behind ${previousEpoch}.${previousSequence} in slot epoch ${slotEpoch}, committed ${commitSequence}, ${who}`
    }
    case "appended": {
      const [ack] = body.acknowledged
      const [refusal] = body.refused
      if (ack !== undefined)
        return `the acknowledgement of ${ack.sequence} in slot epoch ${ack.slotEpoch} ${who}`
      return `a refusal, its log ends at ${refusal?.sequence}, in slot epoch ${refusal?.slotEpoch} ${who}`
    }
    case "piece":
      return `piece ${body.index} of the snapshot at ${body.sequence} ${who}`
    case "taken":
      return `that piece ${body.index} of the snapshot at ${body.sequence} is taken, ${who}`
    default:
      return `${body.kind} ${who}`
  }
}

export function tellView({ slots, members }: View): string {
  const { inSync = [], learners = [], slotEpoch } = slots[0] ?? {}
  const learning = learners.length === 0 ? "" : `, learners ${learners.join(" ")}`
  return `in sync ${inSync.join(" ")}${learning}, slot epoch ${slotEpoch}, boots ${members.map((m) => m.boot).join(" ")}`
}
