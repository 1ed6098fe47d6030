/** A data directory of the data path: its log, as records in buffers of their own. */
export interface LogRecord {
  readonly bytes: Uint8Array
  /** Where the record begins in `bytes`. */
  readonly offset: number
  /** Where it ends in the log. */
  readonly end: number
}

export interface DataContents {
  readonly records: readonly LogRecord[]
  /** Raised at every start; numbers the slots' epochs. */
  readonly boot: number
}

export const emptyDirectory: DataContents = Object.freeze({ records: Object.freeze([]), boot: 0 })
