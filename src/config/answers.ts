/**
 * The questions of the configuration generator, as people answer them, and whether the answers make a cluster.
 *
 * Page, command line and direct calls all come through here with the same texts, so a wrong answer is refused for the same
 * reason in all three. A *fault* makes no files; a *notice* is told and does not stop anybody. An answer left empty where
 * that is possible means: automatic.
 */
import type { Address } from "./address.ts"
import { readHosts } from "./hosts.ts"
import { remark } from "./notices.ts"
import { assignPlaces, parsePlace } from "./places.ts"
import type { Host, Place } from "./places.ts"
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

/** What answers mean that make a cluster. 0: automatic, or no quota. */
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
  /** What each answer means that has no fault, whatever the others have: so one can be told early what it becomes. */
  readonly parts: Partial<Plan>
  readonly faults: readonly Remark[]
  readonly notices: readonly Remark[]
}

export type Remarking = (field: Field, text: string, index?: number) => void

const GiB = 2 ** 30
const ramBytesMin = 512 * 2 ** 20
const diskBytesMin = GiB

/** @returns what the answers mean, or every reason why they cannot be used */
export function readAnswers(answers: Answers): Reading {
  const faults: Remark[] = []
  const notices: Remark[] = []
  const into =
    (remarks: Remark[]): Remarking =>
    (field, text, index) =>
      void remarks.push({ field, text, ...(index === undefined ? {} : { index }) })
  const read = readParts(answers, into(faults))
  const faulty = new Set(faults.map(({ field }) => field))
  const kept = Object.entries(read).filter(
    ([part, value]) =>
      value !== undefined && !partFields[part as keyof Plan].some((field) => faulty.has(field)),
  )
  const parts = Object.fromEntries(kept) as Partial<Plan>
  remark(parts, into(notices))
  return {
    plan: faults.length === 0 ? (parts as Plan) : undefined,
    parts,
    faults: inOrder(faults),
    notices: inOrder(notices),
  }
}

/** The answers that each part is made of. */
const partFields: Readonly<Record<keyof Plan, readonly Field[]>> = {
  ramBytes: ["ram"],
  diskBytes: ["disk"],
  cores: ["cores"],
  hosts: ["hosts", "places"],
  replication: ["replication"],
  sync: ["sync"],
  transient: ["persistence"],
  logLevel: ["logLevel"],
  sessions: ["sessions"],
}

type Read = { readonly [P in keyof Plan]: Plan[P] | undefined }

function readParts(answers: Answers, fault: Remarking): Read {
  const transient = answers.persistence === "transient"
  if (!["disk", "transient"].includes(answers.persistence))
    fault("persistence", "is unknown; allowed: disk, transient")
  const ramBytes = size(answers.ram, "ram", fault)
  if (ramBytes !== undefined && ramBytes > 0 && ramBytes < ramBytesMin)
    fault("ram", `is too little; a node needs ${formatBytes(ramBytesMin)} at least`)
  const diskBytes = size(answers.disk, "disk", fault)
  if (diskBytes !== undefined && diskBytes > 0 && diskBytes < diskBytesMin && !transient)
    fault("disk", `is too little; a node needs ${formatBytes(diskBytesMin)} for its log alone`)
  const cores = count(answers.cores, "cores", { empty: 0, minimum: 1, maximum: 1024 }, fault)
  const replication = count(answers.replication, "replication", { minimum: 1, maximum: 4 }, fault)
  if (replication !== undefined && replication > answers.hosts.length) {
    const nodes = answers.hosts.length === 1 ? "one node" : `${answers.hosts.length} nodes`
    fault("replication", `is more than the ${nodes}: every copy needs a node of its own`)
  }
  const sessions = count(answers.sessions, "sessions", { minimum: 50, maximum: 1_000_000 }, fault)
  const logLevel = level(answers.logLevel)
  if (logLevel === undefined) fault("logLevel", `is unknown; allowed: ${logLevels.join(", ")}`)
  const { sync } = answers
  const hosts = readNodes(answers, fault)
  return { ramBytes, diskBytes, cores, hosts, replication, sync, transient, logLevel, sessions }
}

/** @returns the hosts with their places, or undefined where one has a fault */
function readNodes(answers: Answers, fault: Remarking): readonly Host[] | undefined {
  const addresses = readHosts(answers.hosts, (text, index) => fault("hosts", text, index))
  const places = readPlaces(answers, fault)
  if (addresses.length === 0 || addresses.some((address) => address === undefined)) return undefined
  const assigned = assignPlaces(places)
  return addresses.map((address, i) => ({ address: address as Address, place: assigned[i] as Place }))
}

/** In the order of the questions, so that one can walk through them. */
function inOrder(remarks: readonly Remark[]): readonly Remark[] {
  const rank = ({ field, index = -1 }: Remark) => fields.indexOf(field) * 1000 + index
  return remarks.toSorted((a, b) => rank(a) - rank(b))
}

const fields = Object.keys(defaultAnswers) as readonly Field[]

function size(text: string, field: Field, fault: Remarking): number | undefined {
  if (text.trim() === "") return 0
  // A bare number is a slip of the pen: 16 bytes of memory are nobody's answer.
  if (/^\s*[0-9]{1,5}(?:[.][0-9]{1,3})?\s*$/.test(text) && Number(text) > 0)
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

function readPlaces({ hosts, places }: Answers, fault: Remarking): (Place | undefined)[] {
  // Whoever takes a host out of the list by hand has to take its place out too, or others would move.
  if (places.length > hosts.length) fault("places", `has ${places.length} values for ${hosts.length} hosts`)
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
