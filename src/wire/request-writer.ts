/**
 * The client's side of the output: requests, whole frames each. One method per shape; the opcode chooses which of the
 * arguments are written, so that a client keeps one kind of pending request and can write it again, with the time it then
 * has left, for a retry.
 */
import { operation } from "../core/entry/operation.ts"
import { assert } from "../core/lib/assert.ts"
import { Writer } from "./writer.ts"

/** Room for a request's frame header, array header, opcode, request id, epoch and time left. */
const headBytesMax = 4 + 1 + 5 + 5 + 9 + 5
/** Room for a write's client id, number and floor. */
const writeBytesMax = 2 + 16 + 9 + 9

const none = new Uint8Array(0)

export class RequestWriter extends Writer {
  /** `ping`, `node_status`, `node_config`, `node_topology`, `cluster_status`: no arguments. */
  plainRequest(opcode: number, requestId: number, epoch: number, timeLeftMs: number): void {
    this.endFrame(this.head(4, opcode, requestId, epoch, timeLeftMs))
  }

  /** `get`, `get_expiry`: an alias; `stop_node`: a reason; `cluster_recover`: nodes. */
  aliasRequest(
    opcode: number,
    requestId: number,
    epoch: number,
    timeLeftMs: number,
    alias: Uint8Array,
  ): void {
    const frame = this.head(5, opcode, requestId, epoch, timeLeftMs)
    this.byteString(alias)
    this.endFrame(frame)
  }

  /**
   * Every operation that changes an entry.
   * @param client 16 bytes
   * @param number from 1; @param floor at most `number`
   * @param content, comparand, expiresMs: ignored by operations that do not carry them
   */
  writeRequest(
    opcode: number,
    requestId: number,
    epoch: number,
    timeLeftMs: number,
    client: Uint8Array,
    number: number,
    floor: number,
    alias: Uint8Array,
    content: Uint8Array = none,
    comparand: Uint8Array = none,
    expiresMs: number = 0,
  ): void {
    assert(client.length === 16, "a client id has 16 bytes")
    const frame = this.head(writeElements(opcode), opcode, requestId, epoch, timeLeftMs)
    this.ensure(writeBytesMax)
    this.byteString(client)
    this.unsigned(number)
    this.unsigned(floor)
    this.byteString(alias)
    switch (opcode) {
      case operation.put:
      case operation.update:
      case operation.get_update:
        this.byteString(content)
        this.unsigned(expiresMs)
        break
      case operation.cas:
        this.byteString(content)
        this.byteString(comparand)
        this.unsigned(expiresMs)
        break
      case operation.remove_if:
        this.byteString(comparand)
        break
      case operation.expires_at:
      case operation.expires_from_now:
        this.unsigned(expiresMs)
        break
    }
    this.endFrame(frame)
  }

  /**
   * `prefix_get`, or `slots_list` where `opcode` says so: one piece of a list.
   * @param cursorSlot, cursorAfter: 0 and empty for the first piece, then as the reply before said
   */
  prefixRequest(
    requestId: number,
    epoch: number,
    timeLeftMs: number,
    prefix: Uint8Array,
    cursorSlot: number,
    cursorAfter: Uint8Array,
    bytesMax: number,
    opcode: number = operation.prefix_get,
  ): void {
    const frame = this.head(8, opcode, requestId, epoch, timeLeftMs)
    this.byteString(prefix)
    this.unsigned(cursorSlot)
    this.byteString(cursorAfter)
    this.unsigned(bytesMax)
    this.endFrame(frame)
  }

  /** `cluster_plan`: how many nodes to add, and which to remove. */
  planRequest(
    requestId: number,
    epoch: number,
    timeLeftMs: number,
    added: number,
    removed: Uint8Array,
  ): void {
    const frame = this.head(6, operation.cluster_plan, requestId, epoch, timeLeftMs)
    this.unsigned(added)
    this.byteString(removed)
    this.endFrame(frame)
  }

  /** `cluster_remove_node`. */
  removeNodeRequest(
    requestId: number,
    epoch: number,
    timeLeftMs: number,
    node: Uint8Array,
    force: number,
  ): void {
    const frame = this.head(6, operation.cluster_remove_node, requestId, epoch, timeLeftMs)
    this.byteString(node)
    this.unsigned(force)
    this.endFrame(frame)
  }

  /** `cluster_set`. */
  setRequest(
    requestId: number,
    epoch: number,
    timeLeftMs: number,
    setting: Uint8Array,
    value: Uint8Array,
  ): void {
    const frame = this.head(6, operation.cluster_set, requestId, epoch, timeLeftMs)
    this.byteString(setting)
    this.byteString(value)
    this.endFrame(frame)
  }

  private head(count: number, opcode: number, requestId: number, epoch: number, timeLeftMs: number): number {
    this.ensure(headBytesMax)
    const frame = this.position
    this.bytes[frame + 4] = 0x90 | count
    this.position = frame + 5
    this.unsigned(opcode)
    this.unsigned(requestId)
    this.unsigned(epoch)
    this.unsigned(timeLeftMs)
    return frame
  }
}

function writeElements(opcode: number): number {
  switch (opcode) {
    case operation.put:
    case operation.update:
    case operation.get_update:
      return 10
    case operation.cas:
      return 11
    case operation.remove_if:
    case operation.expires_at:
    case operation.expires_from_now:
      return 9
    default:
      assert(
        opcode === operation.remove || opcode === operation.get_remove,
        "an operation that changes an entry",
      )
      return 8
  }
}
