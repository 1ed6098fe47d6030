/**
 * The client library: every operation of a cluster as a method that returns a promise.
 *
 * A promise is rejected with a `QdbError` only. Until the time-out of the request (60 s unless said otherwise) it deals with
 * lost connections, nodes that fail and unstable clusters by itself, and never executes a write twice: `definite` of an
 * error says whether the write certainly had no effect.
 *
 * Contents and aliases are bytes; strings are taken as UTF-8. A content that is handed over must not be changed until the
 * promise is settled: it is not copied, and a retry sends it again.
 *
 * There is no queue without a bound: one client has at most 16,384 unanswered requests and refuses more with `overloaded`.
 * Who awaits what he asks for never comes near; who pours requests in awaits `writable()` first.
 */
import { type Operation, operation } from "../core/entry/operation.ts"
import {
  dialTimeoutMsDefault,
  reasonBytesMax,
  requestTimeoutMsDefault,
  requestTimeoutMsMax,
} from "../core/lib/limits.ts"
import { code } from "../wire/errors.ts"
import type { ListPiece, Reply } from "../wire/reply.ts"
import type { ValueMap } from "../wire/writer.ts"
import { type Address, parseAddresses } from "./address.ts"
import { AliasList, type AliasListOptions } from "./alias-list.ts"
import {
  type Bytes,
  checkTogether,
  encodeAlias,
  encodeContent,
  encodeDelta,
  encodePrefix,
  encodeTime,
  type Time,
} from "./encode.ts"
import { invalidArgument, type QdbError } from "./error.ts"
import { Machine, type RoutingFigures } from "./machine.ts"
import { Pending, pendingState } from "./pending.ts"
import { removeAll, type RemoveAllOptions } from "./remove-all.ts"
import { contentOf, documentOf, integerOf, listOf, nothingOf } from "./results.ts"
import type { ClientRuntime } from "./runtime.ts"
import { realRuntime } from "./transport.ts"

export interface ConnectOptions {
  /** `HOST[:PORT]` each (port 2836 unless said otherwise), tried in this order; 127.0.0.1 unless said otherwise. */
  readonly daemons?: readonly string[]
  /** What a request may take unless it says otherwise: 60,000; 300,000 at most. */
  readonly timeoutMs?: number
  /** What one address may take to answer, before the next is tried: 5,000. */
  readonly dialTimeoutMs?: number
  /**
   * Whether to ask the cluster for its topology, to send each request to the node that serves it, and to go to any member
   * when a connection is lost; yes unless said otherwise. So one address of a cluster is enough, also when that node fails
   * later. If not, the client stays with the addresses that it was given, one connection at a time.
   */
  readonly learnAddresses?: boolean
  /** Gives up connecting. */
  readonly signal?: AbortSignal
  /** Told to the node, for its log. */
  readonly softwareVersion?: string
  /** Clock, randomness and sockets; for tests. */
  readonly runtime?: ClientRuntime
}

export interface RequestOptions {
  readonly timeoutMs?: number
  /** Gives the request up. Where it was sent already, its outcome is unknown (`definite` of the error is false). */
  readonly signal?: AbortSignal
}

export interface StoreOptions extends RequestOptions {
  /** When the entry expires; never unless said so. */
  readonly expiresAt?: Time
}

export interface CasResult {
  readonly swapped: boolean
  /** The content that was stored before. */
  readonly content: Uint8Array
}

const noOptions: RequestOptions = {}
const none = new Uint8Array(0)

/**
 * Connects to a cluster by any of its nodes.
 * @throws QdbError `connection_refused`, which lists each address with its reason; `invalid_argument`; `cancelled`
 */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  const addresses = parseAddresses(options.daemons ?? ["127.0.0.1"])
  const timeoutMs = checkTimeout(options.timeoutMs ?? requestTimeoutMsDefault)
  const machine = new Machine(options.runtime ?? realRuntime(), {
    addresses,
    clientId: crypto.getRandomValues(new Uint8Array(16)),
    softwareVersion: options.softwareVersion ?? "qdb client",
    dialTimeoutMs: Math.min(options.dialTimeoutMs ?? dialTimeoutMsDefault, timeoutMs),
    learns: options.learnAddresses !== false,
  })
  const { signal } = options
  const abort = () => machine.abort(signal?.reason)
  const client = new Client(machine, timeoutMs)
  await new Promise<void>((resolve, reject) => {
    machine.start(resolve, reject)
    if (signal?.aborted) abort()
    else signal?.addEventListener("abort", abort, { once: true })
  }).finally(() => signal?.removeEventListener("abort", abort))
  return client
}

