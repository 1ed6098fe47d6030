/**
 * A client written from `docs/protocol.md` alone, with a MessagePack library and nothing of qdb's: that it works is the test
 * of the document. It does what the page asks of a simple client: one connection, the next address when that fails, retries
 * under the same number, the floor raised behind what is answered, a ping when idle.
 */
import { connect, Socket } from "node:net"
import { decode, encode } from "@msgpack/msgpack"

type Message = readonly unknown[]
const opcodes =
  "ping get put update remove get_update get_remove cas remove_if expires_at expires_from_now get_expiry prefix_get node_status node_config node_topology stop_node cluster_status".split(
    " ",
  )
const outcomes = ["alias_not_found", "alias_already_exists", "unmatched_content"]
const fateUnknown = ["in_doubt", "timeout", "internal_error", "connection_lost"]
const lost: Message = [24, 0, "connection_lost", "The connection is lost.", true]

/** Of a reply `[code, requestId, name, message, retry]`, or with a content. */
export class MiniError extends Error {
  readonly reply: Message
  constructor(reply: Message) {
    super(`${String(reply[2])}: ${String(reply[3])}`)
    this.name = String(reply[2])
    this.reply = reply
  }
}

export class MiniClient {
  private readonly addresses: readonly { readonly host: string; readonly port: number }[]
  private readonly client = crypto.getRandomValues(new Uint8Array(16))
  private readonly unanswered = new Set<number>()
  private readonly waiting = new Map<number, (reply: Message) => void>()
  private connection: Promise<Socket> | undefined
  private number = 0
  private requestId = 0
  private dials = 0

  constructor(...addresses: readonly { readonly host: string; readonly port: number }[]) {
    this.addresses = addresses
  }

  /** An operation that changes nothing. @returns its results */
  read(name: string, ...rest: Message): Promise<Message> {
    return this.attempts(name, () => rest)
  }

  /** An operation that changes an entry, exactly once. @returns its results */
  async write(name: string, ...rest: Message): Promise<Message> {
    const number = ++this.number
    this.unanswered.add(number)
    const numbered = () => [this.client, number, Math.min(...this.unanswered), ...rest]
    return this.attempts(name, numbered).finally(() => this.unanswered.delete(number))
  }

  async close(): Promise<void> {
    const socket = await this.connection?.catch(() => undefined)
    socket?.destroy()
  }

  private async attempts(name: string, rest: () => Message, timeoutMs = 60_000): Promise<Message> {
    const deadline = performance.now() + timeoutMs
    for (let attempt = 0, inDoubt = false; ; attempt++) {
      const leftMs = Math.max(1, Math.floor(deadline - performance.now()))
      const reply = await this.attempt([opcodes.indexOf(name) + 1, ++this.requestId, 0, leftMs, ...rest()])
      const [code, id, error, message, retry] = reply
      if (code === 0) return reply.slice(2)
      if (outcomes.includes(error as string)) throw new MiniError(reply)
      inDoubt ||= fateUnknown.includes(error as string)
      if (performance.now() >= deadline || !(retry === true || inDoubt))
        throw new MiniError(inDoubt ? [9, id, "in_doubt", message, true] : reply)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(1000, 10 * 2 ** attempt)))
    }
  }

  /** @returns a reply; where there is no connection, or it breaks, one that a node would never send */
  private async attempt(request: Message): Promise<Message> {
    const socket = await (this.connection ??= this.dial()).catch((cause: unknown) => cause)
    if (socket instanceof MiniError) return socket.reply
    if (!(socket instanceof Socket)) return [23, 0, "connection_refused", "No node could be reached.", true]
    if (socket.destroyed) return lost
    return new Promise((resolve) => {
      this.waiting.set(request[1] as number, resolve)
      send(socket, request)
    })
  }

  private answer(reply: Message): void {
    this.waiting.get(reply[1] as number)?.(reply)
    this.waiting.delete(reply[1] as number)
  }

  private dial(): Promise<Socket> {
    const address = this.addresses[this.dials++ % this.addresses.length] as { host: string; port: number }
    const socket = connect(address)
    const pings = setInterval(() => send(socket, [1, 0, 0, 5000]), 5000)
    return new Promise((resolve, reject) => {
      let unread = Buffer.alloc(0)
      let greeted = false
      socket.on("connect", () =>
        send(socket, ["qdb", [1, 1], "client", "mini", null, null, null, Date.now()]),
      )
      socket.on("data", (chunk: Buffer) => {
        unread = Buffer.concat([unread, chunk])
        while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32LE(0)) {
          const message = decode(new Uint8Array(unread.subarray(4, 4 + unread.readUInt32LE(0)))) as Message
          unread = unread.subarray(4 + unread.readUInt32LE(0))
          if (greeted) this.answer(message)
          else if (message[0] === "qdb") resolve(socket)
          else reject(new MiniError(message))
          greeted = true
        }
      })
      socket.on("error", reject)
      socket.on("close", () => {
        clearInterval(pings)
        this.connection = undefined
        for (const resolve of this.waiting.values()) resolve(lost)
        this.waiting.clear()
        reject(new Error("closed before its hello"))
      })
    })
  }
}

function send(socket: Socket, message: Message): void {
  const body = encode(message)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(body.length)
  socket.write(Buffer.concat([length, body]))
}
