/**
 * The questions of the configuration generator, as people answer them, and whether the answers make a cluster.
 *
 * Page, command line and direct calls all come through here with the same texts, so a wrong answer is refused for the same
 * reason in all three. A *fault* makes no files; a *notice* is told and does not stop anybody. An answer left empty where
 * that is possible means: automatic.
 */
import { generatorHostsMax } from "../core/lib/limits.ts"
import {
  addressKey,
  familyOf,
  formatAddress,
  isIPv6,
  isLoopback,
  isWildcard,
  parseAddress,
  portDefault,
} from "./address.ts"
import type { Address, Parsed } from "./address.ts"
import { assignPlaces, parsePlace } from "./places.ts"
import type { Place } from "./places.ts"
import { logLevels } from "./schema.ts"
import { formatBytes, parseBytes } from "./size.ts"

/** As written; numbers may have units. */
export interface Answers {
  /** Per node; empty: automatic. */
  readonly ram: string
  /** Per node; empty: no quota. */
  readonly disk: string
  /** Per node; empty: automatic. */
  readonly cores: string
  /** Host name or address each, optionally with a port. */
  readonly hosts: readonly string[]
  /** Places on the ring that hosts already have (`k/N`), by index; empty or missing: a place is chosen. */
  readonly places: readonly string[]
  readonly replication: string
  readonly sync: boolean
  readonly persistence: "disk" | "transient"
  /** Name or number. */
  readonly logLevel: string
  readonly sessions: string
}

export type Field = keyof Answers

export const defaultAnswers: Answers = {
  ram: "",
  disk: "",
  cores: "",
  hosts: [""],
  places: [],
  replication: "1",
  sync: true,
  persistence: "disk",
  logLevel: "info",
  sessions: "2000",
}

/** The words of the page, of the questions on a terminal, and of the messages. */
export const fieldLabels: Readonly<Record<Field, string>> = {
  ram: "Available RAM",
  disk: "Disk Allocation",
  cores: "Number of Cores",
  hosts: "Hostname / IP",
  places: "Place on the ring",
  replication: "Replication Factor",
  sync: "Low Level Synchronized Disk Writes",
  persistence: "Data Persistence",
  logLevel: "Log Level",
  sessions: "Allowed Simultaneous Connections",
}

/** `index`: the host that is meant. */
export interface Remark {
  readonly field: Field
  readonly index?: number
  readonly text: string
}

export interface Host {
  readonly address: Address
  readonly place: Place
}

/** Answers that make a cluster. 0: automatic, or no quota. */
export interface Plan {
  readonly ramBytes: number
  readonly diskBytes: number
  readonly cores: number
  readonly hosts: readonly Host[]
  readonly replication: number
  readonly sync: boolean
  readonly transient: boolean
  readonly logLevel: number
  readonly sessions: number
}

export interface Reading {
  /** Undefined if there is a fault. */
  readonly plan: Plan | undefined
  readonly faults: readonly Remark[]
  readonly notices: readonly Remark[]
}

const GiB = 2 ** 30
const ramBytesMin = 512 * 2 ** 20
const diskBytesMin = GiB

