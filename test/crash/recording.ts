/**
 * A recording of everything that a process did to the files of a directory, taken by strace, and what a power failure at
 * any moment of it may leave behind.
 *
 * The model of a disk: what was written before an fsync of the file began is there once that fsync has ended. Of what was
 * written later, any part may be there: each write whole, not at all, or its first sectors. Names change at once, except
 * that a file which was removed may be back, with its synced content, until its directory is synced.
 */
import { readFileSync } from "node:fs"
import type { Prng } from "../../src/core/lib/prng.ts"

export type Event =
  | { readonly kind: "write"; readonly path: string; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: "sync"; readonly path: string; readonly begun: number }
  | { readonly kind: "truncate"; readonly path: string; readonly length: number }
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "rename"; readonly path: string; readonly to: string }
  | { readonly kind: "output"; readonly text: string }

/** Arguments for strace: paths of descriptors (`-y`), all bytes in hexadecimal. */
export const recordingArguments = (file: string) => [
  "-o",
  file,
  "-y",
  "-xx",
  "-s",
  "1100000",
  "-e",
  "trace=pwrite64,write,fsync,fdatasync,ftruncate,unlink,rename",
]

const callPattern = /^(\d+) +(\w+)\((.*)$/
const resumedPattern = /^(\d+) +<\.\.\. (\w+) resumed>(.*)$/

/** Hexadecimal escapes to bytes. */
function bytesOf(text: string): Buffer {
  return Buffer.from(text.replaceAll("\\x", ""), "hex")
}
const textOf = (text: string) => bytesOf(text).toString("latin1")

/** With `-xx` paths are escaped as well: `7<\x2f\x74...>`. */
function descriptorPath(text: string): string {
  const match = /^\d+<([^>]*)>/.exec(text)
  return match === null ? "" : textOf(match[1] as string)
}

/** @param file strace's output. @param directory only what happens below it counts, and what is written to descriptor 1 */
export function readRecording(file: string, directory: string): Event[] {
  const events: Event[] = []
  const unfinished = new Map<string, { call: string; rest: string; begun: number }>()
  for (const line of readFileSync(file, "latin1").split("\n")) {
    const resumed = resumedPattern.exec(line)
    if (resumed !== null) {
      const begun = unfinished.get(resumed[1] as string)
      unfinished.delete(resumed[1] as string)
      if (begun !== undefined)
        take(events, begun.call, begun.rest + (resumed[3] as string), begun.begun, directory)
      continue
    }
    const call = callPattern.exec(line)
    if (call === null) continue
    const [, thread, name, rest] = call as unknown as [string, string, string, string]
    if (rest.endsWith("<unfinished ...>"))
      unfinished.set(thread, {
        call: name,
        rest: rest.slice(0, -"<unfinished ...>".length),
        begun: events.length,
      })
    else take(events, name, rest, events.length, directory)
  }
  return events
}

function take(events: Event[], call: string, rest: string, begun: number, directory: string): void {
  const path = descriptorPath(rest)
  if (call === "write" && rest.startsWith("1<")) {
    const text = /"([^"]*)"/.exec(rest)
    if (text !== null) events.push({ kind: "output", text: textOf(text[1] as string) })
    return
  }
  if (call === "unlink" || call === "rename") {
    const names = [...rest.matchAll(/"([^"]*)"/g)].map((match) => textOf(match[1] as string))
    const [from, to] = names as [string, string | undefined]
    if (!from.startsWith(directory) || !rest.includes("= 0")) return
    if (to === undefined) events.push({ kind: "remove", path: from })
    else events.push({ kind: "rename", path: from, to })
    return
  }
  // The reserve holds nothing, and is written in one piece that strace would cut.
  if (!path.startsWith(directory) || path.endsWith("/RESERVE")) return
  if (call === "fsync" || call === "fdatasync") events.push({ kind: "sync", path, begun })
  else if (call === "ftruncate")
    events.push({ kind: "truncate", path, length: Number(/, (\d+) *\)/.exec(rest)?.[1]) })
  else if (call === "pwrite64" || call === "write") {
    const match = /"([^"]*)"(\.\.\.)?, (\d+)(?:, (\d+))? *\) += (\d+)/.exec(rest)
    if (match === null || match[2] !== undefined)
      throw new Error(`not understood: ${rest.slice(0, 60)} ... ${rest.slice(-60)}`)
    // Only small text files are written without an offset, each in one piece.
    events.push({
      kind: "write",
      path,
      offset: Number(match[4] ?? 0),
      bytes: bytesOf(match[1] as string).subarray(0, Number(match[5])),
    })
  }
}

type Change = Extract<Event, { kind: "write" | "truncate" }>

class DiskFile {
  /** What is certainly there. */
  durable: Buffer = Buffer.alloc(0)
  /** What may be, in order, with the event that did it. */
  pending: { readonly index: number; readonly change: Change }[] = []

  sync(begun: number): void {
    const later = this.pending.findIndex(({ index }) => index >= begun)
    const count = later === -1 ? this.pending.length : later
    for (const { change } of this.pending.splice(0, count))
      this.durable = applied(this.durable, change, change.kind === "write" ? change.bytes.length : 0)
  }
}

function applied(content: Buffer, change: Change, length: number): Buffer {
  if (change.kind === "truncate") {
    if (change.length <= content.length) return Buffer.from(content.subarray(0, change.length))
    return Buffer.concat([content, Buffer.alloc(change.length - content.length)])
  }
  let target = content
  if (change.offset + length > content.length) {
    target = Buffer.alloc(change.offset + length)
    content.copy(target)
  }
  change.bytes.copy(target, change.offset, 0, length)
  return target
}

/** Files as they may be after the power failed. */
export class Disk {
  private readonly files = new Map<string, DiskFile>()
  private readonly removed = new Map<string, DiskFile>()

  step(event: Event, index: number): void {
    switch (event.kind) {
      case "write":
      case "truncate":
        return void this.file(event.path).pending.push({ index, change: event })
      case "sync":
        if (this.files.has(event.path)) this.file(event.path).sync(event.begun)
        else this.removed.clear()
        return
      case "remove": {
        const file = this.files.get(event.path)
        this.files.delete(event.path)
        if (file !== undefined) this.removed.set(event.path, file)
        return
      }
      case "rename":
        this.files.set(event.to, this.file(event.path))
        this.files.delete(event.path)
        return
      case "output":
    }
  }

  private file(path: string): DiskFile {
    let file = this.files.get(path)
    if (file === undefined) {
      file = new DiskFile()
      this.files.set(path, file)
      this.removed.delete(path)
    }
    return file
  }

  /** What is left if the power fails now. @param prng chooses; without one, nothing that was not synced is left */
  fail(prng: Prng | undefined): Map<string, Buffer> {
    const left = new Map<string, Buffer>()
    for (const [path, file] of this.files) {
      let content: Buffer = Buffer.from(file.durable)
      for (const { change } of prng === undefined ? [] : file.pending) {
        const fate = (prng as Prng).below(4)
        if (fate === 0) continue
        const length = change.kind === "write" ? change.bytes.length : 0
        const torn =
          fate === 1 ? Math.min(length, 512 * (prng as Prng).below(1 + Math.ceil(length / 512))) : length
        if (fate === 1 && change.kind === "truncate") continue
        content = applied(content, change, torn)
      }
      left.set(path, content)
    }
    if (prng !== undefined)
      for (const [path, file] of this.removed)
        if (prng.chance(1, 3)) left.set(path, Buffer.from(file.durable))
    return left
  }
}
