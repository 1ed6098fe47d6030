/**
 * What the thread that owns sockets and the one that commits share beside the ring's bytes. Each cell has one writer.
 * Whole numbers below 2^53 are kept in 64-bit cells, since positions count all bytes ever appended.
 */
const bigCells = 10
const smallCells = 9
/** Commit times: four buckets per power of two of microseconds. */
const bucketCells = 128
export const controlBytes = bigCells * 8 + (smallCells + bucketCells) * 4

const big = {
  head: 0,
  headPosition: 1,
  durable: 2,
  cutBatch: 3,
  batch: 4,
  free: 5,
  settled: 6,
  kept: 7,
  firstBatch: 8,
  checkedFrom: 9,
} as const
const small = {
  wake: 0,
  progress: 1,
  stop: 2,
  full: 3,
  commits: 4,
  microsMax: 5,
  abandon: 6,
  fileWanted: 7,
  fileMade: 8,
} as const

export class LogControl {
  readonly shared: SharedArrayBuffer
  private readonly big: BigInt64Array<SharedArrayBuffer>
  private readonly small: Int32Array<SharedArrayBuffer>
  private readonly buckets: Int32Array<SharedArrayBuffer>

  constructor(shared = new SharedArrayBuffer(controlBytes)) {
    this.shared = shared
    this.big = new BigInt64Array(shared, 0, bigCells)
    this.small = new Int32Array(shared, bigCells * 8, smallCells)
    this.buckets = new Int32Array(shared, bigCells * 8 + smallCells * 4, bucketCells)
  }

  private get(cell: number): number {
    return Number(Atomics.load(this.big, cell))
  }
  private set(cell: number, value: number): void {
    Atomics.store(this.big, cell, BigInt(value))
  }

  /** Bytes of records and stubs that have gone through the ring; written by the appender. */
  get head(): number {
    return this.get(big.head)
  }
  /** Everything up to here is durable; written by the committer. */
  get durable(): number {
    return this.get(big.durable)
  }
  /** Last durable batch. */
  get batch(): number {
    return this.get(big.batch)
  }
  /** Batches up to here are in the table for good: the log may let go of them. */
  get cutBatch(): number {
    return this.get(big.cutBatch)
  }
  /** The oldest batch that the log holds: those before it may be gone at any moment. */
  get firstBatch(): number {
    return this.get(big.firstBatch)
  }
  set firstBatch(batch: number) {
    this.set(big.firstBatch, batch)
  }
  /** The first batch that the start has read; what lies before it may be torn. */
  get checkedFrom(): number {
    return this.get(big.checkedFrom)
  }
  set checkedFrom(batch: number) {
    this.set(big.checkedFrom, batch)
  }
  /** Bytes of the log's files that hold nothing, told by the committer now and then. */
  get free(): number {
    return this.get(big.free)
  }
  set free(bytes: number) {
    this.set(big.free, bytes)
  }
  set cutBatch(batch: number) {
    this.set(big.cutBatch, batch)
  }

  /** Everything up to here may be taken over into the table; written by the appender. */
  get settled(): number {
    return this.get(big.settled)
  }
  set settled(position: number) {
    this.set(big.settled, position)
  }
  /** Bytes of the log to keep for replicas behind what is durable. */
  get keptBytes(): number {
    return this.get(big.kept)
  }
  set keptBytes(bytes: number) {
    this.set(big.kept, bytes)
  }

  // The appender's side

  publish(head: number): void {
    this.set(big.head, head)
    this.wake()
  }
  wake(): void {
    Atomics.add(this.small, small.wake, 1)
    Atomics.notify(this.small, small.wake)
  }
  stop(): void {
    Atomics.store(this.small, small.stop, 1)
    this.wake()
  }
  /** As `stop`, but nothing more is to be committed. */
  abandon(): void {
    Atomics.store(this.small, small.abandon, 1)
    this.wake()
  }
  /** Resolves when the committer has announced something since `seen`. */
  async progress(seen: number): Promise<number> {
    const waiting = Atomics.waitAsync(this.small, small.progress, seen)
    if (waiting.async) await waiting.value
    return this.progressCount
  }
  /** Ends a wait of `progress` without news. */
  interrupt(): void {
    this.signal()
  }
  get progressCount(): number {
    return Atomics.load(this.small, small.progress)
  }
  get full(): boolean {
    return Atomics.load(this.small, small.full) === 1
  }

  // The committer's side

  get wakeCount(): number {
    return Atomics.load(this.small, small.wake)
  }
  get stopping(): boolean {
    return Atomics.load(this.small, small.stop) === 1
  }
  get abandoned(): boolean {
    return Atomics.load(this.small, small.abandon) === 1
  }
  /** Sleeps until somebody wakes it after `seen` was read, or the time is over. @returns whether it is */
  sleep(seen: number, timeoutMs: number): boolean {
    return Atomics.wait(this.small, small.wake, seen, timeoutMs) === "timed-out"
  }
  announce(durable: number, batch: number): void {
    this.set(big.batch, batch)
    this.set(big.durable, durable)
    this.signal()
  }
  setFull(full: boolean): void {
    if (Atomics.exchange(this.small, small.full, full ? 1 : 0) !== (full ? 1 : 0)) this.signal()
  }
  private signal(): void {
    Atomics.add(this.small, small.progress, 1)
    Atomics.notify(this.small, small.progress)
  }

  // Files for the log: the committer asks, the helper answers

  wantFile(number: number): void {
    Atomics.store(this.small, small.fileWanted, number)
    this.signal()
  }
  /** The file that was asked for last, 0: none. */
  get fileWanted(): number {
    return Atomics.load(this.small, small.fileWanted)
  }
  fileMade(number: number, isThere: boolean): void {
    Atomics.store(this.small, small.fileMade, isThere ? number : -number)
    this.wake()
  }
  /** What became of the file of this number: undefined as long as it is being made. */
  isFileThere(number: number): boolean | undefined {
    const made = Atomics.load(this.small, small.fileMade)
    return Math.abs(made) === number ? made > 0 : undefined
  }

  // Figures

  countCommit(micros: number): void {
    Atomics.add(this.small, small.commits, 1)
    const whole = Math.min(Math.max(1, Math.round(micros)), 2 ** 31 - 1)
    if (whole > Atomics.load(this.small, small.microsMax)) Atomics.store(this.small, small.microsMax, whole)
    Atomics.add(this.buckets, Math.min(bucketCells - 1, Math.floor(Math.log2(whole) * 4)), 1)
  }
  get commits(): number {
    return Atomics.load(this.small, small.commits)
  }
  get microsMax(): number {
    return Atomics.load(this.small, small.microsMax)
  }
  /** @returns the upper bound of the bucket in which this share (0 to 1) of commits ends, µs */
  micros(share: number): number {
    let left = this.commits * share
    for (let i = 0; i < bucketCells; i++) {
      left -= Atomics.load(this.buckets, i)
      if (left <= 0) return this.commits === 0 ? 0 : Math.min(this.microsMax, Math.round(2 ** ((i + 1) / 4)))
    }
    return this.microsMax
  }
}
