/**
 * One request that its caller waits for: what to send, how often that was tried, and whom to tell. The same object lives
 * through all attempts, so that a retry is the same request under the same number.
 */
import { isOrder, isWrite, operation } from "../core/entry/operation.ts"
import type { Reply } from "../wire/reply.ts"
import type { QdbError } from "./error.ts"
import type { Lane } from "./lane.ts"

export const pendingState = {
  /** In a queue of the machine, to be sent as soon as there is room. */
  waiting: 0,
  /** On the connection; `requestId` says where. */
  sent: 1,
  /** Refused for now; to be sent again from `notBeforeMs` on. */
  delayed: 2,
  /** Its caller was told. */
  settled: 3,
} as const

export type PendingState = (typeof pendingState)[keyof typeof pendingState]

const none = new Uint8Array(0)

/** Room that a request takes in a frame besides its alias, content and comparand. */
const headBytes = 96

export class Pending {
  readonly opcode: number
  /** The alias; of `prefix_get` the prefix; of `stop_node` the reason; of other orders nodes, or a setting's name. */
  readonly alias: Uint8Array
  /** The content; of `cluster_set` the value. */
  readonly content: Uint8Array
  readonly comparand: Uint8Array
  readonly expiresMs: number
  readonly timeoutMs: number
  readonly write: boolean
  /** Order of submission. */
  sequence = 0
  cursorSlot = 0
  cursorAfter: Uint8Array = none
  /** Of `slots_list` bytes wanted at most; of `cluster_plan` how many nodes to add; of `cluster_remove_node` 1 = even if the factor falls. */
  quantity = 0

  state: PendingState = pendingState.waiting
  /** The alias's, once it is known. */
  slot = -1
  /** Of `slots_list`: the view that it is meant for; else that of the client. */
  epoch: number | undefined = undefined
  /** Where it is, or was the last time; of a question of the client's own: where it is to go. */
  lane: Lane | undefined = undefined
  /** Of a write, from its first sending on. */
  number = 0
  requestId = 0
  deadlineMs = 0
  notBeforeMs = 0
  /** Whether any attempt was put on a connection. */
  wasSent = false
  /** Whether the fate of any attempt is unknown: it was lost with its connection, or a node said so. */
  fateUnknown = false
  refusals = 0
  /** Refusals since it was last worth trying another node. */
  refusalsHere = 0
  lastError: QdbError | undefined = undefined
  /** Called when it is settled, before its caller is told. */
  ended: (() => void) | undefined = undefined

  /** Reads the result in place and tells the caller; throws where the reply has another shape than it should. */
  readonly succeed: (reply: Reply) => void
  readonly fail: (error: QdbError) => void

  constructor(
    opcode: number,
    timeoutMs: number,
    succeed: (reply: Reply) => void,
    fail: (error: QdbError) => void,
    alias: Uint8Array = none,
    content: Uint8Array = none,
    comparand: Uint8Array = none,
    expiresMs: number = 0,
  ) {
    this.opcode = opcode
    this.timeoutMs = timeoutMs
    this.succeed = succeed
    this.fail = fail
    this.alias = alias
    this.content = content
    this.comparand = comparand
    this.expiresMs = expiresMs
    this.write = isWrite(opcode)
  }

  /** Bytes that it takes in a frame, at most. */
  get bytes(): number {
    return (
      headBytes + this.alias.length + this.content.length + this.comparand.length + this.cursorAfter.length
    )
  }

  /** Whether it concerns the entry of its alias, and so one slot. */
  get isKeyed(): boolean {
    return this.write || this.opcode === operation.get || this.opcode === operation.get_expiry
  }

  /**
   * `stop_node` stops whatever node it reaches: sent a second time it could stop another one. `slots_list` is for one view,
   * which another attempt would not find again.
   */
  get onlyOnce(): boolean {
    return this.opcode === operation.stop_node || this.opcode === operation.slots_list
  }

  /** Whether it can have had an effect that nobody has told us of. */
  get mayHaveHadEffect(): boolean {
    return this.wasSent && (this.write || isOrder(this.opcode))
  }
}