export class Client implements AsyncDisposable {
  private readonly machine: Machine
  private readonly timeoutMs: number

  /** Use `connect`. */
  constructor(machine: Machine, timeoutMs: number) {
    this.machine = machine
    this.timeoutMs = timeoutMs
  }

  /** The node that everything goes to that no other node is better for; undefined while there is none. */
  get address(): Address | undefined {
    return this.machine.address
  }

  /** How well it knows its way: how many requests went to another node than the one that serves them. */
  get routing(): RoutingFigures {
    return this.machine.figures
  }

  /** Requests that are not answered yet. */
  get pendingRequests(): number {
    return this.machine.pendingRequests
  }

  /** @returns the entry's content; @throws `alias_not_found` */
  get(alias: Bytes, options: RequestOptions = noOptions): Promise<Uint8Array> {
    return this.ask(operation.get, contentOf, options, () => encodeAlias(alias))
  }

  /** Creates an entry. @throws `alias_already_exists` */
  put(alias: Bytes, content: Bytes, options: StoreOptions = noOptions): Promise<void> {
    return this.store(operation.put, nothingOf, alias, content, options)
  }

  /** Creates an entry or replaces its content; its former expiry is forgotten. */
  update(alias: Bytes, content: Bytes, options: StoreOptions = noOptions): Promise<void> {
    return this.store(operation.update, nothingOf, alias, content, options)
  }

  /** @throws `alias_not_found` */
  remove(alias: Bytes, options: RequestOptions = noOptions): Promise<void> {
    return this.ask(operation.remove, nothingOf, options, () => encodeAlias(alias))
  }

  /** Replaces an entry's content. @returns the content before; @throws `alias_not_found` */
  getUpdate(alias: Bytes, content: Bytes, options: StoreOptions = noOptions): Promise<Uint8Array> {
    return this.store(operation.get_update, contentOf, alias, content, options)
  }

  /** Removes an entry. @returns its content; @throws `alias_not_found` */
  getRemove(alias: Bytes, options: RequestOptions = noOptions): Promise<Uint8Array> {
    return this.ask(operation.get_remove, contentOf, options, () => encodeAlias(alias))
  }

  /** Replaces an entry's content if it equals `comparand`. @throws `alias_not_found` */
  cas(alias: Bytes, content: Bytes, comparand: Bytes, options: StoreOptions = noOptions): Promise<CasResult> {
    return this.run((resolve: (result: CasResult) => void, reject) => {
      const stored = encodeContent(content)
      const compared = encodeContent(comparand, "comparand")
      checkTogether(stored, compared)
      const succeed = (reply: Reply) => resolve({ swapped: true, content: contentOf(reply) })
      const fail = (error: QdbError) => {
        if (error.code !== code.unmatched_content || error.content === undefined) return reject(error)
        resolve({ swapped: false, content: error.content })
      }
      const expiresMs = encodeTime(options.expiresAt)
      const bytes = encodeAlias(alias)
      return new Pending(
        operation.cas,
        this.timeoutOf(options),
        succeed,
        fail,
        bytes,
        stored,
        compared,
        expiresMs,
      )
    }, options)
  }

  /** Removes an entry if its content equals `comparand`. @returns whether it did; @throws `alias_not_found` */
  removeIf(alias: Bytes, comparand: Bytes, options: RequestOptions = noOptions): Promise<boolean> {
    return this.run((resolve: (removed: boolean) => void, reject) => {
      const succeed = (reply: Reply) => resolve(nothingOf(reply) ?? true)
      const fail = (error: QdbError) =>
        error.code === code.unmatched_content ? resolve(false) : reject(error)
      const bytes = encodeAlias(alias)
      const compared = encodeContent(comparand, "comparand")
      return new Pending(operation.remove_if, this.timeoutOf(options), succeed, fail, bytes, none, compared)
    }, options)
  }

  /** Sets when an entry expires; a time that has passed removes it. @throws `alias_not_found` */
  expiresAt(alias: Bytes, time: Time | "never", options: RequestOptions = noOptions): Promise<void> {
    return this.ask(
      operation.expires_at,
      nothingOf,
      options,
      () => encodeAlias(alias),
      none,
      () => encodeTime(time),
    )
  }

