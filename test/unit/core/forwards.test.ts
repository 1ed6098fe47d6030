import { describe, expect, it } from "vitest"
import { operation } from "../../../src/core/entry/operation.ts"
import { Request } from "../../../src/core/entry/request.ts"
import type { Forward, Forwarded } from "../../../src/core/node/data-message.ts"
import { Forwards } from "../../../src/core/node/forwards.ts"
import type { Output } from "../../../src/core/node/output.ts"

const now = { monotonicMs: 1000, wallMs: 1000 }
const session = {}

function request(requestId: number): Request {
  const made = new Request()
  Object.assign(made, { requestId, opcode: operation.expires_at, timeLeftMs: 5000, arrivedMs: 1000 })
  return made
}

/** What a session is told, as `[request id, code]`. */
class Told {
  readonly answers: Array<readonly [number, number]> = []
  readonly output = {
    ok: (_to: object, requestId: number) => this.answers.push([requestId, 0]),
    error: (_to: object, requestId: number, code: number) => this.answers.push([requestId, code]),
  } as unknown as Output
}

const answer = (id: number, boot: number, code: number): Forwarded => ({
  kind: "forwarded",
  id,
  boot,
  code,
  content: undefined,
  expiresAtMs: undefined,
})

describe("answers to forwarded requests", () => {
  it("go to who asked, once", () => {
    const forwards = new Forwards()
    const told = new Told()
    const { id } = forwards.take(request(7), session, "b", now) as Forward
    forwards.answered("c", answer(id, 3, 0), 3, told.output)
    expect(told.answers).toEqual([])
    for (let i = 0; i < 2; i++) forwards.answered("b", answer(id, 3, 0), 3, told.output)
    expect(told.answers).toEqual([[7, 0]])
  })

  it("are nobody's when they were asked for by the process before this one", () => {
    const before = new Forwards()
    const after = new Forwards()
    const told = new Told()
    const first = before.take(request(7), session, "b", now) as Forward
    const second = after.take(request(8), session, "b", now) as Forward
    expect(second.id).toBe(first.id)
    after.answered("b", answer(first.id, 3, 112), 4, told.output)
    expect(told.answers).toEqual([])
    after.answered("b", answer(second.id, 4, 0), 4, told.output)
    expect(told.answers).toEqual([[8, 0]])
  })
})
