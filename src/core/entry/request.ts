/**
 * One decoded request, in place: offsets into the frame's bytes, nothing copied. One object is reused for all requests of
 * a connection; it is good only during the call that is given it.
 *
 * Fields that an operation does not carry hold 0 (offsets: an empty range).
 */
export class Request {
  bytes: Uint8Array = new Uint8Array(0)
  /** The frame's array within `bytes`: all other ranges lie inside. */
  frameStart = 0
  frameEnd = 0
  /** Monotonic instant at which the node took it. */
  arrivedMs = 0
  opcode = 0
  requestId = 0
  /** The sender's view epoch. */
  epoch = 0
  /** What the client will still wait, ms. */
  timeLeftMs = 0
  /** Offset of the 16 bytes of the client id. */
  clientStart = 0
  number = 0
  floor = 0
  /** The alias; of `prefix_get` the prefix; of `stop_node` the reason; of orders and plans nodes, or a setting's name. */
  aliasStart = 0
  aliasEnd = 0
  /** The content; of `cluster_set` the setting's value. */
  contentStart = 0
  contentEnd = 0
  comparandStart = 0
  comparandEnd = 0
  /** Absolute ms since the epoch (0 = never); of `expires_from_now` the difference in ms. */
  expiresMs = 0
  /** Of `prefix_get`: the slot to go on in, and the alias to go on behind (an empty range = from the slot's start). */
  cursorSlot = 0
  cursorStart = 0
  cursorEnd = 0
  /** Of `prefix_get`: bytes of aliases wanted at most. */
  bytesMax = 0
  /** Of `cluster_plan`: how many nodes are to be added; of `cluster_remove_node`: 1 = even if the factor falls. */
  quantity = 0

  /** @returns a copy with bytes of its own, for a request that has to outlive its frame */
  copy(): Request {
    const copied = new Request()
    const shift = this.frameStart
    copied.bytes = this.bytes.slice(shift, this.frameEnd)
    copied.frameEnd = this.frameEnd - shift
    copied.arrivedMs = this.arrivedMs
    copied.opcode = this.opcode
    copied.requestId = this.requestId
    copied.epoch = this.epoch
    copied.timeLeftMs = this.timeLeftMs
    copied.clientStart = this.clientStart - shift
    copied.number = this.number
    copied.floor = this.floor
    copied.aliasStart = this.aliasStart - shift
    copied.aliasEnd = this.aliasEnd - shift
    copied.contentStart = this.contentStart - shift
    copied.contentEnd = this.contentEnd - shift
    copied.comparandStart = this.comparandStart - shift
    copied.comparandEnd = this.comparandEnd - shift
    copied.expiresMs = this.expiresMs
    copied.cursorSlot = this.cursorSlot
    copied.cursorStart = this.cursorStart - shift
    copied.cursorEnd = this.cursorEnd - shift
    copied.bytesMax = this.bytesMax
    copied.quantity = this.quantity
    return copied
  }
}
