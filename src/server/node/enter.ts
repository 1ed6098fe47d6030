/** A node's place among others, from its configuration. */
import { randomBytes } from "node:crypto"
import { type Address, isLoopback, parseAddress } from "../../config/address.ts"
import type { Config } from "../../config/config.ts"
import { assert } from "../../core/lib/assert.ts"
import type { Context, End } from "../context.ts"
import type { Settings } from "../../core/view/view.ts"
import { ClusterSecret } from "../link/secret.ts"
import type { Logger } from "../log/logger.ts"
import type { Storage } from "../../storage/storage.ts"
import { StartError } from "../start-error.ts"
import { version } from "../version.ts"
import { Cluster } from "./cluster.ts"
import type { ClusterSources } from "./cluster-status.ts"
import type { Driver } from "./driver.ts"
import type { HostEvents } from "./host.ts"

/** The configuration has been checked: an address that does not parse is a programmer's error. */
export function addressOf(text: string): Address {
  const parsed = parseAddress(text, 0)
  assert(parsed.ok, "a checked address parses")
  return parsed.value
}

/** Whether the node listens where others than this machine can reach it. */
function isExposed(config: Config): boolean {
  const { network } = config.local
  const addresses = [network.listen_on, network.advertise].filter((address) => address !== "")
  return !addresses.every((address) => isLoopback(addressOf(address).host))
}

export function readSecret(config: Config, logger: Logger): ClusterSecret | undefined {
  const path = config.local.network.cluster_secret_file
  if (path !== "") return ClusterSecret.read(path)
  if (isExposed(config)) {
    const text =
      "local.network.cluster_secret_file is not set: whoever reaches this address can join the cluster"
    logger.warning("cluster", text)
  }
  return undefined
}

/** What the node remembers of its cluster, and its links. @throws StorageError */
export function makeCluster(
  context: Context,
  storage: Pick<Storage, "identity" | "meta">,
  secret: ClusterSecret | undefined,
  running: { readonly driver: Driver | undefined },
): Cluster {
  return new Cluster({
    config: context.loaded.config,
    storage,
    secret,
    softwareVersion: version,
    seed: randomBytes(4).readUInt32LE(),
    onNotice: (level, component, text) => context.logger.log(level, component, text),
    schedule: () => running.driver?.schedule(),
    clusterId: () => running.driver?.view?.clusterId ?? null,
  })
}

/** How the core ends the process. @param onServing it has a view, in which it may serve */
export function hostEvents(context: Context, cluster: Cluster, onServing: () => void): HostEvents {
  return {
    onView: (view) => {
      const end = otherSettings(cluster.settings, view.settings)
      if (end === undefined) onServing()
      else context.end(end)
    },
    onStop: (outcome, reason) =>
      context.end(
        outcome === "stopped"
          ? { kind: "stop", why: reason }
          : { kind: "refused", error: new StartError(reason) },
      ),
    onStartOver: (why) => context.end({ kind: "startOver", why }),
  }
}

/**
 * The cluster's settings win. Those that storage was opened with cannot be changed under it, so the process begins anew with
 * the view, which is on disk by now; what a directory was made for cannot be changed at all.
 */
function otherSettings(own: Settings, agreed: Settings): End | undefined {
  if (own.transient !== agreed.transient) {
    const text = `the cluster has global.depot.transient = ${agreed.transient}, this node ${own.transient}: give it the cluster's setting and a new directory`
    return { kind: "refused", error: new StartError(text) }
  }
  const changes = (["sync", "entryBytesMax"] as const).filter((key) => own[key] !== agreed[key])
  if (changes.length === 0) return undefined
  const words = changes.map((key) => `${key} = ${agreed[key]}`).join(", ")
  return { kind: "again", why: `the cluster has ${words}` }
}

export function clusterSources(context: Context, driver: Driver): ClusterSources {
  const { config } = context.loaded
  return {
    driver,
    factorWanted: config.global.depot.replication_factor,
    version,
    isOpenToAll: config.local.network.cluster_secret_file === "" && isExposed(config),
    now: driver.clock.read(),
  }
}
