/**
 * The configuration of a node, as everything else in the daemon sees it: complete, valid, and with absolute paths.
 *
 * The nesting and the names are the configuration file's (snake case), so that a key reads the same in the file, in
 * `--set`, in the environment, in a message and in the code. What each key means, its bounds and its default are data in
 * `schema.ts`; the two cannot drift apart, because the schema is a mapped type over `SettingPath`.
 */
export interface Config {
  readonly global: {
    readonly cluster: {
      readonly lease_ms: number
      readonly repair_grace_seconds: number
      readonly suspect_ms: number
    }
    readonly depot: {
      /** Bytes on disk; 0: no quota. */
      readonly max_bytes: number
      readonly max_entry_bytes: number
      /** 1 to 4 copies, the primary included. */
      readonly replication_factor: number
      /** Absolute path of the data directory. */
      readonly root: string
      /** Seconds between two warnings. */
      readonly storage_warning_interval: number
      /** Percent of `max_bytes`. */
      readonly storage_warning_level: number
      readonly sync: boolean
      readonly transient: boolean
    }
    readonly limiter: {
      /** Bytes of memory for entries; 0: automatic. */
      readonly max_bytes: number
      /** Entries in memory; 0: bounded by bytes alone. */
      readonly max_in_entries_count: number
    }
  }
  readonly local: {
    readonly chord: {
      /** `host:port` each. */
      readonly bootstrapping_peers: readonly string[]
      readonly no_stabilization: boolean
      /** `hex-hex-hex-hex`, `0-0-0-0` and `random` (choose at first start), or `k/N`. */
      readonly node_id: string
    }
    readonly http: {
      /** `auto`, an address, or empty: off. */
      readonly listen_on: string
      readonly writable: boolean
    }
    readonly logger: {
      /** Absolute path. */
      readonly dump_file: string
      /** Seconds; 0: every line at once. */
      readonly flush_interval: number
      readonly format: "text" | "json"
      /** Absolute paths. */
      readonly log_files: readonly string[]
      /** 0 detailed, 1 debug, 2 info, 3 warning, 4 error, 5 panic. */
      readonly log_level: number
      readonly log_to_console: boolean
      readonly log_to_syslog: boolean
      /** 0: none is logged. */
      readonly slow_operation_ms: number
    }
    readonly network: {
      /** `host:port` told to others; empty: `listen_on`. */
      readonly advertise: string
      /** Seconds. */
      readonly client_timeout: number
      /** Absolute path; empty: no secret. */
      readonly cluster_secret_file: string
      /** Seconds. */
      readonly idle_timeout: number
      /** `host:port`. */
      readonly listen_on: string
      /** 0: automatic. */
      readonly partitions_count: number
      readonly server_sessions: number
    }
    readonly resp: {
      /** `host:port`; empty: off. */
      readonly listen_on: string
    }
    readonly user: {
      readonly daemon: boolean
      /** Absolute path of the first place looked at; `licensePaths` of the loaded configuration has all. */
      readonly license_file: string
    }
  }
}

type Leaves<T, Prefix extends string = ""> = {
  [K in keyof T & string]: T[K] extends string | number | boolean | readonly string[]
    ? `${Prefix}${K}`
    : Leaves<T[K], `${Prefix}${K}.`>
}[keyof T & string]

/** The dotted path of every setting, such as `local.network.listen_on`. */
export type SettingPath = Leaves<Config>

/** The type of the setting at a path. */
export type SettingAt<P extends string, T = Config> = P extends `${infer Head}.${infer Tail}`
  ? Head extends keyof T
    ? SettingAt<Tail, T[Head]>
    : never
  : P extends keyof T
    ? T[P]
    : never

export type SettingValue = string | number | boolean | readonly string[]

/** All settings by path: the flat form in which layers are merged. */
export type Settings = { readonly [P in SettingPath]: SettingAt<P> }

/** @returns the nested form of flat settings, keys in the order given */
export function nest(
  settings: Readonly<Partial<Record<SettingPath, SettingValue>>>,
): Record<string, unknown> {
  const root: Record<string, unknown> = {}
  for (const [path, value] of Object.entries(settings)) {
    const keys = path.split(".")
    const last = keys.pop() as string
    let at = root
    for (const key of keys) at = (at[key] ??= {}) as Record<string, unknown>
    at[last] = value
  }
  return root
}

/** @returns one setting of a nested configuration */
export function settingOf<P extends SettingPath>(config: Config, path: P): SettingAt<P> {
  let at: unknown = config
  for (const key of path.split(".")) at = (at as Record<string, unknown>)[key]
  return at as SettingAt<P>
}
