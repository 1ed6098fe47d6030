/**
 * Every setting of a node, as data. The file's validation, the flags, the environment, `--gen-config`, `--help` and
 * `docs/configuration.md` are all read from this one table, so that none of them can know a key that another does not.
 *
 * Names, nesting and most defaults are quasardb's of 2014. Defaults that differ, and why: `sync` is true, since group
 * commit makes safety cheap; the console is logged to in the foreground, since a server that says nothing helps nobody;
 * `partitions_count` is automatic. `root`, `max_bytes` and the limiter keep their place under `global`, where people look
 * for them, but are each node's own: a joiner must not adopt another machine's path or memory.
 */
import {
  aliasBytesMax,
  contentBytesMax,
  heartbeatMs,
  leaseMsDefault,
  repairGraceSecondsDefault,
  replicationFactorMax,
  requestTimeoutMsDefault,
  requestTimeoutMsMax,
  slowOperationMsDefault,
  suspectMsDefault,
} from "../core/lib/limits.ts"
import type { SettingPath } from "./config.ts"
import type { Kind, Schema } from "./setting.ts"

/** Timers of JavaScript hold 2^31 ms; 24 days are as good as for ever. */
const secondsMax = 2_000_000
/** Exact in a JSON number: 8 PiB. */
const bytesMax = Number.MAX_SAFE_INTEGER

export const logLevels = ["detailed", "debug", "info", "warning", "error", "panic"] as const

const boolean: Kind = { type: "boolean" }
const integer = (
  minimum: number,
  maximum: number,
  rest: Omit<Kind & { type: "integer" }, "type" | "minimum" | "maximum"> = {},
): Kind => ({
  type: "integer",
  minimum,
  maximum,
  ...rest,
})