  /** Lets an entry expire `deltaMs` from now, by the cluster's clock. @throws `alias_not_found` */
  expiresFromNow(alias: Bytes, deltaMs: number, options: RequestOptions = noOptions): Promise<void> {
    const delta = () => encodeDelta(deltaMs)
    return this.ask(operation.expires_from_now, nothingOf, options, () => encodeAlias(alias), none, delta)
  }

  /** @throws `alias_not_found` */
  async getExpiry(alias: Bytes, options: RequestOptions = noOptions): Promise<Date | "never"> {
    const ms = await this.ask(operation.get_expiry, integerOf, options, () => encodeAlias(alias))
    return ms === 0 ? "never" : new Date(ms)
  }

  /** The aliases that begin with `prefix` (all, if it is empty): to be iterated, or collected in byte order. */
  prefixGet(prefix: Bytes, options: AliasListOptions = noOptions): AliasList {
    const bytes = encodePrefix(prefix)
    return new AliasList((slot, after) => this.listPiece(bytes, slot, after, options))
  }

  /** Removes all entries of the cluster, one by one. @returns how many */
  removeAll(options: RemoveAllOptions = noOptions): Promise<number> {
    return removeAll(this, options)
  }

  nodeStatus(options: RequestOptions = noOptions): Promise<ValueMap> {
    return this.ask(operation.node_status, documentOf, options)
  }

  nodeConfig(options: RequestOptions = noOptions): Promise<ValueMap> {
    return this.ask(operation.node_config, documentOf, options)
  }

  nodeTopology(options: RequestOptions = noOptions): Promise<ValueMap> {
    return this.ask(operation.node_topology, documentOf, options)
  }

  clusterStatus(options: RequestOptions = noOptions): Promise<ValueMap> {
    return this.ask(operation.cluster_status, documentOf, options)
  }

  /** Stops the node that the client is connected to. It is asked once: sent again, another node could get it. */
  stopNode(reason: string, options: RequestOptions = noOptions): Promise<void> {
    return this.ask(operation.stop_node, nothingOf, options, () => {
      const bytes = encodeContent(reason)
      if (bytes.length === 0) throw invalidArgument("The reason is empty.")
      if (bytes.length > reasonBytesMax)
        throw invalidArgument(`The reason is longer than ${reasonBytesMax} bytes.`)
      return bytes
    })
  }

  ping(options: RequestOptions = noOptions): Promise<void> {
    return this.ask(operation.ping, nothingOf, options)
  }

  /** Resolves when one more request would be taken. */
  writable(): Promise<void> {
    return new Promise((resolve) => this.machine.whenRoom(resolve))
  }

  /** Takes no more requests, waits for those under way, and closes the connection. */
  close(): Promise<void> {
    return new Promise((resolve) => this.machine.close(resolve))
  }

  /** Gives all requests up, and closes the connection. */
  abort(reason?: unknown): void {
    this.machine.abort(reason)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  private listPiece(
    prefix: Uint8Array,
    slot: number,
    after: Uint8Array,
    options: RequestOptions,
  ): Promise<ListPiece> {
    return this.run((resolve: (piece: ListPiece) => void, reject) => {
      const succeed = (reply: Reply) => resolve(listOf(reply))
      const request = new Pending(operation.prefix_get, this.timeoutOf(options), succeed, reject, prefix)
      request.cursorSlot = slot
      request.cursorAfter = after
      return request
    }, options)
  }

  private store<A>(
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

  private ask<A>(
    opcode: Operation,
    read: (reply: Reply) => A,
    options: RequestOptions,
    alias?: () => Uint8Array,
    content: Uint8Array = none,
    expiresMs?: () => number,
  ): Promise<A> {
    return this.run((resolve: (result: A) => void, reject) => {
      const succeed = (reply: Reply) => resolve(read(reply))
      const timeoutMs = this.timeoutOf(options)
      return new Pending(opcode, timeoutMs, succeed, reject, alias?.(), content, none, expiresMs?.())
    }, options)
  }

  /** What `make` throws rejects the promise, as everything else does. */
  private run<A>(
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

  private timeoutOf(options: RequestOptions): number {
    return options.timeoutMs === undefined ? this.timeoutMs : checkTimeout(options.timeoutMs)
  }
}

function checkTimeout(timeoutMs: number): number {
  if (timeoutMs > 0 && timeoutMs <= requestTimeoutMsMax) return timeoutMs
  throw invalidArgument(`A time-out is above 0 and at most ${requestTimeoutMsMax} ms.`)
}
