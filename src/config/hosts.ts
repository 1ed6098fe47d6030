/**
 * The nodes of a cluster as people name them: which texts are hosts, which hosts are one and the same, and what a node's
 * file and folder are called.
 */
import { generatorHostsMax } from "../core/lib/limits.ts"
import {
  familyOf,
  formatAddress,
  hostKey,
  isIPv6,
  isLoopback,
  isMulticast,
  isWildcard,
  parseAddress,
  portDefault,
} from "./address.ts"
import type { Address, Parsed } from "./address.ts"

/** @param text a host as people write it: with or without a port, IPv6 with or without brackets */
export function parseHost(text: string): Parsed<Address> {
  const host = text.trim()
  if (host === "") return { ok: false, wrong: "is empty" }
  if (isIPv6(host)) return { ok: true, value: { host, port: portDefault, family: "IPv6" } }
  if (!host.startsWith("[") && !host.includes(":")) {
    const family = familyOf(host)
    if (family !== undefined) return { ok: true, value: { host, port: portDefault, family } }
  }
  return parseAddress(/^\[[^\]]*\]$/.test(host) ? `${host}:${portDefault}` : host)
}

/**
 * @param fault is told what is wrong, of a host by its index, or of all together
 * @returns an address for each host, undefined where there is a fault
 */
export function readHosts(
  hosts: readonly string[],
  fault: (text: string, index?: number) => void,
): readonly (Address | undefined)[] {
  if (hosts.length === 0) fault("at least one node is needed")
  if (hosts.length > generatorHostsMax) {
    fault(`are too many; ${generatorHostsMax} nodes are the most that are generated at once`)
    return []
  }
  const seen = new Map<string, number>()
  const names = new Map<string, number>()
  const addresses = hosts.map((text, index) => {
    const parsed = parseHost(text)
    if (!parsed.ok) return void fault(parsed.wrong, index)
    const address = parsed.value
    if (isWildcard(address.host))
      return void fault("is a wildcard, which other nodes cannot connect to", index)
    if (isMulticast(address.host)) return void fault("is an address of a group, not of one machine", index)
    const key = `${machineOf(address.host)} ${address.port}`
    const first = seen.get(key)
    if (first !== undefined) return void fault(`is the same as node ${first + 1}`, index)
    seen.set(key, index)
    const name = fileNameOf(address).toLowerCase()
    const other = names.get(name)
    if (other !== undefined) return void fault(`would have the same file as node ${other + 1}`, index)
    names.set(name, index)
    return address
  })
  const known = addresses.filter((address) => address !== undefined)
  if (known.some(({ host }) => isLoopback(host)) && known.some(({ host }) => !isLoopback(host))) {
    addresses.forEach((address, index) => {
      if (address !== undefined && isLoopback(address.host))
        fault("is a loopback address, which the other machines cannot reach", index)
    })
  }
  return addresses
}

/** @returns a text that is equal for two hosts whose ports are shared; `localhost` is 127.0.0.1 where it listens */
export function machineOf(host: string): string {
  return isLoopback(host) && familyOf(host) === "name" ? "127.0.0.1" : hostKey(host)
}

/** @returns the name of a node's file without `.conf`: the host as it was entered, with what file names may hold */
export function fileNameOf({ host, port }: Address): string {
  const name = host.replaceAll(/[:%]/g, "-")
  return port === portDefault ? name : `${name}-${port}`
}

/**
 * @returns what is put behind the names of a node's folder and files, so that nodes which share a machine do not share
 *   these. It depends on nothing but the node's own address: a node that is added later must not rename the folder of
 *   one that has data.
 */
export function ownSuffix(address: Address): string {
  const mayShare = isLoopback(address.host) || address.port !== portDefault
  return mayShare ? `-${fileNameOf(address)}` : ""
}

/** @returns `host:port` of a node */
export const addressOf = ({ host, port }: Address): string => formatAddress(host, port)
