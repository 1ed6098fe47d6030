/**
 * Drives one server with a constant number of open requests (a closed loop) and measures what comes back.
 *
 * Latency is from the moment a batch is written to the moment its last reply is read, and counts for each of its requests, as
 * in redis-benchmark. A closed loop hides how long requests that were never sent would have waited; both servers are
 * measured alike, and the longest silence is reported beside the percentiles.
 */
import type { Socket } from "bun"
import { AliasSource } from "./aliases.ts"
import type { Batch, LoadProtocol } from "./batch.ts"
import { LatencyHistogram } from "./histogram.ts"
import type { LoadMember, LoadPlan, LoadResult } from "./plan.ts"

/** A server that answers nothing for this long has failed. */
const silenceMsLimit = 30_000

const nothing = new Uint8Array(0)

interface Connection {
  readonly batch: Batch
  readonly aliases: AliasSource
  /** Bytes of a reply that a chunk's end cut in two. */
  partial: Uint8Array
  /** Bytes that the socket did not take yet. */
  unsent: Uint8Array
  greeted: boolean
  idle: boolean
  sentAtMs: number
}

type LoadSocket = Socket<Connection>

export class LoadGenerator {
  private readonly plan: LoadPlan
  private readonly protocol: LoadProtocol
  private readonly latencies = new LatencyHistogram()
  private readonly perSecond: Array<number> = []
  private readonly sockets: Array<LoadSocket> = []
  private readonly aliases: ReadonlyArray<AliasSource>
  private requests = 0
  private open = 0
  private measureFromMs = 0
  private measureToMs = 0
  private lastReplyMs = 0
  private silenceMsMax = 0
  private finish: (() => void) | undefined
  private fail: ((error: Error) => void) | undefined

  constructor(plan: LoadPlan, protocol: LoadProtocol) {
    this.plan = plan
    this.protocol = protocol
    this.aliases = AliasSource.of(plan)
  }

  async run(): Promise<LoadResult> {
    const { plan } = this
    const ended = new Promise<void>((resolve, reject) => {
      this.finish = resolve
      this.fail = reject
    })
    // Who waits below learns of a failure; until somebody waits, it is no unhandled one.
    ended.catch(() => undefined)
    for (let count = 0; count < plan.connections; count++) await Promise.race([this.connect(count), ended])
    await this.greetAll(ended)
    const watch = setInterval(() => {
      if (performance.now() - this.lastReplyMs > silenceMsLimit) {
        this.fail?.(new Error(`${plan.protocol}: no reply for ${silenceMsLimit / 1000} s`))
      }
    }, 1000)
    const startMs = performance.now()
    this.measureFromMs = startMs + plan.warmupSeconds * 1000
    this.measureToMs = plan.sequential ? Number.POSITIVE_INFINITY : this.measureFromMs + plan.seconds * 1000
    this.lastReplyMs = startMs
    for (const socket of this.sockets) this.sendNext(socket, startMs)
    try {
      await ended
    } finally {
      clearInterval(watch)
      for (const socket of this.sockets) socket.end()
    }
    return {
      requests: this.requests,
      measured: this.latencies.count,
      seconds: plan.sequential ? (this.lastReplyMs - this.measureFromMs) / 1000 : plan.seconds,
      latencies: this.latencies.sparse(),
      perSecond: Array.from(this.perSecond, (count) => count ?? 0),
      silenceMsMax: this.silenceMsMax,
    }
  }

  private async connect(index: number): Promise<void> {
    const { plan, protocol } = this
    const members = plan.members ?? [plan]
    const member = members[index % members.length] as LoadMember
    const greeting = protocol.greeting()
    const connection: Connection = {
      batch: protocol.batch(plan.operation, plan.inFlight, plan.contentBytes),
      aliases: this.aliases[index % members.length] as AliasSource,
      partial: nothing,
      unsent: nothing,
      greeted: greeting === undefined,
      idle: true,
      sentAtMs: 0,
    }
    const socket = await Bun.connect<Connection>({
      hostname: member.host,
      port: member.port,
      data: connection,
      socket: {
        data: (from, chunk) => this.receive(from, chunk),
        drain: (to) => this.write(to, to.data.unsent),
        close: () => this.closed(),
        error: (_socket, error) => this.fail?.(error),
      },
    })
    this.sockets.push(socket)
    if (greeting !== undefined) this.write(socket, greeting)
  }