/** @returns what the answers mean, or every reason why they cannot be used */
export function readAnswers(answers: Answers): Reading {
  const faults: Remark[] = []
  const notices: Remark[] = []
  const fault = (field: Field, text: string, index?: number) =>
    void faults.push({ field, text, ...(index === undefined ? {} : { index }) })
  const notice = (field: Field, text: string, index?: number) =>
    void notices.push({ field, text, ...(index === undefined ? {} : { index }) })
  const transient = answers.persistence === "transient"
  const ramBytes = size(answers.ram, "ram", fault)
  const diskBytes = size(answers.disk, "disk", fault)
  const cores = count(answers.cores, "cores", { empty: 0, minimum: 1, maximum: 1024 }, fault)
  const replication = count(answers.replication, "replication", { minimum: 1, maximum: 4 }, fault)
  const sessions = count(answers.sessions, "sessions", { minimum: 50, maximum: 1_000_000 }, fault)
  const logLevel = level(answers.logLevel)
  if (logLevel === undefined) fault("logLevel", `is unknown; allowed: ${logLevels.join(", ")}`)
  if (!["disk", "transient"].includes(answers.persistence))
    fault("persistence", "is unknown; allowed: disk, transient")
  const addresses = readHosts(answers.hosts, fault)
  const places = readPlaces(answers, fault)
  if (replication !== undefined && replication > answers.hosts.length) {
    fault(
      "replication",
      `is more than the ${nodes(answers.hosts.length)}: every copy needs a node of its own`,
    )
  }
  if (ramBytes !== undefined && ramBytes > 0) {
    if (ramBytes < ramBytesMin)
      fault("ram", `is too little; a node needs ${formatBytes(ramBytesMin)} at least`)
    else if (ramBytes < GiB) notice("ram", "is little: below 1 GiB few entries stay in memory")
  }
  if (diskBytes !== undefined && diskBytes > 0 && !transient) {
    if (diskBytes < diskBytesMin)
      fault("disk", `is too little; a node needs ${formatBytes(diskBytesMin)} for its log alone`)
    else if (diskBytes < 10 * GiB) notice("disk", "is little: 10 GiB are the least that is advised")
  }
  if (diskBytes !== undefined && diskBytes > 0 && transient)
    notice("disk", "has no effect: nothing is stored")
  if (faults.length === 0) {
    remarks(
      {
        addresses: addresses as Address[],
        replication: replication as number,
        sessions: sessions as number,
        sync: answers.sync,
        transient,
      },
      notice,
    )
  }
  if (faults.length > 0 || logLevel === undefined)
    return { plan: undefined, faults: inOrder(faults), notices }
  const assigned = assignPlaces(places)
  const plan: Plan = {
    ramBytes: ramBytes as number,
    diskBytes: diskBytes as number,
    cores: cores as number,
    hosts: (addresses as Address[]).map((address, index) => ({ address, place: assigned[index] as Place })),
    replication: replication as number,
    sync: answers.sync,
    transient,
    logLevel,
    sessions: sessions as number,
  }
  return { plan, faults, notices }
}

/** In the order of the questions, so that one can walk through them. */
function inOrder(remarks: readonly Remark[]): readonly Remark[] {
  const rank = ({ field, index = -1 }: Remark) => fields.indexOf(field) * 1000 + index
  return remarks.toSorted((a, b) => rank(a) - rank(b))
}

const fields = Object.keys(defaultAnswers) as readonly Field[]

type Remarking = (field: Field, text: string, index?: number) => void

const nodes = (n: number) => (n === 1 ? "one node" : `${n} nodes`)

function size(text: string, field: Field, fault: Remarking): number | undefined {
  if (text.trim() === "") return 0
  // A bare number is a slip of the pen: 16 bytes of memory are nobody's answer.
  if (/^\s*[0-9]{1,5}\s*$/.test(text) && Number(text) > 0)
    return void fault(field, `has no unit; write ${text.trim()} GiB`)
  const parsed = parseBytes(text)
  if (!parsed.ok) return void fault(field, `${parsed.wrong}; write it like 16 GiB or 2TB`)
  if (parsed.value === 0) return void fault(field, "is zero; leave it empty for the automatic value")
  return parsed.value
}

function count(
  text: string,
  field: Field,
  { empty, minimum, maximum }: { empty?: number; minimum: number; maximum: number },
  fault: Remarking,
): number | undefined {
  if (text.trim() === "" && empty !== undefined) return empty
  const value = /^\s*[0-9]{1,9}\s*$/.test(text) ? Number(text) : Number.NaN
  if (value >= minimum && value <= maximum) return value
  return void fault(field, `is not a number from ${minimum} to ${maximum}`)
}

/** @returns the number of a log level's name or number */
function level(text: string): number | undefined {
  const word = text.trim().toLowerCase()
  const named = (logLevels as readonly string[]).indexOf(word)
  return named >= 0 ? named : /^[0-5]$/.test(word) ? Number(word) : undefined
}

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

