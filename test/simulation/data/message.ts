/** What clients and nodes say to each other, as the wire would carry it. */
import type { OperationName } from "../../../src/core/entry/operation.ts"
import { operation } from "../../../src/core/entry/operation.ts"
import { Request } from "../../../src/core/entry/request.ts"

export interface Ask {
  readonly from: string
  readonly requestId: number
  readonly client: string
  readonly op: OperationName
  readonly alias: string
  readonly content: string
  readonly comparand: string
  readonly expiresAtMs: number
  /** 0 = a read. */
  readonly number: number
  readonly floor: number
  readonly timeLeftMs: number
}

export interface Reply {
  readonly requestId: number
  /** 0 or a code of the error catalogue. */
  readonly code: number
  readonly content: string | undefined
  readonly expiresAtMs: number | undefined
}

/** Of latin1 letters. */
export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"))
}

/** The request as the decoder hands it to the core: offsets into bytes. */
export function requestOf(ask: Ask): Request {
  const request = new Request()
  const text = ask.client + ask.alias + ask.content + ask.comparand
  request.bytes = bytesOf(text)
  request.frameStart = 0
  request.frameEnd = text.length
  request.opcode = operation[ask.op]
  request.requestId = ask.requestId
  request.timeLeftMs = ask.timeLeftMs
  request.clientStart = 0
  request.number = ask.number
  request.floor = ask.floor
  request.aliasStart = ask.client.length
  request.aliasEnd = request.aliasStart + ask.alias.length
  request.contentStart = request.aliasEnd
  request.contentEnd = request.contentStart + ask.content.length
  request.comparandStart = request.contentEnd
  request.comparandEnd = text.length
  request.expiresMs = ask.expiresAtMs
  return request
}
