/** Responses of the HTTP listener: every one carries the same headers of protection, also the errors. */
import { createHash } from "node:crypto"
import { gzipSync } from "node:zlib"

/** A page, made once and sent many times. */
export interface Page {
  readonly mediaType: string
  readonly plain: Uint8Array<ArrayBuffer>
  readonly gzip: Uint8Array<ArrayBuffer>
  readonly etag: string
  readonly policy: string
}

const nothing = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

/** @returns what a browser may do with a response: not guess its type, not frame it, not tell others where it came from */
function protection(policy: string): Record<string, string> {
  return {
    "content-security-policy": policy,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
  }
}

/** @param html a page whose policy stands in a meta element: the header repeats it, and forbids frames, which meta cannot */
export function htmlPage(html: string): Page {
  const plain = new TextEncoder().encode(html)
  const own = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1]
  return {
    mediaType: "text/html; charset=utf-8",
    plain,
    gzip: new Uint8Array(gzipSync(plain, { level: 9 })),
    etag: `"${createHash("sha256").update(plain).digest("base64url").slice(0, 22)}"`,
    policy: own === undefined ? nothing : `${own}; frame-ancestors 'none'`,
  }
}

export function pageResponse(page: Page, request: Request): Response {
  const headers = {
    ...protection(page.policy),
    "cache-control": "no-cache",
    etag: page.etag,
    vary: "accept-encoding",
  }
  const known = (request.headers.get("if-none-match") ?? "")
    .split(",")
    .map((tag) => tag.trim().replace(/^W\//, ""))
  if (known.includes(page.etag)) return new Response(null, { status: 304, headers })
  const zipped = /(?:^|,)\s*gzip\s*(?:,|$|;(?!\s*q=0(?:\.0*)?\s*(?:,|$)))/i.test(
    request.headers.get("accept-encoding") ?? "",
  )
  const body = zipped ? page.gzip : page.plain
  return new Response(request.method === "HEAD" ? null : body, {
    headers: {
      ...headers,
      "content-type": page.mediaType,
      "content-length": String(body.length),
      ...(zipped ? { "content-encoding": "gzip" } : {}),
    },
  })
}

/** @returns an error as a line of text */
export function errorResponse(
  status: number,
  text: string,
  extra: Readonly<Record<string, string>> = {},
): Response {
  const headers = {
    ...protection(nothing),
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store",
    ...extra,
  }
  return new Response(`${text}\n`, { status, headers })
}

export function redirectResponse(location: string): Response {
  return new Response(null, {
    status: 302,
    headers: { ...protection(nothing), location, "cache-control": "no-store" },
  })
}
