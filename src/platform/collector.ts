/**
 * The collector's part in a process's size. JavaScriptCore lets garbage grow to what is alive before it collects, and counts
 * buffers as alive: a node with a gigabyte of entries, which are no garbage ever, would allow itself another gigabyte of
 * it. Who makes garbage steadily asks for a collection of the young in time instead: one to three milliseconds,
 * since nearly all of it is dead. V8 does so by itself; there is nothing to do in Node and Deno.
 */
interface Collector {
  edenGC(): number
}
interface Runtime {
  gc(now: boolean): void
}

const collector = process.getBuiltinModule("bun:jsc") as Collector | undefined

/** What outlived collections of the young and died since; done beside the program, in threads of the collector's own. */
export function collectOld(): void {
  if (collector !== undefined) (globalThis as unknown as { Bun: Runtime }).Bun.gc(false)
}

/** Stops the caller for its one to three milliseconds. */
export function collectYoung(): void {
  collector?.edenGC()
}
