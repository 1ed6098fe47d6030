/**
 * Where the core puts the records it wants persisted: bytes in a buffer of the driver's, which hands them to the log at
 * the end of the turn. Positions count all bytes ever appended, so they never wrap (2^53).
 */
export interface RecordSink {
  /**
   * Makes room for one record of `length` bytes (a multiple of 8), contiguous. Sets `bytes` and `view` to the buffer that
   * holds it and returns its offset there. The driver has made sure that there is room before it handed in the event.
   */
  reserve(length: number): number
  bytes: Uint8Array
  view: DataView
  /** End of the last reserved record. */
  position: number
  /**
   * The core reads nothing up to here any more: the place of these records may be used again once they are on disk. (That
   * they are applied is told by `Storage.settle`.)
   */
  release(position: number): void
}
