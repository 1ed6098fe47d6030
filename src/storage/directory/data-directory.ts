/**
 * Opens or makes a data directory: who may use it, whether it is ours, which format it has. Everything here happens before
 * a node serves, on the thread that starts it.
 */
import { makeRoomToOpen } from "../disk-reserve.ts"
import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { partitionFiles } from "../../core/lib/limits.ts"
import { Witness } from "../log/witness.ts"
import { LogWriter } from "../log/writer.ts"
import { type Identity, StorageError } from "../storage.ts"
import { createPartitions } from "../table/partition.ts"
import { readFormat, writeComplete, writeCreating } from "./format.ts"
import { createIdentity, openIdentity, readIdentity, readMembership, renewIdentity } from "./identity.ts"
import { DirectoryLock } from "./lock.ts"
import { MetaStore } from "./meta.ts"
import { type MetaEvents, MetaWriter } from "./meta-writer.ts"
import { formatName, isOurName, lockName } from "./names.ts"
import { upgradeDirectory } from "./upgrade.ts"

export interface DataDirectory {
  readonly directory: string
  readonly identity: Identity
  readonly lock: DirectoryLock
  readonly meta: MetaWriter
  /** Made by this call: it holds nothing. */
  readonly fresh: boolean
}

/** @param transient only the identity is kept. @throws StorageError, one line */
export function openDirectory(
  directory: string,
  nodeId: string | undefined,
  transient: boolean,
  events: MetaEvents,
): DataDirectory {
  prepare(directory)
  makeRoomToOpen(directory)
  const lock = new DirectoryLock(directory)
  try {
    const format = existsSync(join(directory, formatName)) ? readFormat(directory) : undefined
    const fresh = format === undefined
    if (fresh) beginCreation(directory)
    else upgradeDirectory(directory, format)
    const { identity, membership } = openMeta(directory, nodeId, transient, fresh)
    if (fresh) finishCreation(directory, transient)
    return { directory, identity, lock, fresh, meta: new MetaWriter(directory, membership, events) }
  } catch (error) {
    lock.release()
    throw oneLine(directory, error)
  }
}

/** What the node knows of itself. It has been opened once more from here on. */
function openMeta(directory: string, nodeId: string | undefined, transient: boolean, fresh: boolean) {
  const meta = new MetaStore(directory, fresh)
  try {
    if (fresh) {
      createIdentity(meta, nodeId)
      meta.put({ transient: String(transient) })
    }
    if ((meta.getText("transient") === "true") !== transient)
      throw new StorageError(`${directory}: was made with transient = ${!transient}; this cannot be changed`)
    const membership = readMembership(meta)
    return { membership, identity: openIdentity(meta, directory, nodeId) }
  } finally {
    meta.close()
  }
}

/**
 * Makes a directory in which nothing was stored yet another storage of the same node: what it was to found came to nothing.
 * @throws StorageError, one line
 */
export function startDirectoryOver(directory: string): void {
  withMeta(directory, renewIdentity)
}

/** What a stopped node remembers of its cluster, and who it was when it was last open. */
export interface Remembered {
  readonly identity: Identity
  readonly recovered: ReadonlyMap<string, Uint8Array>
}

/**
 * Changes what a stopped node remembers of its cluster: `change` is told and gives the records to write, which are durable when
 * this returns.
 * @throws StorageError, one line: it is no data directory, or a process has it open
 */
export function changeMembership(
  directory: string,
  change: (remembered: Remembered) => Readonly<Record<string, Uint8Array>>,
): void {
  if (!existsSync(join(directory, formatName)) || readFormat(directory) === undefined)
    throw new StorageError(`${directory}: is not a data directory: no node has been started with it`)
  withMeta(directory, (meta) => {
    const { recovered } = readMembership(meta)
    const records = change({ identity: readIdentity(meta, directory), recovered })
    if (Object.keys(records).length > 0) meta.put(records)
  })
}

/** Of a directory that no process has open. */
function withMeta(directory: string, use: (meta: MetaStore) => void): void {
  const lock = new DirectoryLock(directory)
  try {
    const meta = new MetaStore(directory)
    try {
      use(meta)
    } finally {
      meta.close()
    }
  } catch (error) {
    throw oneLine(directory, error)
  } finally {
    lock.release()
  }
}

function oneLine(directory: string, error: unknown): Error {
  if (error instanceof StorageError) return error
  return new StorageError(`${directory}: ${error instanceof Error ? error.message : String(error)}`)
}

/** Makes sure that it exists, is ours or empty, and may be written. */
function prepare(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 })
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new StorageError(`${directory}: cannot be written: ${(error as Error).message}`)
  }
  const names = readdirSync(directory)
  const foreign = names.filter((name) => !isOurName(name) && name !== "lost+found")
  if (
    !names.includes(formatName) &&
    names.some((name) => !name.startsWith(lockName) && name !== "lost+found")
  )
    throw new StorageError(
      `${directory}: is not a data directory: it has no ${formatName}, and holds ${names[0]}${names.length > 1 ? ` and ${names.length - 1} more` : ""}; name an empty or a new one`,
    )
  if (foreign.length > 0 && !names.includes(formatName))
    throw new StorageError(`${directory}: is not a data directory: it holds ${foreign[0]}`)
}

/** Whatever an interrupted creation has left is thrown away, since nothing was acknowledged in it. */
function beginCreation(directory: string): void {
  for (const name of readdirSync(directory))
    if (isOurName(name) && !name.startsWith(lockName)) rmSync(join(directory, name))
  writeCreating(directory)
}

/** Makes what is there besides the identity, and all of it durable: only now may anybody hear of this boot. */
function finishCreation(directory: string, transient: boolean): void {
  if (!transient) {
    createPartitions(directory, partitionFiles)
    LogWriter.create(directory)
    const witness = new Witness(directory, true)
    witness.write(0, 0, true)
    witness.close()
  }
  const made = readdirSync(directory).filter((name) => isOurName(name) && !name.startsWith(lockName))
  writeComplete(directory, made)
}
