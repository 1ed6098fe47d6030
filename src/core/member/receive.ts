/**
 * What a message is for. Everything that is not plainly meant for this storage and from this cluster ends here: two
 * clusters exchange nothing but the refusal.
 */
import { foreignPeersMax } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import { applyDelta } from "../view/delta.ts"
import { memberOf, type View } from "../view/view.ts"
import type { MessageBody, PeerMessage } from "./event.ts"
import type { Member } from "./member.ts"
import type { Heartbeat } from "./renewal.ts"
import type { Seat } from "./seat.ts"

type Body<K extends MessageBody["kind"]> = Extract<MessageBody, { kind: K }>

export function receive(member: Member, message: PeerMessage, now: Now): void {
  const { self } = member
  const { body, to, from } = message
  if (from.storageId === self.storageId || (to !== "" && to !== self.storageId)) return
  if (message.clusterId === "" || message.clusterId === member.view?.clusterId) member.seat?.heardFrom(from)
  switch (body.kind) {
    case "hello":
      if (body.hello.isAnswer) member.finder.onAnswer(message, now)
      else answerHello(member, message, body)
      return
    case "call":
      onCall(member, message, body, now)
      return
    case "refusal":
      onRefusal(member, message, body)
      return
    case "welcome":
      member.finder.onAnswer(message, now)
      onWelcome(member, message, body.view, now)
      return
    default:
  }
  if (member.phase === "joining" || member.view === undefined) receiveOutside(member, message, now)
  else if (isForeign(member, message)) refuse(member, message, now)
  else receiveInside(member, message, now)
}

/** In no cluster: its view, or the votes of a founding. */
function receiveOutside(member: Member, message: PeerMessage, now: Now): void {
  const { body } = message
  const { seat } = member
  if (body.kind === "view" && body.view.epoch > 0 && !isFounding(body.view.clusterId)) {
    onWelcome(member, message, body.view, now)
  } else if (member.phase === "joining") {
    const { known } = member.joining.state
    if (body.kind !== "deltas" || known === undefined || known.clusterId !== message.clusterId) return
    const steps = body.deltas.filter((delta) => delta.epoch > known.epoch)
    if (steps[0]?.epoch !== known.epoch + 1) return
    onWelcome(
      member,
      message,
      steps.reduce<View>((view, delta) => applyDelta(view, delta), known),
      now,
    )
  } else if (seat !== undefined && message.clusterId === seat.view.clusterId) seat.receive(message, now)
}

/** In a cluster, from the same cluster. */
function receiveInside(member: Member, message: PeerMessage, now: Now): void {
  const seat = member.seat as Seat
  const { body, from } = message
  const isActive = member.phase === "active"
  // Before a majority was heard, views are all that is listened to.
  if (!isActive && body.kind !== "view" && body.kind !== "deltas") return
  const known = memberOf(seat.view, from.storageId)
  const isStale =
    known !== undefined &&
    (from.boot < known.boot || (from.boot === known.boot && from.address !== known.address))
  if (isStale) {
    if (body.kind !== "heartbeat") return
    const text =
      "this data directory is a copy: the cluster knows a later start of it, or the same at another address"
    const refusal = { kind: "refusal", reason: "old_copy", boot: from.boot, text } as const
    seat.sendTo(from.address, from.storageId, refusal, now)
    return
  }
  if (body.kind === "heartbeat") onHeartbeat(member, seat, message, body, now)
  else if (body.kind === "join") member.roll.onJoin(from, body.weight, body.zone, now)
  else if (body.kind === "poll") {
    const { subject, number } = body
    const heard = !member.roll.isSuspect(subject, now)
    seat.sendTo(from.address, from.storageId, { kind: "pollReply", subject, number, heard }, now)
  } else if (body.kind === "pollReply") {
    if (message.epoch === seat.view.epoch) {
      member.poll.onReply(from.storageId, body.subject, body.number, body.heard)
    }
    return
  }
  seat.receive(message, now)
}

function onHeartbeat(member: Member, seat: Seat, message: PeerMessage, body: Heartbeat, now: Now): void {
  if (memberOf(seat.view, message.from.storageId) === undefined) return
  member.roll.onHeartbeat(message.from, message.epoch, body, seat.view.settings.suspectMs, now)
}