export const schema: Schema = {
  "global.cluster.lease_ms": {
    kind: integer(2 * heartbeatMs, 60_000, { unit: "milliseconds" }),
    default: leaseMsDefault,
    scope: "cluster",
    description:
      "How long a node may serve after its last contact with a majority of voters. Shorter: faster take-over after a crash; longer: more patience with pauses and slow networks. At least one heartbeat (500 ms) above suspect_ms.",
  },
  "global.cluster.repair_grace_seconds": {
    kind: integer(0, 86_400, { unit: "seconds", zero: "at once" }),
    default: repairGraceSecondsDefault,
    scope: "cluster",
    description:
      "How long the cluster waits for a failed node to come back before other nodes take copies of its entries.",
  },
  "global.cluster.suspect_ms": {
    kind: integer(2 * heartbeatMs, 60_000, { unit: "milliseconds" }),
    default: suspectMsDefault,
    scope: "cluster",
    description: "Silence after which a majority of voters may take a node for failed.",
  },
  "global.depot.max_bytes": {
    kind: integer(0, bytesMax, { unit: "bytes", zero: "no quota" }),
    default: 0,
    scope: "node",
    description: "Disk quota of the node. Writes that would exceed it fail with disk_full; reads go on.",
    flag: "max-depot-size",
    placeholder: "BYTES",
  },
  "global.depot.max_entry_bytes": {
    kind: integer(aliasBytesMax, contentBytesMax, { unit: "bytes" }),
    default: contentBytesMax,
    scope: "cluster",
    description: "The largest content an entry may have. A larger one is refused with entry_too_large.",
    flag: "max-entry-bytes",
    placeholder: "BYTES",
  },
  "global.depot.replication_factor": {
    kind: integer(1, replicationFactorMax),
    default: 1,
    scope: "cluster",
    description:
      "Copies of each entry, the primary included: 1 keeps no replica, 2 survives the loss of a node. With fewer nodes than copies the cluster keeps as many as it has nodes, and says so.",
    flag: "replication",
    placeholder: "COPIES",
  },
  "global.depot.root": {
    kind: { type: "path" },
    default: "db",
    scope: "node",
    description: "Directory of the node's data. One process at a time; nothing else may be stored there.",
    flag: "root",
    short: "r",
    placeholder: "PATH",
  },
  "global.depot.storage_warning_interval": {
    kind: integer(1, secondsMax, { unit: "seconds" }),
    default: 3600,
    scope: "node",
    description: "The warning about a filling quota is repeated no sooner than this.",
  },
  "global.depot.storage_warning_level": {
    kind: integer(50, 100, { unit: "percent" }),
    default: 90,
    scope: "node",
    description: "Part of the quota above which the node warns.",
  },
  "global.depot.sync": {
    kind: boolean,
    default: true,
    scope: "cluster",
    description:
      "Acknowledge a write only once every replica has it on its disk (fsync). False: a power cut may cost the last moments.",
    flag: "sync",
  },
  "global.depot.transient": {
    kind: boolean,
    default: false,
    scope: "cluster",
    description:
      "Keep entries in memory alone. What the memory limit evicts is lost, and so is everything when the nodes stop.",
    flag: "transient",
  },
  "global.limiter.max_bytes": {
    kind: integer(0, bytesMax, {
      unit: "bytes",
      zero: "half of the memory of the machine or its control group",
    }),
    default: 0,
    scope: "node",
    description:
      "Memory for entries: aliases, contents and bookkeeping. Beyond it the least used leave memory, and stay on disk.",
    flag: "limiter-max-bytes",
    placeholder: "BYTES",
  },
  "global.limiter.max_in_entries_count": {
    kind: integer(0, 4_000_000_000, { zero: "bounded by memory alone" }),
    default: 1_000_000,
    scope: "node",
    description: "Entries kept in memory at most.",
    flag: "limiter-max-entries-count",
    hidden: ["limiter-max-entries", "limiter-max-resident-entries"],
    placeholder: "ENTRIES",
  },
  "local.chord.bootstrapping_peers": {
    kind: { type: "addresses" },
    default: [],
    scope: "node",
    description:
      "Addresses (host:port) of the other nodes. List all of them on every node: then no restart can found a second cluster. Empty: the node founds a cluster of its own.",
    flag: "peer",
    placeholder: "HOST:PORT",
  },
  "local.chord.no_stabilization": {
    kind: boolean,
    default: false,
    scope: "node",
    description: "Accepted for old files; has no effect, as it had none in quasardb.",
  },
  "local.chord.node_id": {
    kind: { type: "node_id" },
    default: "0-0-0-0",
    scope: "node",
    description:
      "Place on the ring: hex-hex-hex-hex, or k/N for the k-th of N evenly spaced places. 0-0-0-0 or random: chosen at the first start. A data directory keeps the id it was made with.",
    flag: "id",
    placeholder: "ID",
  },
  "local.http.listen_on": {
    kind: {
      type: "address",
      zeroPort: true,
      auto: "port 8080 on the host of local.network.listen_on, or none if that is taken",
      empty: "no HTTP",
    },
    default: "auto",
    scope: "node",
    description: "Address of the HTTP interface: console, configuration generator, JSON, metrics.",
    flag: "http",
    placeholder: "HOST:PORT",
  },
  "local.http.writable": {
    kind: boolean,
    default: false,
    scope: "node",
    description: "Allow changes through HTTP. HTTP has no authentication of its own.",
    flag: "http-writable",
  },
  "local.logger.dump_file": {
    kind: { type: "path" },
    default: "qdb_error_dump.txt",
    scope: "node",
    description: "Where a crash leaves its version, view, last log lines and stack.",
    flag: "log-dump",
    placeholder: "PATH",
  },
  "local.logger.flush_interval": {
    kind: integer(0, 3600, { unit: "seconds", zero: "each line at once" }),
    default: 3,
    scope: "node",
    description: "Log lines reach files within this time. Warnings and worse do at once.",
    flag: "log-flush-interval",
    placeholder: "SECONDS",
  },
  "local.logger.format": {
    kind: { type: "choice", allowed: ["text", "json"] },
    default: "text",
    scope: "node",
    description: "Log lines for people, or one JSON object a line.",
    flag: "log-format",
    placeholder: "FORMAT",
  },
  "local.logger.log_files": {
    kind: { type: "paths" },
    default: [],
    scope: "node",
    description: "Files to log to. SIGHUP opens them anew after a rotation.",
    flag: "log-file",
    short: "l",
    placeholder: "PATH",
  },
  "local.logger.log_level": {
    kind: integer(0, 5, { names: logLevels }),
    default: 2,
    scope: "node",
    description: "Least severity that is logged.",
    flag: "log-level",
    placeholder: "LEVEL",
  },
  "local.logger.log_to_console": {
    kind: boolean,
    default: true,
    scope: "node",
    description:
      "Log to standard error. A daemon in the background has no console: there the default is false.",
    flag: "log-console",
    short: "o",
  },
  "local.logger.log_to_syslog": {
    kind: boolean,
    default: false,
    scope: "node",
    description: "Log to the system's log. UNIX only.",
    flag: "log-syslog",
  },
  "local.logger.slow_operation_ms": {
    kind: integer(0, 3_600_000, { unit: "milliseconds", zero: "none" }),
    default: slowOperationMsDefault,
    scope: "node",
    description: "An operation that takes at least so long on this node is logged, as a warning.",
  },
  "local.network.advertise": {
    kind: { type: "address", zeroPort: false, empty: "the address of listen_on" },
    default: "",
    scope: "node",
    description:
      "Address (host:port) that other nodes and clients are told to use. Needed where listen_on is a wildcard or behind a translated address.",
    flag: "advertise",
    placeholder: "HOST:PORT",
  },
  "local.network.client_timeout": {
    kind: integer(1, requestTimeoutMsMax / 1000, { unit: "seconds" }),
    default: requestTimeoutMsDefault / 1000,
    scope: "node",
    description: "How long a request of a client that states no time-out may take.",
    flag: "request-timeout",
    hidden: ["client-timeout"],
    placeholder: "SECONDS",
  },
  "local.network.cluster_secret_file": {
    kind: { type: "path", empty: "no secret" },
    default: "",
    scope: "node",
    description: "File with the secret that all nodes of the cluster share. Nodes without it are refused.",
    flag: "cluster-secret-file",
    placeholder: "PATH",
  },
  "local.network.idle_timeout": {
    kind: integer(1, secondsMax, { unit: "seconds" }),
    default: 600,
    scope: "node",
    description: "A client session in which nothing happens for this long is closed.",
    flag: "idle-duration",
    hidden: ["idle-timeout"],
    placeholder: "SECONDS",
  },
  "local.network.listen_on": {
    kind: { type: "address", zeroPort: true },
    default: "127.0.0.1:2836",
    scope: "node",
    description:
      "Address (host:port) for clients and nodes; IPv6 as [::1]:2836. Port 0: any free one. A wildcard (0.0.0.0, [::]) needs local.network.advertise.",
    flag: "address",
    short: "a",
    placeholder: "HOST:PORT",
  },
  "local.network.partitions_count": {
    kind: integer(0, 256, { zero: "cores minus one, at least one" }),
    default: 0,
    scope: "node",
    description: "Worker threads that read and write the node's data.",
    flag: "partitions",
    placeholder: "THREADS",
  },
  "local.network.server_sessions": {
    kind: integer(50, 1_000_000),
    default: 2000,
    scope: "node",
    description: "Clients connected at once; one too many is refused with too_many_sessions.",
    flag: "sessions",
    short: "s",
    placeholder: "SESSIONS",
  },
  "local.resp.listen_on": {
    kind: { type: "address", zeroPort: true, empty: "off" },
    default: "",
    scope: "node",
    description: "Address (host:port) for clients that speak the Redis protocol.",
    flag: "resp",
    placeholder: "HOST:PORT",
  },
  "local.user.daemon": {
    kind: boolean,
    default: false,
    scope: "node",
    description: "Run in the background. UNIX only.",
    flag: "daemonize",
    short: "d",
  },
  "local.user.license_file": {
    kind: { type: "path" },
    default: "qdb_license.txt",
    scope: "node",
    description:
      "The license. A relative path is looked for beside the file that names it, then beside the executable; one from a flag, in the working directory.",
    flag: "license-file",
    placeholder: "PATH",
  },
}

