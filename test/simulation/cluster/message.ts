/** A client's request as a frame that nodes can pass on: a head in JSON, and behind it the parts that the core reads in place. */
import { operation } from "../../../src/core/entry/operation.ts"
import type { Request } from "../../../src/core/entry/request.ts"
import { latin1 } from "../../support/map-memory.ts"
import { bytesOf } from "../data/message.ts"
import type { Ask } from "../data/message.ts"

export function frameOf(ask: Ask): Uint8Array {
  const head = JSON.stringify(ask)
  return bytesOf(`${head}\0${ask.client}${ask.alias}${ask.content}${ask.comparand}`)
}

/** @returns 0: it can always be read */
export function decodeFrame(frame: Uint8Array, request: Request): number {
  const end = frame.indexOf(0)
  const ask = JSON.parse(latin1(frame, 0, end)) as Ask
  let at = end + 1
  const part = (text: string) => {
    at += text.length
    return at
  }
  Object.assign(request, {
    bytes: frame,
    frameStart: 0,
    frameEnd: frame.length,
    opcode: operation[ask.op],
    requestId: ask.requestId,
    timeLeftMs: ask.timeLeftMs,
    clientStart: at,
    number: ask.number,
    floor: ask.floor,
    aliasStart: part(ask.client),
    aliasEnd: part(ask.alias),
    contentStart: at,
    contentEnd: part(ask.content),
    comparandStart: at,
    comparandEnd: part(ask.comparand),
    expiresMs: ask.expiresAtMs,
  })
  return 0
}
