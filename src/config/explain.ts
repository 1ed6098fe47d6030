/** What each answer becomes in the files, and why: told by the page beside the questions. */
import type { Field, Plan } from "./answers.ts"
import type { SettingPath } from "./config.ts"
import { entryBytes, workerCount } from "./generate.ts"
import { logLevels } from "./schema.ts"
import { formatBytes } from "./size.ts"

export interface Explanation {
  readonly field: Field
  readonly path: SettingPath
  /** As people read it, not as it is written. */
  readonly value: string
  readonly why: string
}

export function explain(plan: Plan): readonly Explanation[] {
  const { ramBytes, diskBytes, cores, hosts, replication, sync, transient, logLevel, sessions } = plan
  const entries = entryBytes(ramBytes)
  const workers = workerCount(cores)
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`
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
    {
      field: "disk",
      path: "global.depot.max_bytes",
      value: diskBytes === 0 || transient ? "no quota" : formatBytes(diskBytes),
      why: transient ? "nothing is stored" : "beyond it writes are refused, and reads go on",
    },
    {
      field: "cores",
      path: "local.network.partitions_count",
      value: workers === 0 ? "automatic" : count(workers, "worker"),
      why:
        workers === 0
          ? "cores minus one, found at each start"
          : "one core is left to the loop that serves the network",
    },
    {
      field: "hosts",
      path: "local.chord.bootstrapping_peers",
      value: hosts.length === 1 ? "none" : `the other ${count(hosts.length - 1, "node")}`,
      why: "every file lists all others, so that no restart can found a second cluster",
    },
    {
      field: "hosts",
      path: "local.chord.node_id",
      value: "k/N",
      why: "evenly spaced on the ring, with room between for nodes that are added later",
    },
    {
      field: "replication",
      path: "global.depot.replication_factor",
      value: count(replication, "cop").replace(/cops?$/, replication === 1 ? "copy" : "copies"),
      why:
        replication === 1
          ? "no replicas"
          : `each entry survives the loss of ${count(replication - 1, "node")}`,
    },
    {
      field: "sync",
      path: "global.depot.sync",
      value: String(sync),
      why: sync
        ? "a write is answered once it is on the disks"
        : "a write is answered before it is on the disks",
    },
    {
      field: "persistence",
      path: "global.depot.transient",
      value: String(transient),
      why: transient ? "entries live in memory alone" : "entries are stored on disk",
    },
    {
      field: "logLevel",
      path: "local.logger.log_level",
      value: `${logLevel} (${logLevels[logLevel]})`,
      why: "this and worse is logged",
    },
    {
      field: "sessions",
      path: "local.network.server_sessions",
      value: String(sessions),
      why: "clients connected to one node at once",
    },
  ]
}
