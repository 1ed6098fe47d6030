/**
 * Who a directory is. The node id (256 bits, `hex-hex-hex-hex`) is chosen by the operator or at random; the storage id is
 * always random, so that a wiped directory is told from the old one; the boot counter grows at each open and is durable
 * before anybody hears of it.
 */
import { randomBytes, randomUUID } from "node:crypto"
import { join } from "node:path"
import { type Identity, StorageError } from "../storage.ts"
import type { MetaStore } from "./meta.ts"
import { metaName } from "./names.ts"

/** "true" while no process has the directory open and the last one stopped cleanly. */
export const cleanKey = "clean"
/** What a node remembers of its cluster. */
const membershipKeys = ["view", "acceptor", "founding"]

const nodeIdPattern = /^[0-9a-f]{1,16}(-[0-9a-f]{1,16}){3}$/

/** @returns the id without leading zeros, or undefined for `0-0-0-0` and nothing: choose one. @throws StorageError */
function normalized(nodeId: string | undefined): string | undefined {
  if (nodeId === undefined) return undefined
  const lower = nodeId.toLowerCase()
  if (!nodeIdPattern.test(lower))
    throw new StorageError(`node id ${JSON.stringify(nodeId)} is not hex-hex-hex-hex`)
  const id = lower.replace(/(^|-)0+(?=[0-9a-f])/g, "$1")
  return id === "0-0-0-0" ? undefined : id
}

function randomNodeId(): string {
  const groups = [0, 1, 2, 3].map(() => BigInt(`0x${randomBytes(8).toString("hex")}`).toString(16))
  return groups.join("-")
}

/** Writes the identity of a new directory. */
export function createIdentity(meta: MetaStore, nodeId: string | undefined): void {
  meta.put({
    nodeId: normalized(nodeId) ?? randomNodeId(),
    storageId: randomUUID(),
    boot: "0",
    [cleanKey]: "true",
  })
}

/** Makes the directory another storage of the same node, which knows of no cluster. */
export function renewIdentity(meta: MetaStore): void {
  const forgotten = Object.fromEntries(membershipKeys.map((key) => [key, undefined]))
  meta.put({ ...forgotten, storageId: randomUUID(), boot: "0" })
}

/** @returns what is remembered of the cluster, and whether the last process stopped cleanly; for before `openIdentity` */
export function readMembership(meta: MetaStore): {
  readonly recovered: ReadonlyMap<string, Uint8Array>
  readonly clean: boolean
} {
  const recovered = new Map([...meta.all()].filter(([key]) => membershipKeys.includes(key)))
  return { recovered, clean: meta.getText(cleanKey) === "true" }
}

/** Who the directory was when it was last open. @throws StorageError where it does not say */
export function readIdentity(meta: MetaStore, directory: string): Identity {
  const nodeId = meta.getText("nodeId")
  const storageId = meta.getText("storageId")
  const boot = Number(meta.getText("boot"))
  if (nodeId === undefined || storageId === undefined || !Number.isSafeInteger(boot))
    throw new StorageError(`${join(directory, metaName)}: the identity is missing`)
  return { nodeId, storageId, boot }
}

/** Raises the boot counter; from here on the stop has to show that it is a clean one. @throws StorageError if the directory belongs to another node id */
export function openIdentity(meta: MetaStore, directory: string, nodeId: string | undefined): Identity {
  const last = readIdentity(meta, directory)
  const wanted = normalized(nodeId)
  if (wanted !== undefined && wanted !== last.nodeId)
    throw new StorageError(`${directory}: belongs to node ${last.nodeId}, the configuration says ${wanted}`)
  const boot = last.boot + 1
  meta.put({ boot: String(boot), [cleanKey]: "false" })
  return { ...last, boot }
}
