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
import { operation } from "../core/entry/operation.ts"
import { dialTimeoutMsDefault, requestTimeoutMsDefault } from "../core/lib/limits.ts"
import { code } from "../wire/errors.ts"
import type { ListPiece, Reply } from "../wire/reply.ts"
import type { LiveSetting } from "../wire/status.ts"
import type { ValueMap } from "../wire/writer.ts"
import { type Address, parseAddresses } from "./address.ts"
import { Asker, checkTimeout } from "./asker.ts"
import { AliasList, type AliasListOptions } from "./alias-list.ts"
import {
  type Bytes,
  checkTogether,
  encodeAlias,
  encodeContent,
  encodeDelta,
  encodeLine,
  encodePrefix,
  encodeTime,
  type Time,
} from "./encode.ts"
import type { QdbError } from "./error.ts"
import { Machine, type RoutingFigures } from "./machine.ts"
import { Pending } from "./pending.ts"
import { hasMember, watchCluster } from "./cluster-watch.ts"
import { removeAll, type RemoveAllOptions } from "./remove-all.ts"
import { contentOf, documentOf, integerOf, listOf, nothingOf } from "./results.ts"
import type {
  CasResult,
  ConnectOptions,
  PlanChange,
  RemoveNodeOptions,
  RequestOptions,
  SlotsList,
  SlotsPiece,
  StoreOptions,
} from "./options.ts"
import { realRuntime } from "./transport.ts"

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
  const client = new Client(new Asker(machine, timeoutMs))
  await new Promise<void>((resolve, reject) => {
    machine.start(resolve, reject)
    if (signal?.aborted) abort()
    else signal?.addEventListener("abort", abort, { once: true })
  }).finally(() => signal?.removeEventListener("abort", abort))
  return client
}

export class Client implements AsyncDisposable {
  private readonly asker: Asker

  /** Use `connect`. */
  constructor(asker: Asker) {
    this.asker = asker
  }

  /** The node that everything goes to that no other node is better for; undefined while there is none. */
  get address(): Address | undefined {
    return this.asker.machine.address
  }

  /** How well it knows its way: how many requests went to another node than the one that serves them. */
  get routing(): RoutingFigures {
    return this.asker.machine.figures
  }

  /** Requests that are not answered yet. */
  get pendingRequests(): number {
    return this.asker.machine.pendingRequests
  }

  /** @returns the entry's content; @throws `alias_not_found` */
  get(alias: Bytes, options: RequestOptions = noOptions): Promise<Uint8Array> {
    return this.asker.ask(operation.get, contentOf, options, () => encodeAlias(alias))
  }

  /** Creates an entry. @throws `alias_already_exists` */
  put(alias: Bytes, content: Bytes, options: StoreOptions = noOptions): Promise<void> {
    return this.asker.store(operation.put, nothingOf, alias, content, options)
  }

  /** Creates an entry or replaces its content; its former expiry is forgotten. */
  update(alias: Bytes, content: Bytes, options: StoreOptions = noOptions): Promise<void> {
    return this.asker.store(operation.update, nothingOf, alias, content, options)
  }

  /** @throws `alias_not_found` */
  remove(alias: Bytes, options: RequestOptions = noOptions): Promise<void> {
    return this.asker.ask(operation.remove, nothingOf, options, () => encodeAlias(alias))
  }

  /** Replaces an entry's content. @returns the content before; @throws `alias_not_found` */
  getUpdate(alias: Bytes, content: Bytes, options: StoreOptions = noOptions): Promise<Uint8Array> {
    return this.asker.store(operation.get_update, contentOf, alias, content, options)
  }

  /** Removes an entry. @returns its content; @throws `alias_not_found` */
  getRemove(alias: Bytes, options: RequestOptions = noOptions): Promise<Uint8Array> {
    return this.asker.ask(operation.get_remove, contentOf, options, () => encodeAlias(alias))
  }

