/**
 * The world of a real client: sockets of `node:net`, which Bun, Node and Deno have alike, the clocks, and the end of a turn.
 *
 * The end of a turn is `setImmediate`, not a microtask: the answers of one chunk resolve many promises, whose continuations
 * ask for more in microtasks of their own, and all of that should leave in one write.
 */
import { connect } from "node:net"
import { setImmediate } from "node:timers"
import { Prng } from "../core/lib/prng.ts"
import type { Address } from "./address.ts"
import type { ClientRuntime, Link, LinkEvents } from "./runtime.ts"

export function realRuntime(): ClientRuntime {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0] as number
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    prng: new Prng(seed),
    timer(delayMs, wake) {
      const timer = setTimeout(wake, delayMs)
      return () => clearTimeout(timer)
    },
    atTurnEnd: (run) => void setImmediate(run),
    dial,
  }
}

function dial(address: Address, events: LinkEvents): Link {
  let open = true
  const socket = connect({ host: address.host, port: address.port, noDelay: true })
  const ended = (reason: string) => {
    if (!open) return
    open = false
    socket.destroy()
    events.linkClosed(reason)
  }
  socket.on("connect", () => {
    if (open) events.linkOpened()
  })
  socket.on("data", (chunk: Buffer) => {
    // Not the Buffer: its `slice` does not copy.
    if (open) events.linkReceived(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  })
  socket.on("error", (error: NodeJS.ErrnoException) => ended(reasonOf(error)))
  socket.on("end", () => ended("the node closed the connection"))
  socket.on("close", () => ended("the connection was closed"))
  return {
    write(bytes) {
      if (open) socket.write(bytes)
    },
    close() {
      open = false
      socket.destroy()
    },
  }
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection reset",
  ENOTFOUND: "host not found",
  EAI_AGAIN: "the name cannot be resolved now",
  ETIMEDOUT: "no connection in time",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  EACCES: "not permitted",
  EADDRNOTAVAIL: "no local address is free",
}

function reasonOf(error: NodeJS.ErrnoException): string {
  // A name with several addresses fails with one error for all of them.
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException) : error
  const known = reasons[error.code ?? first?.code ?? ""]
  return known ?? (first?.message || error.message || "unknown error")
}
