/** What nodes and clients say to each other about entries, in words for the reader of a trace. */
import { operation, type OperationName } from "../../src/core/entry/operation.ts"
import { recordEffect, RecordView } from "../../src/core/entry/record.ts"
import { Request } from "../../src/core/entry/request.ts"
import type { Want } from "../../src/core/member/event.ts"
import type { Append, Appended, DataMessage, SnapshotPiece } from "../../src/core/node/data-message.ts"
import type { View } from "../../src/core/view/view.ts"
import { errorOf } from "../../src/wire/errors.ts"
import { decodeForwarded } from "../simulation/cluster/message.ts"
import type { Ask, Reply } from "../simulation/data/message.ts"
import { latin1 } from "../support/map-memory.ts"

/** `s0a` is the first directory of machine 0, which readers know as n1. */
export function nameOf(storageId: string): string {
  const [, machine = "0", generation = "a"] = /^s(\d+)([a-z])/.exec(storageId) ?? []
  return `n${Number(machine) + 1}${generation === "a" ? "" : `#${generation}`}`
}

export function viewText({ epoch, members, slots, voters }: View): string {
  const people = members.map(({ storageId, boot, standing }) => {
    return `${nameOf(storageId)}.${boot}${standing === "up" ? "" : ` ${standing}`}`
  })
  const places = slots.map(({ inSync, learners, slotEpoch }) => {
    const learning = learners.length === 0 ? "" : ` +${learners.map(nameOf).join(" ")}`
    return `[${inSync.map(nameOf).join(" ")}${learning}]@${slotEpoch}`
  })
  return `view ${epoch}: members ${people.join(", ")}; voters ${voters.map(nameOf).join(" ")}; slot ${places.join(" ")}`
}

/** @returns what a message says, where it is about entries */
export function textOf(label: string, message: unknown): string | undefined {
  if (label.startsWith("data ")) return dataText(message as DataMessage)
  if (label === "request") return askText(message as Ask)
  return label === "reply" ? replyText(message as Reply) : undefined
}

/** What a primary wants of the view that follows this epoch. */
export function wantText(want: Want, epoch: number): string | undefined {
  if (want.kind === "promote") {
    const { certificate } = want
    if (certificate.epoch !== epoch) return undefined
    return `certifies in epoch ${epoch} that ${nameOf(certificate.learner)} holds all that is committed`
  }
  if (want.kind === "release" && want.release.epoch === epoch)
    return `releases the slot in epoch ${epoch}, for ${nameOf(want.target)}`
  return want.kind === "drop" ? `wants a view without ${nameOf(want.storageId)} in the slot` : undefined
}

/** Comparing goes on all the time, and is no part of any story. */
function dataText({ body }: DataMessage): string | undefined {
  switch (body.kind) {
    case "append":
      return appendText(body)
    case "appended":
      return appendedText(body)
    case "piece":
      return pieceText(body)
    case "taken":
      return body.index < 0
        ? "has nothing of this snapshot"
        : `has piece ${body.index} of the snapshot on disk`
    case "forward":
      return `forwards: ${forwardedText(body.frame)}`
    case "compare":
      return undefined
    default:
      return `passes back: ${answerText(body.code, body.content === undefined ? undefined : latin1(body.content))}`
  }
}

function appendText({ segments, records }: Append): string {
  const [segment] = segments
  if (segment === undefined) return "append of nothing"
  const behind =
    segment.previousSequence === 0 ? "" : ` behind ${segment.previousSequence}@${segment.previousEpoch}`
  const commit = `committed ${segment.commitSequence}`
  if (segment.count === 0) return `asks for its log${behind}; ${commit}`
  return `append${behind}: ${recordsText(records).join(", ")}; ${commit}`
}

function recordsText(bytes: Uint8Array): string[] {
  const texts: string[] = []
  const record = new RecordView()
  for (let at = 0; at < bytes.length; at += record.length) texts.push(recordText(record.at(bytes, at)))
  return texts
}

/** `7@3 a=x`: entry 7, numbered in slot epoch 3. */
function recordText(record: RecordView): string {
  const { bytes, aliasOffset, contentOffset, contentLength, effect, sequence, slotEpoch } = record
  const alias = latin1(bytes, aliasOffset, contentOffset)
  const content = latin1(bytes, contentOffset, contentOffset + contentLength)
  const what =
    effect === recordEffect.store
      ? `${alias}=${content}`
      : effect === recordEffect.remove
        ? `${alias} removed`
        : `${alias} as it was`
  return `${sequence}@${slotEpoch} ${what}`
}

function appendedText({ acknowledged, refused }: Appended): string {
  const texts = acknowledged.map(({ sequence, committedSequence }) => {
    return `has all up to ${sequence} on disk, has applied ${committedSequence}`
  })
  for (const { sequence, committedSequence, epochs } of refused) {
    const tail = epochs
      .map(({ slotEpoch, firstSequence }) => `, from ${firstSequence} on @${slotEpoch}`)
      .join("")
    texts.push(
      sequence < 0
        ? "does not fit: holds no complete copy"
        : `does not fit: its log ends at ${sequence}, has applied ${committedSequence}${tail}`,
    )
  }
  return texts.join("; ") || "has nothing new"
}

function pieceText({ index, isLast, sequence, lastEpoch, entries, results }: SnapshotPiece): string {
  const held = entries.map(({ alias, content }) => `${latin1(alias)}=${latin1(content)}`)
  const told = results.map(({ number, floor }) =>
    number === 0 ? `floor ${floor}` : `result of number ${number}`,
  )
  const parts = [...told, ...held].join(", ") || "nothing"
  return `snapshot of ${sequence}@${lastEpoch}, piece ${index}${isLast ? ", the last" : ""}: ${parts}`
}

const operationNames = new Map(
  Object.entries(operation).map(([name, opcode]) => [opcode as number, name as OperationName]),
)

function forwardedText(frame: Uint8Array): string {
  const request = new Request()
  decodeForwarded(frame, request, frame.length)
  const { bytes, opcode, number, aliasStart, aliasEnd, contentStart, contentEnd } = request
  const op = operationNames.get(opcode) as OperationName
  const content = latin1(bytes, contentStart, contentEnd)
  return askText({ op, alias: latin1(bytes, aliasStart, aliasEnd), content, number })
}

type Asked = Pick<Ask, "op" | "alias" | "content" | "number">

function askText({ op, alias, content, number }: Asked): string {
  return `${op}${alias === "" ? "" : ` ${alias}`}${content === "" ? "" : `=${content}`}${number === 0 ? "" : ` (number ${number})`}`
}

function replyText({ code, content }: Reply): string {
  return answerText(code, content)
}

function answerText(code: number, content: string | undefined): string {
  const told = code === 0 ? "ok" : errorOf(code).name
  return content === undefined ? told : `${told} ${content}`
}
