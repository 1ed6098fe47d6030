/**
 * The simulator's queue of things to come: a binary heap by time, then by order of arrival, so that equal times have one
 * order. Times and orders lie in typed arrays and the items beside them; pushing and popping allocate nothing once the
 * arrays have grown.
 */
export class EventHeap<Item> {
  private times = new Float64Array(1024)
  private orders = new Float64Array(1024)
  private items: (Item | undefined)[] = []
  private size = 0
  private pushed = 0

  get length(): number {
    return this.size
  }

  /** Time of the next item; infinite where there is none. */
  get nextMs(): number {
    return this.size === 0 ? Number.POSITIVE_INFINITY : (this.times[0] as number)
  }

  push(atMs: number, item: Item): void {
    if (Number.isNaN(atMs)) throw new Error("a time is a number")
    if (this.size === this.times.length) this.grow()
    const order = this.pushed++
    let index = this.size++
    while (index > 0) {
      const parent = (index - 1) >> 1
      // A later order never goes before an equal time.
      if ((this.times[parent] as number) <= atMs) break
      this.copy(parent, index)
      index = parent
    }
    this.set(index, atMs, order, item)
  }

  pop(): Item | undefined {
    if (this.size === 0) return undefined
    const first = this.items[0]
    const last = --this.size
    const atMs = this.times[last] as number
    const order = this.orders[last] as number
    const item = this.items[last] as Item
    this.items[last] = undefined
    if (last === 0) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= last) break
      if (child + 1 < last && this.precedes(child + 1, child)) child++
      const childMs = this.times[child] as number
      if (atMs < childMs || (atMs === childMs && order < (this.orders[child] as number))) break
      this.copy(child, index)
      index = child
    }
    this.set(index, atMs, order, item)
    return first
  }

  private precedes(a: number, b: number): boolean {
    const difference = (this.times[a] as number) - (this.times[b] as number)
    return difference < 0 || (difference === 0 && (this.orders[a] as number) < (this.orders[b] as number))
  }

  private copy(source: number, target: number): void {
    this.times[target] = this.times[source] as number
    this.orders[target] = this.orders[source] as number
    this.items[target] = this.items[source]
  }

  private set(index: number, atMs: number, order: number, item: Item): void {
    this.times[index] = atMs
    this.orders[index] = order
    this.items[index] = item
  }

  private grow(): void {
    const times = new Float64Array(this.times.length * 2)
    times.set(this.times)
    this.times = times
    const orders = new Float64Array(times.length)
    orders.set(this.orders)
    this.orders = orders
  }
}
