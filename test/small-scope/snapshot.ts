/**
 * Copies and names of a node's state, for exploring it exhaustively.
 *
 * Exploration is finite because every instant in the state is a deadline that the code only compares with "now": so time
 * is kept relative. A snapshot is always seen at the instant `nowMs`, deadlines that have passed are all the same past, and
 * time passing is deadlines moving closer. The names of the fields tell which are deadlines.
 */

/** The instant at which every snapshot is taken. */
export const nowMs = 1_000_000
const pastMs = nowMs - 1
export const now = Object.freeze({ monotonicMs: nowMs, wallMs: nowMs })

type Fields = Record<string, unknown>

/** Deep copy of plain data; what is frozen is immutable and shared. */
export function copy<A>(value: A): A {
  return isShared(value) ? value : (copyInside(value as object) as A)
}

function isShared(value: unknown): boolean {
  return typeof value !== "object" || value === null || Object.isFrozen(value)
}

function copyInside(value: object): object {
  if (Array.isArray(value)) {
    const target: unknown[] = []
    for (const item of value) target.push(isShared(item) ? item : copyInside(item as object))
    return target
  }
  if (value instanceof Map) {
    const target = new Map<unknown, unknown>()
    for (const [key, item] of value) target.set(key, isShared(item) ? item : copyInside(item as object))
    return target
  }
  if (value instanceof Set) return new Set(value)
  const target: Fields = {}
  for (const key in value) {
    const item = (value as Fields)[key]
    target[key] = isShared(item) ? item : copyInside(item as object)
  }
  return target
}

/** Moves all deadlines of `state` by `-elapsedMs`; those that have passed become one and the same. In place. */
export function age(state: object, elapsedMs: number): void {
  for (const key in state) {
    const value = (state as Fields)[key]
    if (typeof value === "number") {
      if (!isDeadline(key)) continue
      const left = value - elapsedMs
      ;(state as Fields)[key] = left > nowMs ? left : pastMs
    } else if (value instanceof Map) {
      if (!isDeadline(key)) continue
      for (const [name, until] of value as Map<unknown, number>) {
        if (until - elapsedMs > nowMs) value.set(name, until - elapsedMs)
        else value.delete(name)
      }
    } else if (!isShared(value) && !(value instanceof Set)) age(value as object, elapsedMs)
  }
}

function isDeadline(key: string): boolean {
  return key.endsWith("AtMs") || key.endsWith("UntilMs")
}

/** @returns whether some deadline of `state`, but those named, is still to come */
export function hasDeadline(state: object): boolean {
  return Object.entries(state).some(([key, value]) => {
    if (typeof value === "number") return isDeadline(key) && value > nowMs
    if (value instanceof Map) return isDeadline(key) && value.size > 0
    return (
      typeof value === "object" && value !== null && !Object.isFrozen(value) && hasDeadline(value as object)
    )
  })
}

/** Numbers for values, equal for equal ones; of frozen values the number is remembered with the object. */
export class Names {
  private readonly byText = new Map<string, number>()
  private readonly orders = new Map<string, readonly string[]>()
  private readonly values: unknown[] = []
  private readonly frozen = new WeakMap<object, number>()
  /** Names of the frozen parts of values. */
  private readonly parts: Names

  constructor(parts?: Names) {
    this.parts = parts ?? this
  }

  /** @returns the number of a value that equals this one */
  of(value: unknown): number {
    if (typeof value !== "object" || value === null || !Object.isFrozen(value)) {
      return this.intern(this.text(value), value)
    }
    let number = this.frozen.get(value)
    if (number === undefined) this.frozen.set(value, (number = this.intern(this.inside(value), value)))
    return number
  }

  value(number: number): unknown {
    return this.values[number]
  }

  private intern(text: string, value: unknown): number {
    let number = this.byText.get(text)
    if (number === undefined) {
      this.byText.set(text, (number = this.values.length))
      this.values.push(value)
    }
    return number
  }

  private text(value: unknown): string {
    if (typeof value === "string") return `"${value}"`
    if (typeof value !== "object" || value === null) return String(value)
    return Object.isFrozen(value) ? `#${this.parts.of(value)}` : this.inside(value)
  }

  private inside(value: object): string {
    let text = ""
    if (Array.isArray(value)) {
      for (const item of value) text += `${this.text(item)},`
      return `[${text}]`
    }
    if (value instanceof Map) {
      const keys = [...value.keys()].sort()
      for (const key of keys) text += `${String(key)}:${this.text(value.get(key))},`
      return `<${text}>`
    }
    if (value instanceof Set) return `<${[...value].sort().join()}>`
    // The order in which fields were set says nothing.
    for (const key of this.sorted(value)) text += `${key}:${this.text((value as Fields)[key])},`
    return `{${text}}`
  }

  /** Objects of a kind have their fields set in the same order, nearly always: each such order is sorted once. */
  private sorted(value: object): readonly string[] {
    const keys = Object.keys(value)
    const order = keys.join()
    let sorted = this.orders.get(order)
    if (sorted === undefined) this.orders.set(order, (sorted = keys.sort()))
    return sorted
  }
}
