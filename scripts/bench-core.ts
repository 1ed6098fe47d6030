/**
 * `bun scripts/bench-core.ts [--seconds S]`: what the core of three nodes does in one process and on one thread, without
 * sockets and disks: puts in batches of 64, at a factor of one and of two, with the product's memory table and log ring.
 * Assertions are on. A loop of plain hashing, in the same run, says how fast the machine is at this moment.
 */
import { parseArgs } from "node:util"
import { operation } from "../src/core/entry/operation.ts"
import { Request } from "../src/core/entry/request.ts"
import { logRingBytes, partitionFiles } from "../src/core/lib/limits.ts"
import type { DurableRecord, PeerMessage } from "../src/core/member/event.ts"
import type { DataMessage } from "../src/core/node/data-message.ts"
import type { NodeHost } from "../src/core/node/host.ts"
import { Node } from "../src/core/node/node.ts"
import { indexedNodeId } from "../src/core/ring/node-id.ts"
import { slotOfDigest } from "../src/core/ring/slot.ts"
import { sha3 } from "../src/platform/digest.ts"
import { latin1 } from "../src/platform/latin1.ts"
import { LogRing } from "../src/storage/log/ring.ts"
import { EntryTable } from "../src/storage/memory/table.ts"

const { values } = parseArgs({ options: { seconds: { type: "string", default: "3" } } })
const seconds = Number(values.seconds)
const nodes = 3
const batch = 64
const slotCount = 4096
const aliasesPerNode = 20_000
const contentBytes = 100
const floors = new Map([
  [1, 200_000],
  [2, 100_000],
])

const address = (index: number) => `127.0.0.${index + 1}:2836`
const addresses = Array.from({ length: nodes }, (_, index) => address(index))
const now = { monotonicMs: 1_000, wallMs: 1.7e12 }
const nothing = () => undefined

/** A node that keeps its log in memory, where it is durable at the end of the turn. */
class Core implements NodeHost {
  readonly node: Node
  readonly memory: EntryTable
  readonly ring = new LogRing(logRingBytes, 0, nothing)
  answered = 0
  failed = 0
  lastCode = 0
  private readonly cores: readonly Core[]
  private readonly index: number
  private controls: PeerMessage[] = []
  private messages: DataMessage[] = []
  private tokens: number[] = []

  constructor(index: number, factor: number, cores: readonly Core[]) {
    this.cores = cores
    this.index = index
    this.memory = new EntryTable({
      seed: [1, 2],
      bytesMax: 1024 * 1024 * 1024,
      entriesMax: 0,
      transient: true,
      complete: true,
    })
    const settings = {
      replicationFactor: factor,
      slotCount,
      sync: true,
      transient: false,
      entryBytesMax: 1 << 20,
      leaseMs: 3_000,
      suspectMs: 1_500,
      repairGraceMs: 30_000,
    }
    this.node = new Node({
      identity: {
        nodeId: indexedNodeId(index + 1, nodes),
        storageId: `s${index}`,
        boot: 1,
        address: address(index),
      },
      member: { bootstrappingPeers: addresses, settings, weight: 1, zone: "" },
      memory: this.memory,
      log: this.ring,
      host: this,
      digest: sha3,
      text: latin1,
      decode: () => 0,
      contentBytesMax: 1 << 20,
      diskFull: () => false,
      draw: { between: (low: number) => low },
      slotCount,
    })
  }

  /** What has come from others and from the disks; then the end of the turn. @returns whether there was anything */
  turn(): boolean {
    const { controls, messages, tokens, node, ring } = this
    this.controls = []
    this.messages = []
    this.tokens = []
    for (const token of tokens) node.metaPersisted(token, now)
    for (const message of controls) node.control(message, now)
    for (const message of messages) node.data(message, now)
    node.endTurn(now)
    const isFresh = ring.mark()
    if (isFresh) node.persisted(ring.position, now)
    this.memory.maintain(16)
    return controls.length + messages.length + tokens.length > 0 || isFresh
  }

  send(to: string, message: PeerMessage): void {
    this.cores[addresses.indexOf(to)]?.controls.push(message)
  }
  sendData(to: string, message: DataMessage): void {
    this.cores[addresses.indexOf(to)]?.messages.push(message)
  }
  persistMeta(token: number, _records: readonly DurableRecord[]): void {
    this.tokens.push(token)
  }
  settle(position: number): void {
    for (let file = 0; file < partitionFiles; file++) this.memory.flushedTo(file, position)
  }
  readSlot(): void {
    throw new Error(`node ${this.index} sends a snapshot in a benchmark`)
  }
  readTail(): void {
    throw new Error(`node ${this.index} reads its log in a benchmark`)
  }
  isTableAwaited(): boolean {
    return false
  }
  flushedSlot(): undefined {
    return undefined
  }
  log(): void {}
  view(): void {}
  outdated(): void {}
  stop(_: string, reason: string): void {
    throw new Error(reason)
  }
  startOver(reason: string): void {
    throw new Error(reason)
  }
  ok(): void {
    this.answered++
  }
  resident(): void {
    this.answered++
  }
  content(): void {
    this.answered++
  }
  expiry(): void {
    this.answered++
  }
  error(_: object, __: number, code: number): void {
    this.failed++
    this.lastCode = code
  }
  errorContent(): void {
    this.failed++
  }
  load(): void {
    throw new Error("nothing is on disk in a benchmark")
  }
}

