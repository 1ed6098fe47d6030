/**
 * The state of one entry at the moment an operation is evaluated: nothing, an entry of the table in memory, or one that
 * an earlier operation has prepared and that still lies in its log record.
 *
 * The primary evaluates against committed state *plus its own prepared operations* (PacificA §2.3), so that two puts of
 * one alias in one batch do not both succeed. One object is reused; nothing is copied until somebody asks.
 */
import type { EntryMemory } from "./memory.ts"

export class CurrentEntry {
  exists = false
  /** The entry is there but its expiry has passed: whoever answers "absent" must first see its removal committed. */
  expired = false
  expiresAtMs = 0
  length = 0
  private memory: EntryMemory | undefined
  private handle = 0
  private bytes: Uint8Array = new Uint8Array(0)
  private start = 0

  setAbsent(): void {
    this.exists = false
    this.expired = false
    this.expiresAtMs = 0
    this.length = 0
    this.memory = undefined
  }

  setResident(memory: EntryMemory, handle: number, nowMs: number): void {
    this.memory = memory
    this.handle = handle
    this.length = memory.contentLength(handle)
    this.setExpiry(memory.expiresAtMs(handle), nowMs)
  }

  setPrepared(bytes: Uint8Array, start: number, length: number, expiresAtMs: number, nowMs: number): void {
    this.memory = undefined
    this.bytes = bytes
    this.start = start
    this.length = length
    this.setExpiry(expiresAtMs, nowMs)
  }

  private setExpiry(expiresAtMs: number, nowMs: number): void {
    this.expiresAtMs = expiresAtMs
    this.expired = expiresAtMs !== 0 && expiresAtMs <= nowMs
    this.exists = !this.expired
  }

  equals(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.memory !== undefined) return this.memory.contentEquals(this.handle, bytes, start, end)
    if (this.length !== end - start) return false
    for (let i = 0; i < this.length; i++) if (this.bytes[this.start + i] !== bytes[start + i]) return false
    return true
  }

  /** Copies the content into `target` at `offset`. */
  copy(target: Uint8Array, offset: number): void {
    if (this.memory !== undefined) this.memory.copyContent(this.handle, target, offset)
    else target.set(this.bytes.subarray(this.start, this.start + this.length), offset)
  }
}
