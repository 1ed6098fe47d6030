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

/** Deep copy of plain data; what is frozen is immutable and shared. */
export function copy<A>(value: A): A {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value
  if (Array.isArray(value)) return value.map((item) => copy(item)) as A
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, copy(item)])) as A
  if (value instanceof Set) return new Set(value) as A
  const target: Record<string, unknown> = {}
  for (const key of Object.keys(value)) target[key] = copy((value as Record<string, unknown>)[key])
  return target as A
}

/** Moves all deadlines of `state` by `-elapsedMs`; those that have passed become one and the same. In place. */
export function age(state: object, elapsedMs: number): void {
  for (const [key, value] of Object.entries(state)) {
    const isDeadline = key.endsWith("AtMs") || key.endsWith("UntilMs")
    if (isDeadline && typeof value === "number") {
      const left = value - elapsedMs
      Object.assign(state, { [key]: left > nowMs ? left : pastMs })
    } else if (isDeadline && value instanceof Map) {
      for (const [name, until] of value as Map<unknown, number>) {
        if (until - elapsedMs > nowMs) value.set(name, until - elapsedMs)
        else value.delete(name)
      }
    } else if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
      if (!(value instanceof Map) && !(value instanceof Set)) age(value as object, elapsedMs)
    }
  }
}

/** @returns whether some deadline of `state`, but those named, is still to come */
export function hasDeadline(state: object): boolean {
  return Object.entries(state).some(([key, value]) => {
    const isDeadline = key.endsWith("AtMs") || key.endsWith("UntilMs")
    if (isDeadline && typeof value === "number") return value > nowMs
    if (value instanceof Map) return isDeadline && value.size > 0
    return (
      typeof value === "object" && value !== null && !Object.isFrozen(value) && hasDeadline(value as object)
    )
  })
}

/** Numbers for values, equal for equal ones; of frozen values the number is remembered with the object. */
export class Names {
  private readonly byText = new Map<string, number>()
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
    for (const key of Object.keys(value).sort())
      text += `${key}:${this.text((value as Record<string, unknown>)[key])},`
    return `{${text}}`
  }
}
