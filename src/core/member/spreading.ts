/**
 * How a decided view reaches everybody. The decider tells all members; who missed it is told when he shows, by any
 * message, that he is behind: a question of an older epoch is answered with the view instead. And a node that hears from
 * a newer epoch asks for what it lacks. So nobody stays behind who can still talk, and nobody is ever convinced of
 * anything but a decided view: it is final, so whoever has it may pass it on.
 */
import type { Now } from "../lib/clock.ts"
import { tickMs } from "../lib/limits.ts"
import { applyDelta } from "../view/delta.ts"
import { memberOf, type Address, type StorageId, type View } from "../view/view.ts"
import type { MessageBody, PeerMessage } from "./event.ts"
import type { Seat } from "./seat.ts"

/** Questions that the view answers where the one who asks is behind. */
const questions: ReadonlySet<MessageBody["kind"]> = new Set([
  "prepare",
  "accept",
  "heartbeat",
  "behind",
  "poll",
  "join",
])

/** @returns whether nothing is left to do with the message */
export function receiveViews(seat: Seat, message: PeerMessage, now: Now): boolean {
  const { body } = message
  if (body.kind === "view") {
    if (body.view.epoch > seat.view.epoch) {
      seat.adopt({ view: body.view, deltas: [], spread: false }, now)
    }
    return true
  }
  if (body.kind === "deltas") {
    const first = body.deltas[0]
    const last = body.deltas.at(-1)
    if (first === undefined || last === undefined || last.epoch <= seat.view.epoch) return true
    if (first.epoch > seat.view.epoch + 1) {
      askForView(seat, message.from.address, message.from.storageId, now)
      return true
    }
    const deltas = body.deltas.filter((delta) => delta.epoch > seat.view.epoch)
    const view = deltas.reduce<View>((before, delta) => applyDelta(before, delta), seat.view)
    seat.adopt({ view, deltas, spread: false }, now)
    return true
  }
  if (message.epoch > seat.view.epoch) askForView(seat, message.from.address, message.from.storageId, now)
  if (message.epoch < seat.view.epoch && questions.has(body.kind)) {
    tellView(seat, message, now)
    return true
  }
  return body.kind === "behind"
}

/** Answers with what the sender lacks: the steps, or the whole view where it is too far behind. */
export function tellView(seat: Seat, message: PeerMessage, now: Now): void {
  const lacking = seat.state.history.filter((delta) => delta.epoch > message.epoch)
  const steps = message.epoch > 0 && lacking[0]?.epoch === message.epoch + 1
  const body: MessageBody = steps ? { kind: "deltas", deltas: lacking } : { kind: "view", view: seat.view }
  seat.sendTo(message.from.address, message.from.storageId, body, now)
}

/** A member is in this epoch. */
export function heardOf(seat: Seat, storageId: StorageId, epoch: number, now: Now): void {
  const member = memberOf(seat.view, storageId)
  if (member !== undefined && epoch > seat.view.epoch) askForView(seat, member.address, storageId, now)
}

function askForView(seat: Seat, address: Address, storageId: StorageId, now: Now): void {
  if (seat.isAdopting || now.monotonicMs < seat.state.askedUntilMs) return
  seat.state.askedUntilMs = now.monotonicMs + tickMs
  seat.sendTo(address, storageId, { kind: "behind" }, now)
}
