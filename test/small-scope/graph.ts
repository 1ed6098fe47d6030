/**
 * Copies and names of a machine that is made of objects with methods, for exploring it exhaustively: a node's data path is
 * lists, tables and cursors that refer to each other, and not a record of plain data as a seat is (`snapshot.ts`).
 *
 * A *shell* is a machine that the ordinary constructors have made; it is there once and runs every step. A *copy* is its
 * graph of objects without what says nothing of the state. To run a step of a state, its copy is grafted into the shell:
 * what the constructors bound to each other (methods as callbacks) stays bound, and all state is the copy's.
 *
 * Arrays of bytes are written once and never again here, so they are shared and named by their content.
 */
import { Names } from "./snapshot.ts"

export interface Rules {
  /** Objects of these classes say nothing of the state: cursors, counters. */
  readonly scratch: ReadonlySet<object>
  /** Nor do fields of these names: caches. */
  readonly scratchFields: ReadonlySet<string>
}

type Fields = Record<string, unknown>

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
}

export class Graphs {
  private readonly rules: Rules
  private readonly shared = new Names()
  private readonly byBytes = new Map<string, number>()
  private readonly used = new Set<object>()
  private readonly named = new WeakMap<Uint8Array, number>()

  constructor(rules: Rules) {
    this.rules = rules
  }

  /** @returns a copy that `graft` takes */
  copy<A extends object>(from: A): A {
    this.used.clear()
    return this.copied(from, undefined, new Map()) as A
  }

  /** Gives `to` the state of `from`. */
  graft(from: object, to: object): void {
    this.used.clear()
    this.fields(from as Fields, to as Fields, new Map([[from, to]]))
  }

  private fields(from: Fields, to: Fields, known: Map<object, object>): void {
    for (const key of Object.keys(from)) {
      if (this.rules.scratchFields.has(key)) continue
      const value = from[key]
      if (typeof value === "function") to[key] ??= value
      else to[key] = isObject(value) ? this.copied(value, to[key], known) : value
    }
  }

  private copied(value: object, there: unknown, known: Map<object, object>): object {
    if (Object.isFrozen(value)) return value
    const before = known.get(value)
    if (before !== undefined) return before
    if (value instanceof Uint8Array || value instanceof DataView) return value
    if (ArrayBuffer.isView(value)) return (value as Int32Array).slice()
    const item = (each: unknown) => (isObject(each) ? this.copied(each, undefined, known) : each)
    if (Array.isArray(value)) {
      const array: unknown[] = []
      known.set(value, array)
      for (const each of value) array.push(item(each))
      return array
    }
    if (value instanceof Map) {
      const map = new Map()
      known.set(value, map)
      for (const [key, each] of value) map.set(item(key), item(each))
      return map
    }
    if (value instanceof Set) {
      const set = new Set()
      known.set(value, set)
      for (const each of value) set.add(item(each))
      return set
    }
    if (this.rules.scratch.has(value.constructor)) return isObject(there) ? there : value
    const prototype = Object.getPrototypeOf(value)
    // One object of the shell for each: in the state that it was left in, two fields may have named the same.
    const isTwin = isObject(there) && !this.used.has(there) && Object.getPrototypeOf(there) === prototype
    const target = isTwin && !Object.isFrozen(there) ? there : Object.create(prototype)
    this.used.add(target)
    known.set(value, target)
    this.fields(value as Fields, target, known)
    return target
  }

  /** @returns a text that two graphs share only if they are the same state */
  describe(root: object): string {
    const seen = new Map<object, number>()
    let text = ""
    const walk = (value: unknown): void => {
      if (typeof value === "string") text += JSON.stringify(value)
      else if (typeof value === "function") text += "f"
      else if (!isObject(value)) text += String(value)
      else if (value instanceof Uint8Array) text += `b${this.bytes(value)}`
      else if (value instanceof DataView || this.rules.scratch.has(value.constructor)) text += "-"
      else if (Object.isFrozen(value) && !isMessage(value)) text += `#${this.shared.of(value)}`
      else if (ArrayBuffer.isView(value)) text += `[${(value as Int32Array).join()}]`
      else {
        const before = seen.get(value)
        if (before !== undefined) {
          text += `@${before}`
          return
        }
        seen.set(value, seen.size)
        inside(value)
      }
    }
    const inside = (value: object): void => {
      if (Array.isArray(value) || value instanceof Set) {
        text += "["
        for (const each of value) {
          walk(each)
          text += ","
        }
        text += "]"
      } else if (value instanceof Map) {
        text += "<"
        for (const key of [...value.keys()].sort()) {
          text += `${String(key)}:`
          walk(value.get(key))
          text += ","
        }
        text += ">"
      } else {
        text += "{"
        for (const key of Object.keys(value)) {
          if (this.rules.scratchFields.has(key)) continue
          walk((value as Fields)[key])
          text += ","
        }
        text += "}"
      }
    }
    walk(root)
    return text
  }

  private bytes(value: Uint8Array): number {
    let number = this.named.get(value)
    if (number === undefined) {
      const text = latin1(value)
      number = this.byBytes.get(text)
      if (number === undefined) this.byBytes.set(text, (number = this.byBytes.size))
      this.named.set(value, number)
    }
    return number
  }
}

/** A frozen thing that holds bytes cannot be named by `Names`. */
function isMessage(value: object): boolean {
  return "bytes" in value
}
