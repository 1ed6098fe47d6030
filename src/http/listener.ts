/**
 * The HTTP listener of a node. Small on purpose: it is open to whoever reaches its address, so everything is bounded
 * (`connection.ts`), and each path is one of a table.
 */
import { formatAddress, parseAddress } from "../config/address.ts"
import { httpConnectionsMax, httpTargetBytesMax } from "../core/lib/limits.ts"
import { confgenPage } from "./confgen-page.ts"
import { HttpConnection } from "./connection.ts"
import { errorResponse, htmlPage, pageResponse, redirectResponse } from "./response.ts"
import type { Page } from "./response.ts"

export interface HttpOptions {
  /** `local.http.listen_on`: `auto`, `host:port`, or empty. */
  readonly listenOn: string
  /** `local.network.listen_on`: `auto` takes its host. */
  readonly nodeAddress: string
  readonly notice: (level: "info" | "warning", text: string) => void
  /** Default: the built page. */
  readonly confgen?: () => Promise<string>
}

export interface HttpListener {
  /** `host:port`, with the port that the system chose if 0 was asked for. */
  readonly address: string
  /** Stops listening and ends what is open. */
  readonly stop: () => Promise<void>
}

export class HttpStartError extends Error {
  override readonly name = "HttpStartError"
}

const autoPort = 8080

/**
 * @returns the listener, or undefined where none is wanted, or where `auto` found its port taken, which is noticed
 * @throws HttpStartError where an address that was configured cannot be listened on
 */
export function startHttp(options: HttpOptions): HttpListener | undefined {
  const { listenOn, nodeAddress, notice } = options
  if (listenOn === "") return undefined
  const isAuto = listenOn === "auto"
  const parsed = parseAddress(isAuto ? nodeAddress : listenOn, 0)
  if (!parsed.ok)
    throw new HttpStartError(`local.http.listen_on = ${JSON.stringify(listenOn)}: ${parsed.wrong}`)
  const host = parsed.value.host
  const port = isAuto ? autoPort : parsed.value.port
  try {
    const server = serve(host, port, options)
    const address = formatAddress(host, server.port)
    notice("info", `HTTP on ${address}: the configuration generator is at http://${address}/confgen`)
    return { address, stop: () => Promise.resolve(server.stop(true)) }
  } catch (error) {
    const text = `HTTP cannot listen on ${formatAddress(host, port)}: ${reason(error)}`
    if (!isAuto)
      throw new HttpStartError(`${text}; set local.http.listen_on to another address, or to "" for none`)
    notice("warning", `${text}; this node goes without`)
    return undefined
  }
}

function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code
  if (code === "EADDRINUSE") return "the address is taken"
  if (code === "EACCES") return "ports below 1024 need privileges"
  return code ?? (error as Error).message
}

function serve(host: string, port: number, { confgen = confgenPage, notice }: HttpOptions) {
  const pages = new Pages(confgen)
  const answer = async (request: Request): Promise<Response> => {
    try {
      return await pages.answer(request)
    } catch (error) {
      notice("warning", `HTTP request failed: ${(error as Error).message}`)
      return errorResponse(500, "the node met an error of its own; its log tells more")
    }
  }
  let count = 0
  return Bun.listen<HttpConnection | undefined>({
    hostname: host,
    port,
    // Two processes on one port would share its connections at random.
    exclusive: true,
    data: undefined,
    socket: {
      open(socket) {
        if (++count > httpConnectionsMax) {
          socket.end(`HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\r\n`)
          return
        }
        socket.data = new HttpConnection(socket, answer)
      },
      data: (socket, chunk) => socket.data?.receive(chunk),
      drain: (socket) => socket.data?.drain(),
      close(socket) {
        count--
        socket.data?.closed()
      },
      error: (socket) => socket.terminate(),
    },
  })
}

/** What is served where. */
class Pages {
  private readonly confgen: () => Promise<string>
  private confgenBuilt: Page | undefined

  constructor(confgen: () => Promise<string>) {
    this.confgen = confgen
  }

  async answer(request: Request): Promise<Response> {
    if (request.url.length > httpTargetBytesMax) return errorResponse(414, "the address is too long")
    const { pathname } = new URL(request.url)
    const path = pathname.length > 1 ? pathname.replace(/\/$/, "") : pathname
    if (path !== "/" && path !== "/confgen")
      return errorResponse(404, "there is nothing here; /confgen is the configuration generator")
    if (request.method !== "GET" && request.method !== "HEAD") {
      return errorResponse(405, "only GET and HEAD are allowed", { allow: "GET, HEAD" })
    }
    if (path === "/") return redirectResponse("/confgen")
    this.confgenBuilt ??= htmlPage(await this.confgen())
    return pageResponse(this.confgenBuilt, request)
  }
}
