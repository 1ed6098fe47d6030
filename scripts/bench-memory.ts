/**
 * Measures the table of entries in memory: bytes per entry, look-up, overwrite, the worst slice of 100 puts.
 *
 *   bun scripts/bench-memory.ts [entries] [content bytes]
 *
 * The figures are of this process and this machine; compare them only within one run.
 */
import { EntryTable, scanEnd } from "../src/storage/memory/table.ts"

const entries = Number(process.argv[2] ?? 1_000_000)
const contentBytes = Number(process.argv[3] ?? 100)
const aliasBytes = 16
const changes = 2_000_000
const MiB = 2 ** 20

const encoder = new TextEncoder()
const record = new Uint8Array(aliasBytes + contentBytes).fill(65)
const aliases = new Uint8Array(entries * aliasBytes)
for (let i = 0; i < entries; i++)
  aliases.set(encoder.encode(`key:${String(i).padStart(12, "0")}`), i * aliasBytes)

const collect = (globalThis as { Bun?: { gc(full: boolean): void } }).Bun?.gc ?? (() => {})
collect(true)
const rssBefore = process.memoryUsage().rss
const table = new EntryTable({ seed: [1, 2], bytesMax: 0, entriesMax: 0, transient: false, complete: true })

let position = 0
const put = (i: number) => {
  for (let k = 0; k < aliasBytes; k++) record[k] = aliases[i * aliasBytes + k] as number
  position += 208
  table.store(i & 4095, record, 0, aliasBytes, aliasBytes, contentBytes, 0, position)
}
let state = 12345
const draw = () => {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
  return (state >>> 3) % entries
}
/** Runs `count` calls in slices of 100. @returns ns per call and the worst slice */
function slices(count: number, call: (i: number) => void): { ns: number; p999: number; worst: number } {
  const times = new Float64Array(Math.ceil(count / 100))
  const start = performance.now()
  for (let slice = 0, i = 0; i < count; slice++) {
    const begin = performance.now()
    for (let k = 0; k < 100; k++, i++) call(i)
    times[slice] = performance.now() - begin
  }
  const ns = ((performance.now() - start) * 1e6) / count
  times.sort()
  return { ns, p999: times[Math.floor(times.length * 0.999)] as number, worst: times.at(-1) as number }
}
const line = (name: string, value: { ns: number; p999: number; worst: number }) =>
  console.log(
    `${name.padEnd(10)} ${value.ns.toFixed(0).padStart(6)} ns  100 calls: p999 ${value.p999.toFixed(3)} ms, worst ${value.worst.toFixed(3)} ms`,
  )

line("insert", slices(entries, put))
const loaded = table.figures()
const target = new Uint8Array(contentBytes)
const get = () => {
  const handle = table.find(aliases, 0, 0 + aliasBytes)
  if (handle < 0) throw new Error("an entry is missing")
  table.copyContent(handle, target, 0)
}
const getRandom = () => {
  const at = draw() * aliasBytes
  const handle = table.find(aliases, at, at + aliasBytes)
  if (handle < 0) throw new Error("an entry is missing")
  table.copyContent(handle, target, 0)
}
line("get same", slices(1_000_000, get))
line("get", slices(1_000_000, getRandom))
line("get", slices(1_000_000, getRandom))
line(
  "overwrite",
  slices(changes, () => put(draw())),
)
let visited = 0
const scanStart = performance.now()
for (let cursor = 0; cursor < scanEnd;) cursor = table.scanStep(cursor, 1024, () => visited++)
console.log(
  `scan       ${(((performance.now() - scanStart) * 1e6) / visited).toFixed(0).padStart(6)} ns per entry`,
)
const gcStart = performance.now()
collect(true)
console.log(`full collection ${(performance.now() - gcStart).toFixed(1)} ms`)
const rss = process.memoryUsage().rss
console.log(
  `${entries} entries: ${((loaded.segmentBytes - loaded.freeBytes + loaded.indexBytes) / entries).toFixed(1)} B/entry counted, ` +
    `${((rss - rssBefore) / entries).toFixed(1)} B/entry of RSS after all this, RSS ${(rss / MiB).toFixed(0)} MiB`,
)
console.log(loaded)