function readHosts(hosts: readonly string[], fault: Remarking): (Address | undefined)[] {
  if (hosts.length === 0) fault("hosts", "at least one node is needed")
  if (hosts.length > generatorHostsMax) {
    fault("hosts", `are too many; ${generatorHostsMax} nodes are the most that are generated at once`)
    return []
  }
  const seen = new Map<string, number>()
  const names = new Map<string, number>()
  const addresses = hosts.map((text, index) => {
    const parsed = parseHost(text)
    if (!parsed.ok) return void fault("hosts", parsed.wrong, index)
    const { host } = parsed.value
    if (isWildcard(host))
      return void fault("hosts", "is a wildcard, which other nodes cannot connect to", index)
    const first = seen.get(addressKey(parsed.value))
    if (first !== undefined) return void fault("hosts", `is the same as node ${first + 1}`, index)
    seen.set(addressKey(parsed.value), index)
    const name = fileNameOf(parsed.value).toLowerCase()
    const other = names.get(name)
    if (other !== undefined)
      return void fault("hosts", `would have the same file as node ${other + 1}`, index)
    names.set(name, index)
    return parsed.value
  })
  const known = addresses.filter((address) => address !== undefined)
  if (known.some(({ host }) => isLoopback(host)) && known.some(({ host }) => !isLoopback(host))) {
    addresses.forEach((address, index) => {
      if (address !== undefined && isLoopback(address.host))
        fault("hosts", "is a loopback address, which the other machines cannot reach", index)
    })
  }
  return addresses
}

function readPlaces({ hosts, places }: Answers, fault: Remarking): (Place | undefined)[] {
  const seen = new Map<number, number>()
  return hosts.map((_, index) => {
    const text = (places[index] ?? "").trim()
    if (text === "") return undefined
    const place = parsePlace(text)
    if (place === undefined) return void fault("places", "is not k/N with k from 1 to N", index)
    const at = (place.index - 1) / place.count
    const first = seen.get(at)
    if (first !== undefined) return void fault("places", `is the place of node ${first + 1}`, index)
    seen.set(at, index)
    return place
  })
}

/** @returns the name of a node's file without `.conf`: the host as it was entered, fit for every file system */
export function fileNameOf({ host, port }: Address): string {
  const name = host.replaceAll(/[:%]/g, "-")
  return port === portDefault ? name : `${name}-${port}`
}

interface Outline {
  readonly addresses: readonly Address[]
  readonly replication: number
  readonly sessions: number
  readonly sync: boolean
  readonly transient: boolean
}

function remarks({ addresses, replication, sessions, sync, transient }: Outline, notice: Remarking): void {
  const n = addresses.length
  if (addresses.every(({ host }) => isLoopback(host))) {
    notice(
      "hosts",
      n === 1
        ? "only this machine can reach it"
        : "all on this machine: good for trying, no protection against its failure",
    )
  }
  const families = new Set(addresses.map(({ family }) => family))
  if (families.size > 1)
    notice(
      "hosts",
      `${[...families].map(familyText).join(" and ")} mixed: make sure that every node reaches every other`,
    )
  if (n === 2)
    notice(
      "hosts",
      "two nodes: one of them votes, and the cluster stops while that one is down; three survive the loss of any",
    )
  else if (n > 2 && n % 2 === 0) {
    const voters = n === 4 ? 3 : 5
    const more = n === 4 ? "; with a fifth node two may fail at once" : ""
    notice("hosts", `an even number: ${voters} of the ${n} nodes vote${more}`)
  }
  if (replication === 1 && n > 1)
    notice("replication", "no replicas: while a node is down its entries are unavailable")
  if (sessions > 4000) {
    notice(
      "sessions",
      `each takes a file descriptor: the machine must allow ${sessions + 1000} (ulimit -n, LimitNOFILE)`,
    )
  }
  if (!sync && !transient) notice("sync", "without it a power cut may cost the last moments")
  if (transient)
    notice(
      "persistence",
      "in memory alone: what the memory does not hold is lost, and everything when the nodes stop",
    )
}

const familyText = (family: Address["family"]) => (family === "name" ? "names" : family)

/** @returns `host:port` of a node */
export const addressOf = ({ host, port }: Address): string => formatAddress(host, port)
