/** A node of a `FakeCluster` behind a real socket of 127.0.0.1. */
import { createServer, type Server, type Socket } from "node:net"
import { type FakeCluster, FakePeer } from "./fake-cluster.ts"

export class FakeServer {
  readonly address: string
  readonly sockets = new Set<Socket>()
  private readonly server: Server

  private constructor(server: Server, address: string) {
    this.server = server
    this.address = address
  }

  /** Listens on a free port, or on the one given. */
  static async start(cluster: FakeCluster, port: number = 0): Promise<FakeServer> {
    const server = createServer({ noDelay: true })
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject)
      server.listen(port, "127.0.0.1", resolve)
    })
    const bound = server.address() as { port: number }
    const fake = new FakeServer(server, `127.0.0.1:${bound.port}`)
    server.on("connection", (socket) => fake.accept(cluster, socket))
    return fake
  }

  get port(): number {
    return Number(this.address.split(":")[1])
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private accept(cluster: FakeCluster, socket: Socket): void {
    this.sockets.add(socket)
    const peer = new FakePeer(cluster, this.address, {
      send: (bytes) => void socket.write(bytes),
      // What was sent before leaves first.
      reset: () => void socket.end(() => socket.destroy()),
      later: (delayMs, run) => void setTimeout(run, delayMs),
    })
    socket.on("data", (chunk: Buffer) =>
      peer.receive(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)),
    )
    // A reset by the client is part of the tests.
    socket.on("error", () => socket.destroy())
    socket.on("close", () => this.sockets.delete(socket))
  }
}
