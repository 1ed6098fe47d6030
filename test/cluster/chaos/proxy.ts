/**
 * The network in front of one node: whoever dials the node's advertised address comes through here. The first frame of a
 * connection says who dials (`wire/hello.ts`), so a rule can be for one pair of nodes, in one direction, or for all clients.
 */
import { createServer, connect, type Server, type Socket } from "node:net"
import { formatNodeId, parseNodeId } from "../../../src/core/ring/node-id.ts"
import { helloFrameBytesMax } from "../../../src/core/lib/limits.ts"
import { decodeFirstFrame } from "../../../src/wire/hello.ts"
import { type LinkQuality, Pipe } from "./pipe.ts"

/** Who dials: a node id, or `client`. */
export type Source = string
export const clients: Source = "client"

/** `in`: from who dials to the node. `out`: the node's answers. */
export type Direction = "in" | "out" | "both"

interface Link {
  source: Source | undefined
  readonly dialler: Socket
  readonly node: Socket
  readonly inward: Pipe
  readonly outward: Pipe
}

const perfect: LinkQuality = { delayMs: 0, jitterMs: 0 }

export class NodeProxy {
  readonly port: number
  private readonly server: Server
  private readonly links = new Set<Link>()
  private readonly cuts = new Map<Source, Direction>()
  private readonly qualities = new Map<Source, LinkQuality>()

  private constructor(server: Server, port: number) {
    this.server = server
    this.port = port
  }

  /**
   * @param port where it listens on 127.0.0.1; 0 = any free one
   * @param nodePort where the node listens
   * @param draw an integer in [0, bound), for jitter
   */
  static async start(
    port: number,
    nodePort: () => number,
    draw: (bound: number) => number,
  ): Promise<NodeProxy> {
    const proxies: NodeProxy[] = []
    const server = createServer((dialler) => proxies[0]?.accept(dialler, nodePort(), draw))
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject)
      server.listen(port, "127.0.0.1", resolve)
    })
    const proxy = new NodeProxy(server, (server.address() as { port: number }).port)
    proxies.push(proxy)
    return proxy
  }

  private accept(dialler: Socket, nodePort: number, draw: (bound: number) => number): void {
    const node = connect({ host: "127.0.0.1", port: nodePort })
    const link: Link = {
      source: undefined,
      dialler,
      node,
      inward: new Pipe(dialler, node, draw),
      outward: new Pipe(node, dialler, draw),
    }
    this.links.add(link)
    // Until it is known whose it is, nothing passes: a rule must not be escaped by the first bytes.
    link.inward.cut()
    this.recognise(link)
    for (const socket of [dialler, node]) {
      socket.setNoDelay(true)
      // A broken side ends the other: that is what the error means here.
      socket.on("error", () => this.drop(link))
      socket.on("close", () => this.drop(link))
    }
  }

  private recognise(link: Link): void {
    const head = Buffer.alloc(4 + helloFrameBytesMax)
    let length = 0
    const look = (bytes: Uint8Array) => {
      head.set(bytes.subarray(0, head.length - length), length)
      length = Math.min(head.length, length + bytes.length)
      if (length < 4) return
      const end = 4 + head.readUInt32LE(0)
      if (end > head.length) return this.recognised(link, clients, look)
      if (length < end) return
      const first = decodeFirstFrame(head, 4, end)
      const node = first.kind === "hello" && first.hello.role === "node" ? first.hello.node : null
      this.recognised(link, node === null ? clients : sourceOf(node.nodeId), look)
    }
    link.dialler.on("data", look)
  }

  private recognised(link: Link, source: Source, look: (bytes: Uint8Array) => void): void {
    link.dialler.off("data", look)
    link.source = source
    this.applyRules(link)
  }

  private applyRules(link: Link): void {
    if (link.source === undefined) return
    const cut = this.cuts.get(link.source)
    const quality = this.qualities.get(link.source) ?? perfect
    link.inward.quality = quality
    link.outward.quality = quality
    if (cut === "in" || cut === "both") link.inward.cut()
    else link.inward.open()
    if (cut === "out" || cut === "both") link.outward.cut()
    else link.outward.open()
  }

  private drop(link: Link): void {
    if (!this.links.delete(link)) return
    link.inward.close()
    link.outward.close()
    link.dialler.destroy()
    link.node.destroy()
  }

  /** Silence between `source` and the node, also on connections to come. */
  cut(source: Source, direction: Direction): void {
    this.cuts.set(source, direction)
    this.apply()
  }

  degrade(source: Source, quality: LinkQuality): void {
    this.qualities.set(source, quality)
    this.apply()
  }

  /** Ends the connections of `source` at once, wherever they are: a reset in the midst of a reply. */
  reset(source: Source): number {
    const hit = [...this.links].filter((link) => link.source === source)
    for (const link of hit) {
      link.dialler.resetAndDestroy()
      this.drop(link)
    }
    return hit.length
  }

  /** Everything as in a quiet network. */
  heal(): void {
    this.cuts.clear()
    this.qualities.clear()
    this.apply()
  }

  private apply(): void {
    for (const link of this.links) this.applyRules(link)
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    for (const link of this.links) this.drop(link)
    await closed
  }
}

/** Node ids have several spellings. */
export function sourceOf(nodeId: string): Source {
  const parsed = parseNodeId(nodeId)
  return parsed === undefined ? nodeId : formatNodeId(parsed)
}
