import { connect, type Socket } from "node:net"
import { gunzipSync } from "node:zlib"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { httpConnectionsMax, httpIdleSeconds } from "../../../src/core/lib/limits.ts"
import { HttpConnection } from "../../../src/http/connection.ts"
import { HttpStartError, startHttp } from "../../../src/http/listener.ts"
import type { HttpListener, HttpOptions } from "../../../src/http/listener.ts"

const page = `<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-x'"><p>page</p>`
const bun = "bun" in process.versions

describe("the HTTP listener", () => {
  beforeEach((context) => {
    if (!bun) context.skip("the daemon's HTTP runs on Bun")
  })
  const running: HttpListener[] = []
  const notices: string[] = []
  afterEach(async () => {
    for (const listener of running.splice(0)) await listener.stop()
    notices.length = 0
  })
  const start = (options: Partial<HttpOptions> = {}) => {
    const listener = startHttp({
      listenOn: "127.0.0.1:0",
      nodeAddress: "127.0.0.1:2836",
      notice: (level, text) => void notices.push(`${level}: ${text}`),
      confgen: () => Promise.resolve(page),
      ...options,
    })
    if (listener !== undefined) running.push(listener)
    return listener
  }
  const url = (path: string) => `http://${running[0]?.address}${path}`

  test("serves the page, compressed where that is understood, and says when it is unchanged", async () => {
    start()
    expect(notices[0]).toMatch(/^info: HTTP on 127.0.0.1:[0-9]+: the configuration generator is at http:/)
    const plain = await fetch(url("/confgen"), { headers: { "accept-encoding": "identity" } })
    expect(plain.status).toBe(200)
    expect(plain.headers.get("content-type")).toBe("text/html; charset=utf-8")
    expect(await plain.text()).toBe(page)
    const zipped = await fetch(url("/confgen/"), {
      headers: { "accept-encoding": "gzip" },
      decompress: false,
    } as RequestInit)
    expect(zipped.headers.get("content-encoding")).toBe("gzip")
    expect(gunzipSync(await zipped.arrayBuffer()).toString()).toBe(page)
    const refused = await fetch(url("/confgen"), { headers: { "accept-encoding": "gzip;q=0, br" } })
    expect(refused.headers.get("content-encoding")).toBeNull()
    const etag = plain.headers.get("etag") as string
    const again = await fetch(url("/confgen"), { headers: { "if-none-match": etag } })
    expect({ status: again.status, body: await again.text() }).toEqual({ status: 304, body: "" })
    const head = await fetch(url("/confgen"), { method: "HEAD", headers: { "accept-encoding": "identity" } })
    expect({ length: head.headers.get("content-length"), body: await head.text() }).toEqual({
      length: String(page.length),
      body: "",
    })
  })

  test("every response is protected, errors too", async () => {
    start()
    for (const path of ["/confgen", "/nothing", "/"]) {
      const { headers } = await fetch(url(path), { redirect: "manual" })
      expect(headers.get("x-content-type-options")).toBe("nosniff")
      expect(headers.get("x-frame-options")).toBe("DENY")
      expect(headers.get("referrer-policy")).toBe("no-referrer")
      expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'")
    }
    expect((await fetch(url("/confgen"))).headers.get("content-security-policy")).toContain(
      "script-src 'sha256-x'",
    )
  })

  test("one table of paths, two methods, bounded targets", async () => {
    start()
    const root = await fetch(url("/"), { redirect: "manual" })
    expect({ status: root.status, location: root.headers.get("location") }).toEqual({
      status: 302,
      location: "/confgen",
    })
    expect((await fetch(url("/confgen/../etc/passwd"))).status).toBe(404)
    const posted = await fetch(url("/confgen"), { method: "POST", body: "x" })
    expect({ status: posted.status, allow: posted.headers.get("allow") }).toEqual({
      status: 405,
      allow: "GET, HEAD",
    })
    expect((await fetch(url(`/${"x".repeat(5000)}`))).status).toBe(414)
    expect((await fetch(url("/confgen"), { method: "POST", body: "x".repeat(100_000) })).status).toBe(413)
  })

  test("bytes that are no HTTP end the connection, and nothing else", async () => {
    const listener = start()
    const port = Number(listener?.address.split(":").at(-1))
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => socket.write("\0\u00ff no http\r\n\r\n"))
      let text = ""
      socket.on("data", (data) => (text += data.toString()))
      socket.on("close", () => resolve(text))
      socket.on("error", reject)
    })
    expect(answer).toMatch(/^(HTTP\/1.1 400|$)/)
    expect((await fetch(url("/confgen"))).status).toBe(200)
  })

  const portOf = (listener: HttpListener | undefined) => Number(listener?.address.split(":").at(-1))
  /** A connection that sends `text`. @returns it, and what it has heard when it is closed */
  const raw = (port: number, text: string) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text))
    let heard = ""
    socket.on("data", (data) => (heard += data.toString("latin1")))
    return new Promise<string>((resolve) => {
      socket.on("error", () => undefined)
      socket.on("close", () => resolve(heard))
    })
  }
  const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status)

  test("requests of one connection are answered in order, until it says that one is the last", async () => {
    const port = portOf(start())
    const more = "GET /confgen HTTP/1.1\r\nhost: x\r\n\r\n"
    const heard = await raw(
      port,
      `${more}GET /no HTTP/1.1\r\n\r\n${more}HEAD / HTTP/1.1\r\nConnection: Close\r\n\r\n${more}`,
    )
    expect(statuses(heard)).toEqual(["200", "404", "200", "302"])
    expect(heard.split(page)).toHaveLength(3)
    expect(statuses(await raw(port, "GET /confgen HTTP/1.0\r\n\r\n"))).toEqual(["200"])
    expect(
      statuses(await raw(port, "POST /confgen HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nGET / HTTP/1.1")),
    ).toEqual(["405"])
  })

  test.each([
    ["no request line", "\r\n\r\n", "400"],
    ["another protocol", "GET / HTTP/2\r\n\r\n", "400"],
    ["no path", "GET http://x/ HTTP/1.1\r\n\r\n", "400"],
    ["a folded header", "GET / HTTP/1.1\r\na: b\r\n c\r\n\r\n", "400"],
    ["a header without a name", "GET / HTTP/1.1\r\n: b\r\n\r\n", "400"],
    ["a length that is none", "GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n", "400"],
    ["a length below nothing", "GET / HTTP/1.1\r\ncontent-length: -5\r\n\r\n", "400"],
    ["two lengths", "GET / HTTP/1.1\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n", "400"],
    ["a long body", "POST / HTTP/1.1\r\ncontent-length: 65537\r\n\r\n", "413"],
    ["headers without end", `GET / HTTP/1.1\r\na: ${"b".repeat(9_000)}`, "431"],
  ])("%s is refused, and the connection closed", async (_, text, status) => {
    const port = portOf(start())
    expect(statuses(await raw(port, text))).toEqual([status])
    expect((await fetch(url("/confgen"))).status).toBe(200)
  })

  test("who sends far ahead is cut off; who is slow, too", async () => {
    let give = (_: string): void => undefined
    const port = portOf(start({ confgen: () => new Promise((resolve) => (give = resolve)) }))
    const request = "GET /confgen HTTP/1.1\r\n\r\n"
    expect(await raw(port, request.repeat(1_000))).toBe("")
    give(page)
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    try {
      const socket = connect(port, "127.0.0.1", () => socket.write("GET /no HTTP/1.1\r\n\r\nGET / HT"))
      const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()))
      socket.on("error", () => undefined)
      await new Promise<void>((resolve) => socket.on("data", () => resolve()))
      vi.advanceTimersByTime(httpIdleSeconds * 1000 - 1)
      expect((await fetch(url("/confgen"))).status).toBe(200)
      expect(socket.closed).toBe(false)
      vi.advanceTimersByTime(1)
      await closed
    } finally {
      vi.useRealTimers()
    }
  })

  test("nothing is done for a connection that is gone when its answer comes", async () => {
    const socket = { write: vi.fn(), end: vi.fn(), terminate: vi.fn() }
    let give = (_: Response): void => undefined
    const answered = new Promise<Response>((resolve) => (give = resolve))
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    try {
      const connection = new HttpConnection(socket as never, () => answered)
      connection.receive(Buffer.from("GET / HTTP/1.1\r\n\r\n"))
      connection.closed()
      const response = new Response(page)
      give(response)
      await vi.waitUntil(() => response.bodyUsed)
      await new Promise((resolve) => setImmediate(resolve))
      expect([vi.getTimerCount(), socket.write.mock.calls]).toEqual([0, []])
    } finally {
      vi.useRealTimers()
    }
  })

  test("one connection too many is told so, and there is room again when one has gone", async () => {
    const port = portOf(start())
    const sockets = await Promise.all(
      Array.from({ length: httpConnectionsMax }, () => {
        const socket = connect(port, "127.0.0.1")
        return new Promise<Socket>((resolve) => socket.on("connect", () => resolve(socket)))
      }),
    )
    // The listener may accept later than the system does.
    let heard = ""
    while (!heard.startsWith("HTTP/1.1 503"))
      heard = await raw(port, "GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
    for (const socket of sockets) socket.destroy()
    while (!heard.startsWith("HTTP/1.1 302"))
      heard = await raw(port, "GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
  })

  test("a page that cannot be made is an error of its own, and noticed", async () => {
    start({ confgen: () => Promise.reject(new Error("no page")) })
    const failed = await fetch(url("/confgen"))
    expect({ status: failed.status, text: await failed.text() }).toMatchObject({
      status: 500,
      text: expect.not.stringContaining("no page"),
    })
    expect(notices.at(-1)).toBe("warning: HTTP request failed: no page")
  })

  test("an address that is taken: an error where it was configured, a warning for auto", async () => {
    const first = start()
    expect(() => start({ listenOn: first?.address as string })).toThrow(HttpStartError)
    expect(() => start({ listenOn: first?.address as string })).toThrow(
      /the address is taken; set local.http.listen_on/,
    )
    // Whoever holds port 8080, this test or somebody else: the second `auto` finds it taken.
    start({ listenOn: "auto" })
    expect(start({ listenOn: "auto" })).toBeUndefined()
    expect(notices.at(-1)).toBe(
      "warning: HTTP cannot listen on 127.0.0.1:8080: the address is taken; this node goes without",
    )
    expect(start({ listenOn: "" })).toBeUndefined()
  })

  test("stopping frees the address", async () => {
    const first = start()
    await first?.stop()
    running.length = 0
    expect(start({ listenOn: first?.address as string })?.address).toBe(first?.address)
  })
})
