/**
 * The addresses a client is given: `HOST[:PORT]`, with IPv6 in brackets where a port follows. Names are resolved at each
 * connect, since a node may move.
 */
import { isIP, isIPv6 } from "node:net"
import { clientAddressesMax } from "../core/lib/limits.ts"
import { invalidArgument, QdbError } from "./error.ts"

export interface Address {
  /** Without brackets. */
  readonly host: string
  readonly port: number
  /** `host:port`, as it is printed. */
  readonly text: string
}

/** The port of quasardb, for clients and nodes. */
export const portDefault = 2836

const hostName =
  /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?$/

/** @throws QdbError `invalid_argument` */
export function parseAddress(text: string): Address {
  const bare = isIPv6(text)
  const match = bare ? null : /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text)
  const host = bare ? text : (match?.[1] ?? match?.[2] ?? "")
  const port = match?.[3] === undefined ? portDefault : Number(match[3])
  const isHost = match?.[1] !== undefined ? isIPv6(host) : isIP(host) !== 0 || isName(host)
  if (!isHost || port < 1 || port > 65535) {
    throw invalidArgument(`${JSON.stringify(text)} is not an address: write HOST:PORT, or [IPV6]:PORT.`)
  }
  return { host, port, text: formatAddress(host, port) }
}

/** @returns undefined where it is none */
export function addressOrUndefined(text: string): Address | undefined {
  try {
    return parseAddress(text)
  } catch (error) {
    if (error instanceof QdbError) return undefined
    throw error
  }
}

/** @param texts addresses, or lists of them separated by commas; those that come twice count once */
export function parseAddresses(texts: readonly string[]): Address[] {
  const found = new Map<string, Address>()
  for (const text of texts) {
    for (const part of text.split(",")) {
      const address = parseAddress(part.trim())
      found.set(address.text, address)
    }
  }
  if (found.size === 0) throw invalidArgument("No address of a daemon was given.")
  if (found.size > clientAddressesMax) {
    throw invalidArgument(`More than ${clientAddressesMax} addresses were given.`)
  }
  return [...found.values()]
}

/** @returns `host:port`, with brackets around IPv6 */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
}

/** A name whose last label is a number is a mistyped IPv4 address: 192.168.1.256. */
function isName(host: string): boolean {
  return hostName.test(host) && !/(?:^|\.)\d+\.?$/.test(host)
}
