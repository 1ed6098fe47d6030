/**
 * One connection of the HTTP listener: requests without bodies, one after the other (RFC 9112, the little of it that pages need).
 * Why it is ours stands in `docs/dependencies.md`. What is held for a connection is bounded here: the head of one request, one response, and a time for each of them.
 */
import type { Socket } from "bun"
import { STATUS_CODES } from "node:http"
import { httpBodyBytesMax, httpHeadBytesMax, httpIdleSeconds } from "../core/lib/limits.ts"
import { latin1 } from "../platform/latin1.ts"
import { errorResponse } from "./response.ts"

export type Answer = (request: Request) => Promise<Response>

const headEnd = "\r\n\r\n"

export class HttpConnection {
  private readonly socket: Socket<HttpConnection | undefined>
  private readonly answer: Answer
  private received = ""
  private unsent: Uint8Array = new Uint8Array(0)
  private isAnswering = false
  private isLast = false
  private isClosed = false
  private deadline: ReturnType<typeof setTimeout> | undefined

  constructor(socket: Socket<HttpConnection | undefined>, answer: Answer) {
    this.socket = socket
    this.answer = answer
    this.expectProgress()
  }

  /** What is not over by then is given up: a whole request, or a whole response, however slowly its bytes come and go. */
  private expectProgress(): void {
    clearTimeout(this.deadline)
    this.deadline = setTimeout(() => this.socket.terminate(), httpIdleSeconds * 1000)
  }

  closed(): void {
    clearTimeout(this.deadline)
    this.isClosed = true
    this.isLast = true
    this.received = ""
    this.unsent = new Uint8Array(0)
  }

  receive(chunk: Uint8Array): void {
    if (this.isLast) return // A body that nobody asked for.
    this.received += latin1(chunk, 0, chunk.length)
    this.next()
    // Requests that are sent ahead wait for the answer before, as far as a request may be long.
    if (!this.isLast && this.received.length > httpHeadBytesMax) this.socket.terminate()
  }

  private next(): void {
    if (this.isAnswering || this.isLast || this.unsent.length > 0) return
    const end = this.received.indexOf(headEnd)
    if (end < 0 && this.received.length <= httpHeadBytesMax) return
    if (end < 0 || end > httpHeadBytesMax) return this.refuse(431, "the request is too long")
    const request = parseHead(this.received.slice(0, end))
    if (request === undefined) return this.refuse(400, "this is no request")
    const { headers } = request
    const length = headers.get("content-length") ?? "0"
    if (!/^[0-9]+$/.test(length)) return this.refuse(400, "the request's length is no number")
    if (Number(length) > httpBodyBytesMax) return this.refuse(413, "the request's body is too long")
    const hasBody = Number(length) > 0 || headers.has("transfer-encoding")
    this.isLast = hasBody || /\bclose\b/i.test(headers.get("connection") ?? "")
    this.received = this.isLast ? "" : this.received.slice(end + headEnd.length)
    this.isAnswering = true
    void this.answer(request).then((response) => this.send(response, request.method))
  }

  private refuse(status: number, text: string): void {
    this.isLast = true
    this.received = ""
    this.isAnswering = true
    void this.send(errorResponse(status, text), "GET")
  }

  private async send(response: Response, method: string): Promise<void> {
    const body = new Uint8Array(await response.arrayBuffer())
    if (this.isClosed) return
    const { status, headers } = response
    const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`]
    headers.forEach((value, name) => lines.push(`${name}: ${value}`))
    if (!headers.has("content-length") && status !== 304 && method !== "HEAD")
      lines.push(`content-length: ${body.length}`)
    lines.push(`connection: ${this.isLast ? "close" : "keep-alive"}`, `date: ${new Date().toUTCString()}`)
    this.unsent = Buffer.concat([Buffer.from(lines.join("\r\n") + headEnd, "latin1"), body])
    this.isAnswering = false
    this.expectProgress()
    this.drain()
  }

  drain(): void {
    if (this.unsent.length === 0) return
    const sent = this.socket.write(this.unsent)
    if (sent < 0) return
    this.unsent = this.unsent.subarray(sent)
    if (this.unsent.length > 0) return
    if (this.isLast) return void this.socket.end()
    this.expectProgress()
    this.next()
  }
}

/** @returns the request, or undefined where the text is none. Who is named as host is of no matter: all hosts have the same pages */
function parseHead(text: string): Request | undefined {
  const [first = "", ...lines] = text.split("\r\n")
  const parts = /^([A-Z]{1,20}) (\/[\x21-\x7e]*) HTTP\/1\.([01])$/.exec(first)
  if (parts === null) return undefined
  const [, method, target, minor] = parts as unknown as [string, string, string, string]
  try {
    const headers = new Headers()
    for (const line of lines) {
      const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? []
      if (name === undefined || value === undefined) return undefined
      headers.append(name, value)
    }
    if (minor === "0") headers.set("connection", "close")
    return new Request(`http://node${target}`, { method, headers })
  } catch {
    return undefined // A method or a header that the platform does not take.
  }
}
