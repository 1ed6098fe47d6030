/**
 * What a step answers: effects as data, written in order into the driver's buffers. Nothing of it leaves the process
 * before the step has returned; the driver then persists, sends and replies (etcd-io/raft, `doc.go`).
 *
 * It is an interface of calls and not a list of objects because a reply's bytes are its data: a list would cost an
 * allocation and a copy per operation on the hot path. Tests implement it with arrays.
 */
import type { Requester } from "../replication/prepared.ts"

export interface Output {
  ok(requester: Requester, requestId: number): void
  /** Answers with the content of a resident entry. */
  resident(requester: Requester, requestId: number, handle: number): void
  content(requester: Requester, requestId: number, bytes: Uint8Array, start: number, length: number): void
  /** @param expiresAtMs 0 = never */
  expiry(requester: Requester, requestId: number, expiresAtMs: number): void
  error(requester: Requester, requestId: number, code: number): void
  /** An error that carries the stored content (`cas` that did not match). */
  errorContent(
    requester: Requester,
    requestId: number,
    code: number,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): void
  /** Asks storage for an entry that is not in memory; `loaded` follows. @param alias latin1 */
  load(slot: number, alias: string): void
}
