/**
 * Addresses as people write them: `host:port`, with IPv6 in brackets. Names are checked for their shape only; they are
 * resolved at each connect, so that a node may move.
 */
export interface Address {
  /** Without brackets. */
  readonly host: string
  readonly port: number
  readonly family: "IPv4" | "IPv6" | "name"
}

export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly wrong: string }

const wrong = (text: string) => ({ ok: false, wrong: text }) as const

/** quasardb's port for clients and nodes. */
export const portDefault = 2836

const octet = /^(?:0|[1-9][0-9]{0,2})$/

/** @returns whether `host` is four decimal octets; leading zeros are refused, since some systems read them as octal */
export function isIPv4(host: string): boolean {
  const octets = host.split(".")
  return octets.length === 4 && octets.every((o) => octet.test(o) && Number(o) <= 255)
}

/** @returns whether `host` is an IPv6 address, with an optional zone (`fe80::1%eth0`) */
export function isIPv6(host: string): boolean {
  const [address, zone, ...more] = host.split("%") as [string, string?, ...string[]]
  if (more.length > 0 || (zone !== undefined && !/^[0-9A-Za-z_.-]{1,32}$/.test(zone))) return false
  const halves = address.split("::")
  if (halves.length > 2) return false
  let groups = 0
  for (const [at, half] of halves.entries()) {
    if (half === "") continue
    const parts = half.split(":")
    for (const [index, part] of parts.entries()) {
      const last = index === parts.length - 1 && at === halves.length - 1
      if (last && part.includes(".")) {
        if (!isIPv4(part)) return false
        groups += 2
      } else {
        if (!/^[0-9A-Fa-f]{1,4}$/.test(part)) return false
        groups += 1
      }
    }
  }
  return halves.length === 2 ? groups <= 7 : groups === 8 && address !== ""
}

const label = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/

/** @returns whether `host` may be a host name (RFC 1123; underscores too, since container networks use them) */
export function isHostName(host: string): boolean {
  const name = host.endsWith(".") ? host.slice(0, -1) : host
  if (name.length === 0 || name.length > 253) return false
  const labels = name.split(".")
  // A name that ends in digits is a mistyped IPv4 address: 192.168.1.256, 10.0.1.
  return labels.every((l) => label.test(l)) && !/^[0-9]+$/.test(labels.at(-1) as string)
}

/** @returns the family of a host written without brackets, or undefined if it is none */
export function familyOf(host: string): Address["family"] | undefined {
  if (isIPv4(host)) return "IPv4"
  if (isIPv6(host)) return "IPv6"
  return isHostName(host) ? "name" : undefined
}

/** @param portMinimum 0 where the system may choose the port, else 1 */
export function parseAddress(text: string, portMinimum: 0 | 1 = 1): Parsed<Address> {
  if (text === "") return wrong("is empty")
  if (text !== text.trim()) return wrong("has spaces around it")
  if (isIPv6(text))
    return wrong(`is an IPv6 address without brackets or port; write [${text}]:${portDefault}`)
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(text)
  if (match === null) return wrong("is not host:port")
  const [, bracketed, bare, portText] = match
  const host = (bracketed ?? bare) as string
  if (host === "") return wrong("has no host")
  if (bracketed !== undefined && !isIPv6(host))
    return wrong("has something else than an IPv6 address in brackets")
  const family = familyOf(host)
  if (family === undefined) {
    return wrong(/^[0-9.]+$/.test(host) ? "is not an IPv4 address" : "is not a host name or address")
  }
  if (portText === undefined) return wrong(`has no port; write ${text}:${portDefault}`)
  if (!/^[0-9]{1,5}$/.test(portText) || Number(portText) > 65535)
    return wrong("has a port that is not a number up to 65535")
  const port = Number(portText)
  if (port < portMinimum) return wrong("has port 0")
  return { ok: true, value: { host, port, family } }
}

/** @returns `host:port`, with brackets around IPv6 */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
}

/** @returns the eight groups of an IPv6 address, without its zone */
function groupsOf(host: string): number[] {
  const address = host.split("%")[0] as string
  const expand = (half: string): number[] =>
    half === ""
      ? []
      : half.split(":").flatMap((part) => {
          if (!part.includes(".")) return [Number.parseInt(part, 16)]
          const [a, b, c, d] = part.split(".").map(Number) as [number, number, number, number]
          return [a * 256 + b, c * 256 + d]
        })
  const [head, tail] = address.split("::") as [string, string?]
  const front = expand(head)
  const back = tail === undefined ? [] : expand(tail)
  return [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back]
}

/** @returns a text that is equal for two spellings of one host: names in lower case, IPv6 in full */
export function hostKey(host: string): string {
  if (!isIPv6(host)) return host.toLowerCase().replace(/\.$/, "")
  const zone = host.split("%")[1]
  const groups = groupsOf(host).map((g) => g.toString(16))
  return groups.join(":") + (zone === undefined ? "" : `%${zone}`)
}

/** @returns a text that is equal for two spellings of one address */
export function addressKey(address: Address): string {
  return `${hostKey(address.host)} ${address.port}`
}

/** @returns whether the host stands for all addresses of the machine */
export function isWildcard(host: string): boolean {
  return isIPv4(host) ? host === "0.0.0.0" : isIPv6(host) && groupsOf(host).every((g) => g === 0)
}

/** @returns whether the host stands for a group of machines, which nobody can listen on or connect to */
export function isMulticast(host: string): boolean {
  if (isIPv4(host)) return Number(host.split(".")[0]) >= 224
  return isIPv6(host) && (groupsOf(host)[0] as number) >= 0xff00
}

/** @returns whether only the machine itself can reach the host */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return host.startsWith("127.")
  if (isIPv6(host)) {
    const groups = groupsOf(host)
    const [mapped, high] = [groups[5] as number, groups[6] as number]
    if (groups.slice(0, 5).every((g) => g === 0) && mapped === 0xffff) return high >> 8 === 127
    return groups.every((g, i) => g === (i === 7 ? 1 : 0))
  }
  const key = hostKey(host)
  return key === "localhost" || key.endsWith(".localhost")
}
