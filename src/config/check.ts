/** What no single key can tell: settings that contradict each other (problems), or that will surprise (warnings). */
import { heartbeatMs } from "../core/lib/limits.ts"
import { addressKey, hostKey, isLoopback, isWildcard, parseAddress } from "./address.ts"
import type { Address } from "./address.ts"
import type { SettingPath, Settings } from "./config.ts"
import type { Origin, Problem } from "./problem.ts"
import { valueText } from "./value.ts"

/** Settings after merging, with the place of each. */
export interface Merged {
  readonly settings: Settings
  /** The same with relative paths as they were written, for messages. */
  readonly written: Settings
  readonly originOf: (path: SettingPath, index?: number) => Origin
  /** `linux`, `darwin`, `win32`, … */
  readonly platform: string
}

export interface Findings {
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
}

export function checkTogether(merged: Merged): Findings {
  const checks = new Checks(merged)
  checks.addresses()
  checks.listeners()
  checks.peers()
  checks.timing()
  checks.background()
  checks.files()
  checks.withoutEffect()
  return checks
}

class Checks implements Findings {
  readonly problems: Problem[] = []
  readonly warnings: Problem[] = []
  private readonly merged: Merged
  private readonly settings: Settings

  constructor(merged: Merged) {
    this.merged = merged
    this.settings = merged.settings
  }

  private about(path: SettingPath, message: string, index?: number): Problem {
    const value = this.merged.written[path]
    const item = index === undefined ? value : (value as readonly string[])[index]
    return {
      origin: this.merged.originOf(path, index),
      path: index === undefined ? path : `${path}[${index}]`,
      value: valueText(item),
      message,
    }
  }

  private problem(path: SettingPath, message: string, index?: number): void {
    this.problems.push(this.about(path, message, index))
  }

  private warn(path: SettingPath, message: string, index?: number): void {
    this.warnings.push(this.about(path, message, index))
  }

  private address(
    path:
      "local.network.listen_on" | "local.network.advertise" | "local.http.listen_on" | "local.resp.listen_on",
  ): Address | undefined {
    const text = this.settings[path]
    const parsed = parseAddress(text, 0)
    return parsed.ok ? parsed.value : undefined
  }

  addresses(): void {
    const listen = this.address("local.network.listen_on")
    const advertise = this.address("local.network.advertise")
    if (listen !== undefined && isWildcard(listen.host) && advertise === undefined) {
      this.problem(
        "local.network.listen_on",
        "is a wildcard, and others cannot be told to connect to it; set local.network.advertise to this node's address",
      )
    }
    if (advertise !== undefined && isWildcard(advertise.host)) {
      this.problem(
        "local.network.advertise",
        "is a wildcard, which nobody can connect to; allowed: host:port, [IPv6]:port",
      )
    }
    if (
      advertise !== undefined &&
      listen !== undefined &&
      isLoopback(advertise.host) &&
      !isLoopback(listen.host)
    ) {
      this.warn("local.network.advertise", "only this machine can reach it")
    }
  }

  listeners(): void {
    const paths = ["local.network.listen_on", "local.http.listen_on", "local.resp.listen_on"] as const
    for (const [index, path] of paths.entries()) {
      for (const other of paths.slice(0, index)) {
        const [a, b] = [this.address(path), this.address(other)]
        if (a === undefined || b === undefined || a.port !== b.port || a.port === 0) continue
        const same = hostKey(a.host) === hostKey(b.host) || isWildcard(a.host) || isWildcard(b.host)
        if (same) this.problem(path, `is the same address as ${other}; each listener needs its own`)
      }
    }
    const http = this.address("local.http.listen_on")
    if (this.settings["local.http.writable"]) {
      if (this.settings["local.http.listen_on"] === "")
        this.warn("local.http.writable", "has no effect without local.http.listen_on")
      else if (http !== undefined && !isLoopback(http.host)) {
        this.warn(
          "local.http.writable",
          "anybody who reaches the HTTP address may change entries; HTTP has no authentication",
        )
      }
    }
  }

