/** From a call of a method to a request of the machine, and from its reply to the promise. */
import type { Operation } from "../core/entry/operation.ts"
import { requestTimeoutMsMax } from "../core/lib/limits.ts"
import type { Reply } from "../wire/reply.ts"
import { type Bytes, encodeAlias, encodeContent, encodeTime } from "./encode.ts"
import { invalidArgument, type QdbError } from "./error.ts"
import type { Machine } from "./machine.ts"
import type { RequestOptions, StoreOptions } from "./options.ts"
import { Pending, pendingState } from "./pending.ts"

const none = new Uint8Array(0)

export class Asker {
  readonly machine: Machine
  private readonly timeoutMs: number

  constructor(machine: Machine, timeoutMs: number) {
    this.machine = machine
    this.timeoutMs = timeoutMs
  }

  /** An operation that stores a content. */
  store<A>(
    opcode: Operation,
    read: (reply: Reply) => A,
    alias: Bytes,
    content: Bytes,
    options: StoreOptions,
  ): Promise<A> {
    return this.run((resolve: (result: A) => void, reject) => {
      const succeed = (reply: Reply) => resolve(read(reply))
      const expiresMs = encodeTime(options.expiresAt)
      const bytes = encodeContent(content)
      return new Pending(
        opcode,
        this.timeoutOf(options),
        succeed,
        reject,
        encodeAlias(alias),
        bytes,
        none,
        expiresMs,
      )
    }, options)
  }

  /** Any other; what is given as functions may throw. */
  ask<A>(
    opcode: Operation,
    read: (reply: Reply) => A,
    options: RequestOptions,
    alias?: () => Uint8Array,
    content?: () => Uint8Array,
    expiresMs?: () => number,
  ): Promise<A> {
    return this.run((resolve: (result: A) => void, reject) => {
      const succeed = (reply: Reply) => resolve(read(reply))
      const timeoutMs = this.timeoutOf(options)
      return new Pending(opcode, timeoutMs, succeed, reject, alias?.(), content?.(), none, expiresMs?.())
    }, options)
  }

  /** What `make` throws rejects the promise, as everything else does. */
  run<A>(
    make: (resolve: (result: A) => void, reject: (error: QdbError) => void) => Pending,
    options: RequestOptions,
  ): Promise<A> {
    const { signal } = options
    return new Promise<A>((resolve, reject) => {
      const request = make(resolve, reject)
      if (signal === undefined) this.machine.submit(request)
      else this.submitAbortable(request, signal)
    })
  }

  private submitAbortable(request: Pending, signal: AbortSignal): void {
    const abort = () => this.machine.cancel(request, signal.reason)
    this.machine.submit(request)
    if (request.state === pendingState.settled) return
    if (signal.aborted) return abort()
    request.ended = () => signal.removeEventListener("abort", abort)
    signal.addEventListener("abort", abort, { once: true })
  }

  timeoutOf(options: RequestOptions): number {
    return options.timeoutMs === undefined ? this.timeoutMs : checkTimeout(options.timeoutMs)
  }
}

export function checkTimeout(timeoutMs: number): number {
  if (timeoutMs > 0 && timeoutMs <= requestTimeoutMsMax) return timeoutMs
  throw invalidArgument(`A time-out is above 0 and at most ${requestTimeoutMsMax} ms.`)
}
