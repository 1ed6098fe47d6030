/** A node's place among others, from its configuration. */
import { randomBytes } from "node:crypto"
import { type Address, isLoopback, parseAddress } from "../../config/address.ts"
import type { Config } from "../../config/config.ts"
import { assert } from "../../core/lib/assert.ts"
import type { Context } from "../context.ts"
import { ClusterSecret } from "../link/secret.ts"
import type { Logger } from "../log/logger.ts"
import { StartError } from "../start-error.ts"
import { version } from "../version.ts"
import { Cluster } from "./cluster.ts"
import type { ClusterSources } from "./cluster-status.ts"
import type { Driver } from "./driver.ts"

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

/** The node's place among others; it takes it with `start`. @throws StorageError */
export function enterCluster(
  context: Context,
  driver: Driver,
  address: string,
  secret: ClusterSecret | undefined,
): { readonly cluster: Cluster; readonly serves: Promise<void> } {
  let serving: () => void = () => undefined
  const serves = new Promise<void>((resolve) => (serving = resolve))
  const cluster = new Cluster({
    config: context.loaded.config,
    storage: driver.storage,
    address,
    secret,
    softwareVersion: version,
    clock: driver.clock,
    seed: randomBytes(4).readUInt32LE(),
    onNotice: (level, component, text) => context.logger.log(level, component, text),
    schedule: () => driver.schedule(),
    onView: () => serving(),
    onStop: (outcome, reason) =>
      context.end(
        outcome === "stopped"
          ? { kind: "stop", why: reason }
          : { kind: "refused", error: new StartError(reason) },
      ),
    onStartOver: (why) => context.end({ kind: "startOver", why }),
  })
  driver.cluster = cluster
  return { cluster, serves }
}

export function clusterSources(context: Context, driver: Driver): ClusterSources {
  const { config } = context.loaded
  return {
    cluster: driver.cluster,
    factorWanted: config.global.depot.replication_factor,
    version,
    isOpenToAll: config.local.network.cluster_secret_file === "" && isExposed(config),
    now: driver.clock.read(),
  }
}
