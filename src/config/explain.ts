/** What each answer becomes in the files, and why: told by the page beside the questions. */
import type { Field, Plan } from "./answers.ts"
import type { SettingPath } from "./config.ts"
import { entryBytes, httpAddress, workerCount } from "./generate.ts"
import { addressOf } from "./hosts.ts"
import { placeText } from "./places.ts"
import { logLevels } from "./schema.ts"
import { formatBytes } from "./size.ts"

export interface Explanation {
  readonly field: Field
  readonly path: SettingPath
  /** As people read it, not as it is written. */
  readonly value: string
  readonly why: string
}

/** @param parts the answers that have no fault; about the others nothing is said */
export function explain(parts: Partial<Plan>): readonly Explanation[] {
  const { transient = false } = parts
  const told: Explanation[] = []
  for (const [part, about] of Object.entries(explanations)) {
    const value = parts[part as keyof Plan]
    if (value !== undefined) told.push(...(about as About<unknown>)(value, transient))
  }
  return told
}

type About<T> = (value: T, transient: boolean) => readonly Explanation[]

const count = (n: number, what: string, more = `${what}s`) => `${n} ${n === 1 ? what : more}`

/** @returns all of a few texts, or the first and the last of many; the preview has them all */
const listed = (texts: readonly string[], shown: number): string =>
  texts.length > shown ? `${texts[0]} … ${texts.at(-1)}` : texts.join(", ")

const explanations: { readonly [P in keyof Plan]: About<Plan[P]> } = {
  ramBytes: (ramBytes) => {
    const entries = entryBytes(ramBytes)
    return [
      {
        field: "ram",
        path: "global.limiter.max_bytes",
        value: entries === 0 ? "automatic" : formatBytes(entries),
        why:
          entries === 0
            ? "half of the machine's memory, found at each start"
            : `memory for entries; the other ${formatBytes(ramBytes - entries)} are for the process itself`,
      },
    ]
  },
  diskBytes: (diskBytes, transient) => [
    {
      field: "disk",
      path: "global.depot.max_bytes",
      value: diskBytes === 0 || transient ? "no quota" : formatBytes(diskBytes),
      why: transient ? "nothing is stored" : diskWhy(diskBytes),
    },
  ],
  cores: (cores) => [
    {
      field: "cores",
      path: "local.network.partitions_count",
      value: cores === 0 ? "automatic" : count(workerCount(cores), "worker"),
      why:
        cores === 0
          ? "cores minus one, found at each start"
          : "one core is left to the loop that serves the network",
    },
  ],
  hosts: (hosts) => [
    {
      field: "hosts",
      path: "local.network.listen_on",
      value: listed(
        hosts.map(({ address }) => addressOf(address)),
        2,
      ),
      why: "where clients and other nodes reach the node",
    },
    {
      field: "hosts",
      path: "local.chord.bootstrapping_peers",
      value: hosts.length === 1 ? "none" : `the other ${count(hosts.length - 1, "node")}`,
      why:
        hosts.length === 1
          ? "the node is a cluster of its own"
          : "every file lists all others, so that no restart can found a second cluster",
    },
    {
      field: "hosts",
      path: "local.chord.node_id",
      value: listed(
        hosts.map(({ place }) => placeText(place)),
        5,
      ),
      why: "evenly spaced places on the ring, with room between for nodes that are added later",
    },
    {
      field: "hosts",
      path: "local.http.listen_on",
      value: listed(
        hosts.map((_, index) => addressOf(httpAddress({ hosts }, index))),
        2,
      ),
      why: "this page, served by the node itself",
    },
  ],
  replication: (replication) => [
    {
      field: "replication",
      path: "global.depot.replication_factor",
      value: count(replication, "copy", "copies"),
      why:
        replication === 1
          ? "no replicas"
          : `each entry survives the loss of ${count(replication - 1, "node")}`,
    },
  ],
  sync: (sync) => [
    {
      field: "sync",
      path: "global.depot.sync",
      value: String(sync),
      why: sync
        ? "a write is answered once it is on the disks"
        : "a write is answered before it is on the disks",
    },
  ],
  transient: (transient) => [
    {
      field: "persistence",
      path: "global.depot.transient",
      value: String(transient),
      why: transient ? "entries live in memory alone" : "entries are stored on disk",
    },
  ],
  logLevel: (logLevel) => [
    {
      field: "logLevel",
      path: "local.logger.log_level",
      value: `${logLevel} (${logLevels[logLevel]})`,
      why: "this and worse is logged",
    },
  ],
  sessions: (sessions) => [
    {
      field: "sessions",
      path: "local.network.server_sessions",
      value: String(sessions),
      why: "clients connected to one node at once; one too many is refused",
    },
  ],
}

const diskWhy = (diskBytes: number): string =>
  diskBytes === 0 ? "the node may fill the disk it is on" : "beyond it writes are refused, and reads go on"