  /** Replaces an entry's content if it equals `comparand`. @throws `alias_not_found` */
  cas(alias: Bytes, content: Bytes, comparand: Bytes, options: StoreOptions = noOptions): Promise<CasResult> {
    return this.asker.run((resolve: (result: CasResult) => void, reject) => {
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
        this.asker.timeoutOf(options),
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
    return this.asker.run((resolve: (removed: boolean) => void, reject) => {
      const succeed = (reply: Reply) => resolve(nothingOf(reply) ?? true)
      const fail = (error: QdbError) =>
        error.code === code.unmatched_content ? resolve(false) : reject(error)
      const bytes = encodeAlias(alias)
      const compared = encodeContent(comparand, "comparand")
      return new Pending(
        operation.remove_if,
        this.asker.timeoutOf(options),
        succeed,
        fail,
        bytes,
        none,
        compared,
      )
    }, options)
  }

  /** Sets when an entry expires; a time that has passed removes it. @throws `alias_not_found` */
  expiresAt(alias: Bytes, time: Time | "never", options: RequestOptions = noOptions): Promise<void> {
    return this.asker.ask(
      operation.expires_at,
      nothingOf,
      options,
      () => encodeAlias(alias),
      undefined,
      () => encodeTime(time),
    )
  }

  /** Lets an entry expire `deltaMs` from now, by the cluster's clock. @throws `alias_not_found` */
  expiresFromNow(alias: Bytes, deltaMs: number, options: RequestOptions = noOptions): Promise<void> {
    const delta = () => encodeDelta(deltaMs)
    return this.asker.ask(
      operation.expires_from_now,
      nothingOf,
      options,
      () => encodeAlias(alias),
      undefined,
      delta,
    )
  }

  /** @throws `alias_not_found` */
  async getExpiry(alias: Bytes, options: RequestOptions = noOptions): Promise<Date | "never"> {
    const ms = await this.asker.ask(operation.get_expiry, integerOf, options, () => encodeAlias(alias))
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
    return this.asker.ask(operation.node_status, documentOf, options)
  }

  nodeConfig(options: RequestOptions = noOptions): Promise<ValueMap> {
    return this.asker.ask(operation.node_config, documentOf, options)
  }

  nodeTopology(options: RequestOptions = noOptions): Promise<ValueMap> {
    return this.asker.ask(operation.node_topology, documentOf, options)
  }

  clusterStatus(options: RequestOptions = noOptions): Promise<ValueMap> {
    return this.asker.ask(operation.cluster_status, documentOf, options)
  }

  /** What adding so many nodes, and removing those named, would move. */
  clusterPlan(change: PlanChange, options: RequestOptions = noOptions): Promise<ValueMap> {
    return this.asker.run((resolve: (plan: ValueMap) => void, reject) => {
      const removed = (change.remove ?? []).join(",")
      const bytes = removed === "" ? none : encodeLine(removed, "list of nodes")
      const succeed = (reply: Reply) => resolve(documentOf(reply))
      const request = new Pending(
        operation.cluster_plan,
        this.asker.timeoutOf(options),
        succeed,
        reject,
        bytes,
      )
      request.quantity = change.add ?? 0
      return request
    }, options)
  }

  /** Changes a setting that all nodes agree on. */
  clusterSet(setting: LiveSetting, value: string, options: RequestOptions = noOptions): Promise<void> {
    const name = () => encodeLine(setting, "setting")
    return this.asker.ask(operation.cluster_set, nothingOf, options, name, () => encodeLine(value, "value"))
  }

  /**
   * Lets a member leave for good; resolves when the cluster has agreed to that (`clusterRemoved` waits for the rest).
   * @throws `factor_would_fall` unless forced, `loss_not_accepted`
   */
  clusterRemoveNode(node: string, options: RemoveNodeOptions = noOptions): Promise<void> {
    return this.asker.run((resolve: (nothing: void) => void, reject) => {
      const succeed = (reply: Reply) => resolve(nothingOf(reply))
      const bytes = encodeLine(node, "node")
      const request = new Pending(
        operation.cluster_remove_node,
        this.asker.timeoutOf(options),
        succeed,
        reject,
        bytes,
      )
      request.quantity = options.force === true ? 1 : 0
      return request
    }, options)
  }

  /** Accepts that what only these members held, which are down, is lost for ever. @returns what was given up */
  clusterRecover(nodes: readonly string[], options: RequestOptions = noOptions): Promise<ValueMap> {
    return this.asker.ask(operation.cluster_recover, documentOf, options, () =>
      encodeLine(nodes.join(","), "list of nodes"),
    )
  }

  /** Waits until the cluster is stable, or serving. @throws `unstable_cluster`, which says what it waits for */
  clusterWait(wanted: "stable" | "serving", options: RequestOptions = noOptions): Promise<ValueMap> {
    return this.watch((status) => status["state"] === "stable" || status["state"] === wanted, options)
  }

  /** Waits until no member has this node id or address any more. */
  clusterRemoved(node: string, options: RequestOptions = noOptions): Promise<ValueMap> {
    return this.watch((status) => !hasMember(status, node), options)
  }

  /** Stops the node that the client is connected to. It is asked once: sent again, another node could get it. */
  stopNode(reason: string, options: RequestOptions = noOptions): Promise<void> {
    return this.asker.ask(operation.stop_node, nothingOf, options, () => encodeLine(reason, "reason"))
  }

  ping(options: RequestOptions = noOptions): Promise<void> {
    return this.asker.ask(operation.ping, nothingOf, options)
  }

  /** Resolves when one more request would be taken. */
  writable(): Promise<void> {
    return new Promise((resolve) => this.asker.machine.whenRoom(resolve))
  }

  /** Takes no more requests, waits for those under way, and closes the connection. */
  close(): Promise<void> {
    return new Promise((resolve) => this.asker.machine.close(resolve))
  }

  /** Gives all requests up, and closes the connection. */
  abort(reason?: unknown): void {
    this.asker.machine.abort(reason)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /**
   * For nodes, which make lists for their clients of it: a piece of what the node of this client serves itself, in the view
   * of this epoch. Tried once.
   */
  slotsList(piece: SlotsPiece, options: RequestOptions = noOptions): Promise<SlotsList> {
    return this.asker.run((resolve: (list: SlotsList) => void, reject) => {
      const answered = (found: ListPiece) => resolve({ ...found, storageId: request.lane?.storageId ?? "" })
      const request = this.listRequest(operation.slots_list, piece, answered, reject, options)
      request.epoch = piece.epoch
      request.quantity = piece.bytesMax
      return request
    }, options)
  }

  private listPiece(
    prefix: Uint8Array,
    slot: number,
    after: Uint8Array,
    options: RequestOptions,
  ): Promise<ListPiece> {
    return this.asker.run(
      (resolve: (piece: ListPiece) => void, reject) =>
        this.listRequest(operation.prefix_get, { prefix, slot, after }, resolve, reject, options),
      options,
    )
  }

  private listRequest(
    opcode: number,
    from: Pick<SlotsPiece, "prefix" | "slot" | "after">,
    resolve: (piece: ListPiece) => void,
    reject: (error: QdbError) => void,
    options: RequestOptions,
  ): Pending {
    const timeoutMs = this.asker.timeoutOf(options)
    const request = new Pending(opcode, timeoutMs, (reply) => resolve(listOf(reply)), reject, from.prefix)
    request.cursorSlot = from.slot
    request.cursorAfter = from.after
    return request
  }

  private watch(isDone: (status: ValueMap) => boolean, options: RequestOptions): Promise<ValueMap> {
    const { runtime } = this.asker.machine
    return watchCluster(
      (asked) => this.clusterStatus(asked),
      runtime,
      isDone,
      this.asker.timeoutOf(options),
      options.signal,
    )
  }
}
