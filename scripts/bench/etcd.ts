/** A cluster of three etcd members, each on its own ports of this machine and with its own folder of the same file system. */
import { spawn, spawnSync } from "node:child_process"
import { join } from "node:path"
import { etcdProtocol } from "./load/etcd.ts"
import { dialUntilAnswered } from "./dial.ts"
import { type ClusterServer, freePorts, host, keepOutput, memberCount, newFolder } from "./cluster-server.ts"

/** Far above what a run writes: etcd keeps every revision. */
const quotaBytes = 8 * 1024 ** 3
const startMsMax = 60_000

/** @returns etcd's version. @throws an error that says what to do */
export function requireEtcd(): string {
  let version = etcdVersion()
  if (version === undefined && process.getuid?.() === 0 && spawnSync("apt-get", ["--version"]).status === 0) {
    console.error("bench: installing etcd")
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
    spawnSync("apt-get", ["update", "-q"], { stdio: ["ignore", 2, 2] })
    const packages = ["etcd-server", "etcd-client"]
    spawnSync("apt-get", ["install", "-q", "-y", "--no-install-recommends", ...packages], {
      env,
      stdio: ["ignore", 2, 2],
    })
    version = etcdVersion()
  }
  if (version === undefined) {
    throw new Error("etcd and etcdctl are missing and could not be installed; the comparison needs them")
  }
  return version
}

function etcdVersion(): string | undefined {
  const asked = spawnSync("etcd", ["--version"], { encoding: "utf8" })
  if (asked.status !== 0 || spawnSync("etcdctl", ["version"]).status !== 0) return undefined
  return /etcd Version: (\S+)/.exec(asked.stdout)?.[1]
}

export async function startEtcdCluster(): Promise<ClusterServer> {
  const folder = newFolder()
  const ports = await freePorts(2 * memberCount)
  const clients = ports.slice(0, memberCount)
  const peers = ports.slice(memberCount)
  const url = (port: number | undefined) => `http://${host}:${port}`
  const initial = peers.map((port, index) => `n${index}=${url(port)}`).join(",")
  const children = clients.map((port, index) => {
    const settings = {
      name: `n${index}`,
      "data-dir": join(folder, `n${index}`),
      "listen-client-urls": url(port),
      "advertise-client-urls": url(port),
      "listen-peer-urls": url(peers[index]),
      "initial-advertise-peer-urls": url(peers[index]),
      "initial-cluster": initial,
      "quota-backend-bytes": String(quotaBytes),
      logger: "zap",
      "log-level": "error",
    }
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
    return keepOutput(
      `etcd ${index}`,
      spawn("etcd", args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] }),
    )
  })
  for (const [index, port] of clients.entries()) {
    await dialUntilAnswered(etcdProtocol, host, port, startMsMax, () => children[index]?.check())
  }
  const endpoints = clients.map((port) => `${host}:${port}`).join(",")
  await healthy(endpoints)
  return {
    kind: "etcd",
    members: clients.map((port) => ({ host, port })),
    pids: children.map((child) => child.pid),
    configuration: `three members, --quota-backend-bytes ${quotaBytes}; else the defaults (fsync on, linearizable reads)`,
    folder,
    stop: async () => {
      await Promise.all(children.map((child) => child.stop()))
    },
  }
}

/** Waits for a leader. */
async function healthy(endpoints: string): Promise<void> {
  const endMs = performance.now() + startMsMax
  for (;;) {
    const asked = spawnSync("etcdctl", [`--endpoints=${endpoints}`, "endpoint", "health"], {
      env: { ...process.env, ETCDCTL_API: "3" },
    })
    if (asked.status === 0) return
    if (performance.now() > endMs) throw new Error(`etcd does not become healthy: ${String(asked.stderr)}`)
    await Bun.sleep(100)
  }
}

/**
 * `etcdctl check perf`: etcd's own measure of itself, a minute of puts at up to 8,000 a second by 500 clients.
 * @returns puts per second
 */
export function checkPerformance(server: ClusterServer): Promise<number> {
  const endpoints = server.members.map((member) => `${member.host}:${member.port}`).join(",")
  return new Promise((resolve, reject) => {
    const child = spawn("etcdctl", [`--endpoints=${endpoints}`, "check", "perf", "--load=l"], {
      env: { ...process.env, ETCDCTL_API: "3" },
      stdio: ["ignore", "pipe", "pipe"],
    })
    let output = ""
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += String(chunk)))
    child.on("error", reject)
    child.on("close", () => {
      const rate = Number(/Throughput (?:is|too low:) (\d+) writes\/s/.exec(output)?.[1])
      if (rate > 0) resolve(rate)
      else reject(new Error(`etcdctl check perf gave no figure: ${output.slice(-300)}`))
    })
  })
}
