/**
 * The files of a whole cluster from a plan: a pure function, so that the page, the command line and tests give the same
 * bytes for the same answers.
 *
 * Every file lists all other nodes as peers: so no node can found a second cluster when it is started again. Each gets an
 * evenly spaced place on the ring. Paths are relative to the file, so that a folder holds all of a node. Only what the
 * answers decide is written, which keeps the files readable; `--print-config` shows the rest.
 */
import { hostKey } from "./address.ts"
import { addressOf, fileNameOf } from "./answers.ts"
import type { Answers, Host, Plan } from "./answers.ts"
import { placeText } from "./places.ts"
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
  // Nodes that share a machine share neither directory nor port.
  const before = plan.hosts
    .slice(0, index)
    .filter((other) => hostKey(other.address.host) === hostKey(address.host)).length
  const shared =
    plan.hosts.filter((other) => hostKey(other.address.host) === hostKey(address.host)).length > 1
  const own = (name: string, extension = "") =>
    shared ? `${name}-${address.port}${extension}` : `${name}${extension}`
  return {
    "global.depot.max_bytes": plan.transient ? 0 : plan.diskBytes,
    "global.depot.replication_factor": plan.replication,
    "global.depot.root": own("db"),
    "global.depot.sync": plan.sync,
    "global.depot.transient": plan.transient,
    "global.limiter.max_bytes": entryBytes(plan.ramBytes),
    "local.chord.bootstrapping_peers": plan.hosts
      .filter((other) => other !== host)
      .map((other) => addressOf(other.address)),
    "local.chord.node_id": placeText(place),
    "local.http.listen_on": addressOf({ ...address, port: httpPortOf(plan, address.host, before) }),
    "local.logger.dump_file": own("qdb_error_dump", ".txt"),
    "local.logger.log_level": plan.logLevel,
    "local.network.listen_on": addressOf(address),
    "local.network.partitions_count": workerCount(plan.cores),
    "local.network.server_sessions": plan.sessions,
    "local.user.license_file": licenseName,
  }
}

/** @returns the port of the `before`-th HTTP listener of a machine: from 8080 on, but for the ports of its nodes */
function httpPortOf(plan: Plan, host: string, before: number): number {
  const used = new Set(
    plan.hosts
      .filter((other) => hostKey(other.address.host) === hostKey(host))
      .map((other) => other.address.port),
  )
  let left = before
  for (let port = httpPort; ; port++) {
    if (!used.has(port) && left-- === 0) return port
  }
}

/** @returns the answers with every place filled in: what a cluster is grown from */
export function settledAnswers(answers: Answers, plan: Plan): Answers {
  return {
    ...answers,
    hosts: answers.hosts.map((host) => host.trim()),
    places: plan.hosts.map(({ place }) => placeText(place)),
  }
}

/** @returns one file for one host; for several a file each, the license, the answers and a README, in the archive's order */
export function generateFiles(answers: Answers, plan: Plan, license: string): readonly GeneratedFile[] {
  const files = plan.hosts.map((host, index) => ({
    name: `${fileNameOf(host.address)}.conf`,
    text: configFileText(nodeSettings(plan, index)),
  }))
  if (files.length === 1) return files
  const text = `${JSON.stringify(settledAnswers(answers, plan), null, 2)}\n`
  return [
    {
      name: "README.txt",
      text: readmeText(
        plan,
        files.map((file) => file.name),
      ),
    },
    ...files,
    { name: licenseName, text: license },
    { name: answersName, text },
  ]
}