function answerHello(member: Member, message: PeerMessage, { hello }: Body<"hello">): void {
  const { from } = message
  const { number } = hello
  const { view, self } = member
  const clusterId = view?.clusterId ?? ""
  const body: MessageBody =
    view === undefined
      ? { kind: "hello", hello: { ...member.hello(), number, isAnswer: true } }
      : { kind: "welcome", view, number }
  const answer: PeerMessage = { clusterId, from: self, to: from.storageId, epoch: view?.epoch ?? 0, body }
  member.out.push({ kind: "send", address: from.address, message: answer })
}

/** Somebody knows a cluster. */
function onWelcome(member: Member, message: PeerMessage, view: View, now: Now): void {
  const { state, seat, self } = member
  if (view.epoch === 0 || isFounding(view.clusterId)) return
  if (state.phase === "founding" || state.phase === "joining") {
    if (state.entering !== undefined || !member.joining.learn(view, now)) return
    if (memberOf(view, self.storageId) === undefined) {
      if (state.phase === "founding") {
        member.log("info", `joins cluster ${view.clusterId}, which ${message.from.address} belongs to`)
        if (view.settings !== member.options.settings) logDifferences(member, view)
      }
      member.leaveSeat()
      state.phase = "joining"
      return
    }
    const step = member.joining.step(self, now)
    if (step.kind === "enter") member.enter(step.view)
    else if (step.kind === "fail") member.fail(step.reason)
    return
  }
  if (seat === undefined || view.clusterId !== seat.view.clusterId) {
    refuse(member, message, now)
    return
  }
  if (state.phase === "rejoining") {
    const { body, from } = message
    if (body.kind === "welcome" && member.finder.hasAsked(body.number)) state.answered.add(from.storageId)
    const named = memberOf(view, self.storageId)
    if (named !== undefined && named.boot >= self.boot) {
      member.fail("this data directory is an old copy: the cluster has seen a later start of it")
      return
    }
  }
  if (view.epoch > seat.view.epoch) seat.adopt({ view, deltas: [], spread: false }, now)
}

/** The cluster's settings win; people should know. */
function logDifferences(member: Member, view: View): void {
  const own = member.options.settings
  for (const key of Object.keys(own) as (keyof typeof own)[]) {
    if (own[key] === view.settings[key]) continue
    member.log("warning", `${key} is ${String(view.settings[key])} in the cluster, not ${String(own[key])}`)
  }
}

/** A cluster believes that one of its members is here. */
function onCall(member: Member, message: PeerMessage, { voters }: Body<"call">, now: Now): void {
  const { state, view } = member
  if (view === undefined) {
    if (state.phase !== "founding") return
    // Who wiped this directory knows; the cluster still holds the place.
    member.say(`is called by cluster ${message.clusterId}: joins it`)
    state.peers = [...new Set([...state.peers, ...voters, message.from.address])]
    state.phase = "joining"
    state.finder.askAtMs = 0
    return
  }
  if (message.clusterId === view.clusterId) return
  if (view.members.length > 1) refuse(member, message, now)
  else {
    member.fail(
      `founded a cluster of its own, but cluster ${message.clusterId} (${message.from.address}) lists this node: ` +
        "name a peer, or remove the node there",
    )
  }
}

function onRefusal(member: Member, message: PeerMessage, { reason, boot, text }: Body<"refusal">): void {
  if (reason === "old_copy" && boot === member.self.boot && member.view?.clusterId === message.clusterId) {
    member.fail(text)
    return
  }
  logOnce(member, message, `is refused by ${message.from.address}: ${text}`)
}

function isForeign(member: Member, message: PeerMessage): boolean {
  return message.clusterId !== member.view?.clusterId
}

/** The one thing that a stranger hears. */
function refuse(member: Member, message: PeerMessage, now: Now): void {
  const { from, clusterId } = message
  if (clusterId === "" || isFounding(clusterId) || member.seat === undefined) return
  const text = `${from.address} belongs to cluster ${clusterId}, ${member.self.address} to ${member.view?.clusterId ?? "none"}`
  logOnce(member, message, text)
  const body = { kind: "refusal", reason: "wrong_cluster", boot: from.boot, text } as const
  member.seat.sendTo(from.address, from.storageId, body, now)
}

function logOnce(member: Member, message: PeerMessage, text: string): void {
  const { refused } = member.state
  const key = `${message.from.storageId} ${message.clusterId}`
  if (refused.has(key) || refused.size >= foreignPeersMax) return
  refused.add(key)
  member.log("error", text)
}

function isFounding(clusterId: string): boolean {
  return clusterId.startsWith("?")
}