/** Every path, in the order of the file. */
export const settingPaths = Object.keys(schema) as readonly SettingPath[]

/** @returns whether `path` is a setting's */
export function isSettingPath(path: string): path is SettingPath {
  return Object.hasOwn(schema, path)
}

/** Sections whose keys a later version will define. To ignore a security setting would be worse than to refuse it. */
export const reservedSections = ["local.tls", "local.user.security", "global.security"] as const

/**
 * Keys that other versions of quasardb have or had elsewhere; a file that uses one is told the present name, or that there
 * is none. Nothing is renamed silently.
 */
export const foreignKeys: Readonly<Record<string, string>> = {
  "global.cluster.replication_factor": "use global.depot.replication_factor",
  "global.cluster.transient": "use global.depot.transient",
  "global.cluster.history": "there is no counterpart",
  "global.cluster.max_versions": "there is no counterpart",
  "global.cluster.max_transaction_duration": "there is no counterpart",
  "global.depot.history": "there is no counterpart",
  "global.depot.max_versions": "there is no counterpart",
  "global.depot.max_transaction_duration": "there is no counterpart",
  "global.depot.meta_data_cache": "use global.limiter.max_bytes",
  "global.depot.data_cache": "use global.limiter.max_bytes",
  "global.depot.threads": "use local.network.partitions_count",
  "local.depot.root": "use global.depot.root",
  "local.depot.max_bytes": "use global.depot.max_bytes",
  "local.depot.sync_every_write": "use global.depot.sync",
  "local.depot.storage_warning_level": "use global.depot.storage_warning_level",
  "local.depot.storage_warning_interval": "use global.depot.storage_warning_interval",
  "local.limiter.max_bytes": "use global.limiter.max_bytes",
  "local.limiter.max_resident_entries": "use global.limiter.max_in_entries_count",
  "global.limiter.max_resident_entries": "use global.limiter.max_in_entries_count",
  "local.chord.min_stabilization_interval": "see global.cluster.suspect_ms",
  "local.chord.max_stabilization_interval": "see global.cluster.suspect_ms",
  "local.logger.log_directory": "use local.logger.log_files",
  "local.user.license_key": "use local.user.license_file",
}
