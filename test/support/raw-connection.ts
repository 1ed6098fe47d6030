/** A bare TCP connection that sends whatever bytes a test makes up, and collects frames that come back. */
import { connect, type Socket } from "node:net"
import { FrameReader, frameState } from "../../src/wire/frame.ts"
import { frameBytesMax } from "../../src/core/lib/limits.ts"
import { wireVersionMax, wireVersionMin, writeHello } from "../../src/wire/hello.ts"
import { decodeArray } from "../../src/wire/value.ts"
import { type Value, Writer } from "../../src/wire/writer.ts"

export class RawConnection {
  readonly frames: (readonly Value[])[] = []
  closed = false
  private readonly socket: Socket
  private readonly reader = new FrameReader(frameBytesMax)
  private readonly watchers = new Set<() => void>()

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on("data", (chunk) => {
      this.reader.push(chunk as Uint8Array)
      while (this.reader.next() === frameState.whole) {
        const { bytes, start, end } = this.reader
        this.frames.push(decodeArray(bytes.slice(start, end), 0, end - start) ?? [])
      }
      this.changed()
    })
    // A reset by the daemon is one of the ends that tests expect; `close` follows.
    socket.on("error", () => undefined)
    socket.on("close", () => {
      this.closed = true
      this.changed()
    })
  }

  static open(port: number): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1")
      socket.once("error", reject)
      socket.once("connect", () => {
        socket.off("error", reject)
        resolve(new RawConnection(socket))
      })
    })
  }

  /** Opens a connection and exchanges hellos. */
  static async greeted(port: number): Promise<RawConnection> {
    const connection = await RawConnection.open(port)
    connection.hello()
    await connection.until(() => connection.frames.length === 1)
    return connection
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  hello(versionMin: number = wireVersionMin, versionMax: number = wireVersionMax): void {
    const writer = new Writer()
    const rest = { softwareVersion: "test", clusterId: null, node: null, auth: null, clockMs: 0 }
    writeHello(writer, { versionMin, versionMax, role: "client", ...rest })
    this.send(writer.copy())
  }

  /** Sends one array as a frame. */
  array(...elements: readonly Value[]): void {
    this.send(frameOf(elements))
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  close(): void {
    this.socket.destroy()
  }

  /** Waits until `done`, or the connection is closed, or the deadline. */
  async until(done: () => boolean, deadlineMs = 20_000): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.watchers.delete(watch)
        reject(
          new Error(`nothing after ${deadlineMs} ms: ${this.frames.length} frames, closed ${this.closed}`),
        )
      }, deadlineMs)
      const watch = () => {
        if (!done() && !this.closed) return
        clearTimeout(timer)
        this.watchers.delete(watch)
        resolve()
      }
      this.watchers.add(watch)
      watch()
    })
  }

  private changed(): void {
    // A watch that ends removes itself, which iterating over a set allows.
    for (const watch of this.watchers) watch()
  }
}

/** @returns a whole frame that holds one array */
export function frameOf(elements: readonly Value[]): Uint8Array {
  const writer = new Writer()
  const frame = writer.beginFrame()
  writer.value(elements)
  writer.endFrame(frame)
  return writer.copy()
}
