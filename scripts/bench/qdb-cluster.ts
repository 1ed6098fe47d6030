/** A cluster of three qdb nodes with two copies of each entry, and which node serves which slot. */
import { spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { connect } from "../../src/client/client.ts"
import { topologyOf } from "../../src/wire/topology.ts"
import {
  type Child,
  type ClusterServer,
  freePorts,
  host,
  keepOutput,
  memberCount,
  newFolder,
} from "./cluster-server.ts"
import { dialUntilAnswered } from "./dial.ts"
import type { LoadMember } from "./load/plan.ts"
import { qdbProtocol } from "./load/qdb.ts"

const startMsMax = 60_000

export interface QdbCluster extends ClusterServer {
  /** Of the nodes it began with. */
  readonly addresses: ReadonlyArray<string>
  /** Starts one more. @returns when it answers; it is not a member yet */
  join(): Promise<void>
}

/** @param executable path of the compiled `qdbd` */
export async function startQdbCluster(executable: string): Promise<QdbCluster> {
  const folder = newFolder()
  const ports = await freePorts(memberCount + 1)
  const addresses = ports.map((port) => `${host}:${port}`)
  const founders = addresses.slice(0, memberCount)
  const children: Array<Child> = []
  const start = async (index: number): Promise<void> => {
    const child = startNode(executable, folder, index, addresses[index] as string, founders)
    children.push(child)
    await dialUntilAnswered(qdbProtocol, host, ports[index] as number, startMsMax, () => child.check())
  }
  await Promise.all(founders.map((_, index) => start(index)))
  return {
    kind: "qdb",
    members: await membersOf(founders),
    addresses: founders,
    pids: children.map((child) => child.pid),
    configuration: `three nodes, replication_factor 2, sync true; else the defaults`,
    folder,
    join: () => start(memberCount),
    stop: async () => {
      await Promise.all(children.map((child) => child.stop()))
    },
  }
}

function startNode(
  executable: string,
  folder: string,
  index: number,
  address: string,
  founders: ReadonlyArray<string>,
): Child {
  const place = join(folder, `n${index}`)
  mkdirSync(place)
  const configuration = {
    global: { depot: { root: join(place, "db"), sync: true, replication_factor: 2 } },
    local: {
      network: { listen_on: address },
      chord: { bootstrapping_peers: founders.filter((other) => other !== address) },
      http: { listen_on: "" },
    },
  }
  const path = join(place, "qdbd.conf")
  writeFileSync(path, JSON.stringify(configuration))
  const child = spawn(executable, ["-c", path], { cwd: place, stdio: ["ignore", "pipe", "pipe"] })
  return keepOutput(`qdbd ${index}`, child)
}

/** Waits until everything is in its place. @returns the nodes with the slots that each serves */
async function membersOf(daemons: ReadonlyArray<string>): Promise<ReadonlyArray<LoadMember>> {
  await using client = await connect({ daemons, timeoutMs: startMsMax })
  await client.clusterWait("stable")
  const topology = topologyOf(await client.nodeTopology())
  if (topology === undefined) throw new Error("qdb: a topology that is none")
  return topology.members.map(({ endpoint }, member) => {
    const colon = endpoint.lastIndexOf(":")
    const slots = topology.primaries.flatMap((primary, slot) => (primary === member ? [slot] : []))
    return { host: endpoint.slice(0, colon), port: Number(endpoint.slice(colon + 1)), slots }
  })
}
