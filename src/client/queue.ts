/** A first-in-first-out queue without the linear cost of `Array.shift`. Its bound is the caller's. */
export class Queue<A> {
  private items: A[] = []
  private head = 0

  get length(): number {
    return this.items.length - this.head
  }

  push(item: A): void {
    this.items.push(item)
  }

  peek(): A | undefined {
    return this.items[this.head]
  }

  shift(): A | undefined {
    const item = this.items[this.head]
    if (item === undefined) return undefined
    this.items[this.head++] = undefined as A
    if (this.head === this.items.length) {
      this.items.length = this.head = 0
    } else if (this.head >= 1024 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head)
      this.head = 0
    }
    return item
  }

  clear(): void {
    this.items = []
    this.head = 0
  }

  /** Drops all items but those that are `wanted`. */
  keep(wanted: (item: A) => boolean): void {
    this.items = this.items.slice(this.head).filter(wanted)
    this.head = 0
  }

  *[Symbol.iterator](): IterableIterator<A> {
    for (let i = this.head; i < this.items.length; i++) yield this.items[i] as A
  }
}