  private greeted: (() => void) | undefined

  private async greetAll(ended: Promise<void>): Promise<void> {
    const late = setTimeout(
      () => this.fail?.(new Error(`${this.plan.protocol}: no greeting`)),
      silenceMsLimit,
    )
    const all = new Promise<void>((resolve) => {
      this.greeted = () => {
        if (this.sockets.every((socket) => socket.data.greeted)) resolve()
      }
    })
    this.greeted?.()
    await Promise.race([all, ended])
    clearTimeout(late)
  }

  private closed(): void {
    if (this.open > 0 || !this.sockets.every((socket) => socket.data.greeted)) {
      const silentMs = Math.round(performance.now() - this.lastReplyMs)
      const state = `${this.requests} answered, ${this.open} connections wait, nothing came for ${silentMs} ms`
      this.fail?.(new Error(`${this.plan.protocol}: the server closed a connection: ${state}`))
    }
  }

  private write(socket: LoadSocket, bytes: Uint8Array): void {
    const written = socket.write(bytes)
    if (written < 0) return
    socket.data.unsent = written < bytes.length ? bytes.subarray(written) : nothing
  }

  private receive(socket: LoadSocket, chunk: Uint8Array): void {
    try {
      this.take(socket, chunk)
    } catch (error) {
      this.fail?.(error as Error)
    }
  }

  private take(socket: LoadSocket, chunk: Uint8Array): void {
    const connection = socket.data
    const bytes = connection.partial.length === 0 ? chunk : Buffer.concat([connection.partial, chunk])
    let at = 0
    if (!connection.greeted) {
      const end = this.protocol.readGreeting(bytes, 0, bytes.length)
      if (end >= 0) {
        connection.greeted = true
        at = end
        this.greeted?.()
      }
    }
    if (connection.greeted) {
      const { batch } = connection
      at = batch.read(bytes, at, bytes.length)
      const control = batch.takeControl?.()
      if (control !== undefined) this.write(socket, Buffer.concat([connection.unsent, control]))
      if (!connection.idle && batch.answered === batch.size) this.complete(socket, performance.now())
    }
    connection.partial = at === bytes.length ? nothing : bytes.slice(at)
    if (
      !this.protocol.speaksUnasked &&
      connection.idle &&
      connection.greeted &&
      connection.partial.length > 0
    ) {
      throw new Error(`${this.plan.protocol}: bytes that answer no request`)
    }
  }

  private complete(socket: LoadSocket, nowMs: number): void {
    const connection = socket.data
    const { size } = connection.batch
    this.requests += size
    const silenceMs = nowMs - this.lastReplyMs
    this.lastReplyMs = nowMs
    if (nowMs >= this.measureFromMs && nowMs < this.measureToMs) {
      if (silenceMs > this.silenceMsMax) this.silenceMsMax = silenceMs
      this.latencies.record((nowMs - connection.sentAtMs) * 1000, size)
      const second = ((nowMs - this.measureFromMs) / 1000) | 0
      this.perSecond[second] = (this.perSecond[second] ?? 0) + size
    }
    connection.idle = true
    this.open -= 1
    this.sendNext(socket, nowMs)
    if (this.open === 0) this.finish?.()
  }

  private sendNext(socket: LoadSocket, nowMs: number): void {
    const { batch, aliases } = socket.data
    if (nowMs >= this.measureToMs || aliases.isOver) return
    for (let index = 0; index < batch.size; index++) batch.setAlias(index, aliases.take())
    batch.seal()
    socket.data.idle = false
    socket.data.sentAtMs = nowMs
    this.open += 1
    this.write(socket, batch.bytes)
  }
}
