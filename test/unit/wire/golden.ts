/** The format of `golden.json`: JSON, in which `{"bin": "…"}` stands for bytes in hexadecimal. */
import type { Value, ValueMap } from "../../../src/wire/writer.ts"

export interface Golden {
  readonly name: string
  readonly kind: "hello" | "request" | "reply" | "refused" | "accepted"
  readonly meaning: string
  /** The message, where it is in the shortest encoding; else only its frame is given. */
  readonly message?: Value
  readonly error?: string
  /** The whole frame with its length, in hexadecimal. */
  readonly frame: string
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
}

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

/** @returns the value that JSON notes, with its bytes */
export function valueOf(json: Value): Value {
  if (Array.isArray(json)) return json.map(valueOf)
  if (json === null || typeof json !== "object") return json
  const { bin } = json as ValueMap
  if (typeof bin === "string") return bytesOf(bin)
  return Object.fromEntries(Object.entries(json).map(([key, item]) => [key, valueOf(item as Value)]))
}
