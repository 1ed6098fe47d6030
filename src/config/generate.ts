/**
 * The files of a whole cluster from a plan: a pure function, so that the page, the command line and tests give the same
 * bytes for the same answers.
 *
 * Every file lists all other nodes as peers: so no node can found a second cluster when it is started again. Each gets an
 * evenly spaced place on the ring. Paths are relative to the file, so that a folder holds all of a node. Only what the
 * answers decide is written, which keeps the files readable; `--print-config` shows the rest.
 */
import type { Address } from "./address.ts"
import { readAnswers } from "./answers.ts"
import type { Answers, Plan } from "./answers.ts"
import { addressOf, fileNameOf, machineOf, ownSuffix } from "./hosts.ts"
import { placeText } from "./places.ts"
import type { Host } from "./places.ts"
import type { SettingPath, SettingValue } from "./config.ts"
import { configFileText } from "./print.ts"
import { readmeText } from "./readme.ts"

export interface GeneratedFile {
  readonly name: string
  readonly text: string
}

export type NodeSettings = Readonly<Partial<Record<SettingPath, SettingValue>>>

export const licenseName = "qdb_license.txt"
export const answersName = "answers.json"
const httpPort = 8080
const MiB = 2 ** 20

/** Memory that a node needs beside its entries: the runtime, buffers of sessions, batches on their way to the disk. */
const ownBytesMin = 384 * MiB
const ownShare = 8

/** @returns the memory for entries, of what a node may use; 0 stays automatic */
export function entryBytes(ramBytes: number): number {
  if (ramBytes === 0) return 0
  const own = Math.max(ownBytesMin, Math.ceil(ramBytes / ownShare))
  return Math.floor((ramBytes - own) / MiB) * MiB
}

/** @returns worker threads, of a number of cores: one core is the loop's that owns the sockets; 0 stays automatic */
export function workerCount(cores: number): number {
  return cores === 0 ? 0 : Math.min(256, Math.max(1, cores - 1))
}

/** @returns the settings of one node */
export function nodeSettings(plan: Plan, index: number): NodeSettings {
  const host = plan.hosts[index] as Host
  const { address, place } = host
  const suffix = ownSuffix(address)
  return {
    "global.depot.max_bytes": plan.transient ? 0 : plan.diskBytes,
    "global.depot.replication_factor": plan.replication,
    "global.depot.root": `db${suffix}`,
    "global.depot.sync": plan.sync,
    "global.depot.transient": plan.transient,
    "global.limiter.max_bytes": entryBytes(plan.ramBytes),
    "local.chord.bootstrapping_peers": plan.hosts
      .filter((other) => other !== host)
      .map((other) => addressOf(other.address)),
    "local.chord.node_id": placeText(place),
    "local.http.listen_on": addressOf(httpAddress(plan, index)),
    "local.logger.dump_file": `qdb_error_dump${suffix}.txt`,
    "local.logger.log_level": plan.logLevel,
    "local.network.listen_on": addressOf(address),
    "local.network.partitions_count": workerCount(plan.cores),
    "local.network.server_sessions": plan.sessions,
    "local.user.license_file": licenseName,
  }
}

/** @returns where a node serves HTTP: on its own host; where several share one, from 8080 on, but for the nodes' own ports */
export function httpAddress({ hosts }: Pick<Plan, "hosts">, index: number): Address {
  const { address } = hosts[index] as Host
  const sharing = hosts.filter((other) => machineOf(other.address.host) === machineOf(address.host))
  const used = new Set(sharing.map((other) => other.address.port))
  let before = sharing.indexOf(hosts[index] as Host)
  for (let port = httpPort; ; port++) {
    if (!used.has(port) && before-- === 0) return { ...address, port }
  }
}

/** @returns the answers with every place filled in: what a cluster is grown from */
export function settledAnswers(answers: Answers, { hosts }: Pick<Plan, "hosts">): Answers {
  return {
    ...answers,
    hosts: answers.hosts.map((host) => host.trim()),
    places: hosts.map(({ place }) => placeText(place)),
  }
}

/**
 * @returns the answers of a cluster that exists with hosts to be added: who is there keeps the place that these answers gave
 *   it, written down or not. Answers that have a fault are only put together; the fault is found when they are read.
 */
export function grownAnswers(answers: Answers, added: readonly string[]): Answers {
  const { parts } = readAnswers(answers)
  const settled = parts.hosts === undefined ? answers : settledAnswers(answers, { hosts: parts.hosts })
  return { ...settled, hosts: [...settled.hosts, ...added] }
}

/** @returns a file for each node, the license, the answers and a README, in the archive's order */
export function generateFiles(answers: Answers, plan: Plan, license: string): readonly GeneratedFile[] {
  const configs = configFiles(plan)
  const names = configs.map(({ name }) => name)
  return [
    { name: "README.txt", text: readmeText(plan, names) },
    ...configs,
    { name: licenseName, text: license },
    { name: answersName, text: `${JSON.stringify(settledAnswers(answers, plan), null, 2)}\n` },
  ]
}

/** @returns the configuration of each node */
export function configFiles(plan: Plan): readonly GeneratedFile[] {
  return plan.hosts.map((host, index) => ({
    name: `${fileNameOf(host.address)}.conf`,
    text: configFileText(nodeSettings(plan, index)),
  }))
}