/** Founds the cluster. */
function start(factor: number): Core[] {
  const cores: Core[] = []
  for (let index = 0; index < nodes; index++) cores.push(new Core(index, factor, cores))
  for (const { node } of cores)
    node.start({ view: undefined, acceptor: undefined, founding: undefined, unclean: false }, now)
  const isServing = () =>
    cores.every(({ node }) => node.path.leaseUntilMs > now.monotonicMs) &&
    cores.reduce((sum, { node }) => sum + node.replication.servingCount, 0) === slotCount
  for (let i = 0; i < 2_000 && !isServing(); i++) advance(cores, 20)
  if (!isServing()) throw new Error("the cluster does not serve")
  return cores
}

function advance(cores: readonly Core[], ms: number): void {
  now.monotonicMs += ms
  now.wallMs += ms
  for (const { node } of cores) node.tick(now)
  settle(cores)
}

function settle(cores: readonly Core[]): void {
  for (let more = true; more;) {
    more = false
    for (const core of cores) more = core.turn() || more
  }
}

/** Requests whose slots the node serves: client id, alias and content behind one another. */
function requestsOf({ node }: Core, index: number): Request[] {
  const requests: Request[] = []
  for (let i = 0; requests.length < aliasesPerNode; i++) {
    const alias = `key:${index}:${i}`
    const bytes = Buffer.from(`client-number-0${index}${alias}${"x".repeat(contentBytes)}`, "latin1")
    if (!node.replication.slot(slotOfDigest(sha3(bytes.subarray(16, 16 + alias.length)), slotCount)).serving)
      continue
    const request = new Request()
    Object.assign(request, {
      bytes,
      frameEnd: bytes.length,
      opcode: operation.update,
      timeLeftMs: 60_000,
      aliasStart: 16,
      aliasEnd: 16 + alias.length,
      contentStart: 16 + alias.length,
      contentEnd: bytes.length,
      comparandStart: bytes.length,
      comparandEnd: bytes.length,
    })
    requests.push(request)
  }
  return requests
}

/** @returns puts per second */
function measure(factor: number): number {
  const cores = start(factor)
  const requests = cores.map(requestsOf)
  let number = 0
  let round = 0
  const put = (count: number) => {
    for (let i = 0; i < count; i++) {
      const floor = number + 1
      for (let index = 0; index < nodes; index++) {
        const own = requests[index] as Request[]
        for (let j = 0; j < batch; j++) {
          const request = own[(round * batch + j) % own.length] as Request
          request.number = floor + j
          request.floor = floor
          ;(cores[index] as Core).node.request(request, cores[index] as Core, now)
        }
      }
      number += batch
      round++
      settle(cores)
    }
  }
  put(1_000)
  const before = cores.reduce((sum, core) => sum + core.answered, 0)
  const startedMs = performance.now()
  const untilMs = startedMs + seconds * 1_000
  while (performance.now() < untilMs) {
    put(50)
    advance(cores, 50)
  }
  const elapsedMs = performance.now() - startedMs
  const answered = cores.reduce((sum, core) => sum + core.answered, 0) - before
  for (const { failed, lastCode } of cores)
    if (failed > 0) throw new Error(`${failed} puts failed, the last with code ${lastCode}`)
  return (answered * 1_000) / elapsedMs
}

/** Steps of FNV-1a over a kilobyte, millions per second. */
function calibrate(): number {
  const bytes = new Uint8Array(1024).fill(7)
  let hash = 1
  let steps = 0
  const startedMs = performance.now()
  while (performance.now() < startedMs + 500) {
    for (let round = 0; round < 1_000; round++)
      for (let i = 0; i < 1024; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
    steps += 1_024_000
  }
  return hash === 0 ? 0 : steps / (performance.now() - startedMs) / 1_000
}

let missed = false
console.log(`calibration loop: ${calibrate().toFixed(0)} million steps/s`)
for (const [factor, floor] of floors) {
  const rate = measure(factor)
  if (rate < floor) missed = true
  console.log(
    `factor ${factor}: ${Math.round(rate).toLocaleString("en")} puts/s of three nodes on one thread (at least ${floor.toLocaleString("en")})`,
  )
}
process.exitCode = missed ? 1 : 0