  peers(): void {
    const path = "local.chord.bootstrapping_peers"
    const listen = this.address("local.network.listen_on")
    const own = [listen, this.address("local.network.advertise")].flatMap((a) =>
      a === undefined ? [] : [addressKey(a)],
    )
    const peers = this.settings[path]
    for (const [index, text] of peers.entries()) {
      const peer = parseAddress(text)
      if (!peer.ok) continue
      if (own.includes(addressKey(peer.value))) {
        this.problem(path, "is this node itself; list the other nodes only", index)
      } else if (listen !== undefined && isLoopback(listen.host) && !isLoopback(peer.value.host)) {
        this.warn(
          path,
          `is another machine, which cannot reach this node at ${this.settings["local.network.listen_on"]}`,
          index,
        )
      } else if (listen !== undefined && !isLoopback(listen.host) && isLoopback(peer.value.host)) {
        this.warn(path, "is this machine's own address, which other nodes cannot use", index)
      }
    }
    const factor = this.settings["global.depot.replication_factor"]
    if (peers.length > 0 && factor > peers.length + 1) {
      this.warn(
        "global.depot.replication_factor",
        `is more than the ${peers.length + 1} nodes that are named; the cluster keeps as many copies as it has nodes`,
      )
    }
  }

  timing(): void {
    const [lease, suspect] = [
      this.settings["global.cluster.lease_ms"],
      this.settings["global.cluster.suspect_ms"],
    ]
    if (lease >= suspect + heartbeatMs) return
    // Whichever of the two somebody wrote is the one to look at.
    if (this.merged.originOf("global.cluster.lease_ms").kind === "default") {
      const allowed = `at least one heartbeat less, ${lease - heartbeatMs}`
      this.problem("global.cluster.suspect_ms", `is too long for lease_ms ${lease}; allowed: ${allowed}`)
    } else {
      const allowed = `at least one heartbeat more, ${suspect + heartbeatMs}`
      this.problem("global.cluster.lease_ms", `is too short for suspect_ms ${suspect}; allowed: ${allowed}`)
    }
  }

  background(): void {
    const daemon = this.settings["local.user.daemon"]
    const windows = this.merged.platform === "win32"
    if (daemon && windows)
      this.problem("local.user.daemon", 'is not possible on Windows; install a service: "qdbd service"')
    if (this.settings["local.logger.log_to_syslog"] && windows) {
      this.problem("local.logger.log_to_syslog", "is not possible on Windows; use local.logger.log_files")
    }
    const silent =
      !this.settings["local.logger.log_to_console"] &&
      !this.settings["local.logger.log_to_syslog"] &&
      this.settings["local.logger.log_files"].length === 0
    if (silent)
      this.warn(
        "local.logger.log_files",
        "nothing is logged anywhere; name a file, or log to the console or syslog",
      )
    if (!daemon || !this.settings["local.logger.log_to_console"]) return
    const message = "a daemon in the background has no console; allowed: false with local.user.daemon"
    this.problem("local.logger.log_to_console", message)
  }

  files(): void {
    const root = this.settings["global.depot.root"]
    const within = (path: string) =>
      path === root || path.startsWith(`${root}/`) || path.startsWith(`${root}\\`)
    const wrong = "lies in global.depot.root, where nothing but the data may be stored"
    const dump = this.settings["local.logger.dump_file"]
    if (within(dump)) this.problem("local.logger.dump_file", wrong)
    const secret = this.settings["local.network.cluster_secret_file"]
    if (secret !== "" && within(secret)) this.problem("local.network.cluster_secret_file", wrong)
    for (const [index, file] of this.settings["local.logger.log_files"].entries()) {
      if (within(file)) this.problem("local.logger.log_files", wrong, index)
      if (file === dump)
        this.problem("local.logger.log_files", "is local.logger.dump_file as well; each needs its own", index)
    }
  }

  withoutEffect(): void {
    if (this.settings["local.chord.no_stabilization"]) {
      this.warn("local.chord.no_stabilization", "has no effect; a cluster always stabilizes")
    }
    if (this.settings["global.depot.transient"] && this.settings["global.depot.max_bytes"] > 0) {
      this.warn("global.depot.max_bytes", "has no effect with global.depot.transient, which stores nothing")
    }
  }
}
