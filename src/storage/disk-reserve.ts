/**
 * Some megabytes kept on disk for the day it is full. The first part of the engine that finds no room gives them up, so
 * that what is acknowledged can still be brought into the table and removals can still be logged; from then on writes that
 * add data are refused. They are taken up again once the reserve can be put back: so "there is room" means more than a few
 * bytes, and the node does not flap between the two.
 *
 * A small part stays, for the next start: to open a directory takes some blocks (a lock's journal, the indexes of the
 * write-ahead logs), and a node that was killed on a full disk must come up again to serve what it has.
 */
import { randomBytes } from "node:crypto"
import { rmSync, statfsSync } from "node:fs"
import { open, stat, truncate } from "node:fs/promises"
import { join } from "node:path"
import { diskReserveBytes, diskStartReserveBytes } from "../core/lib/limits.ts"
import { reserveName } from "./directory/names.ts"

export class DiskReserve {
  private readonly path: string
  /** Whether the reserve lies on the disk. */
  private held = false

  constructor(directory: string) {
    this.path = join(directory, reserveName)
  }

  /** Takes the disk's space. @returns whether there was enough */
  async take(): Promise<boolean> {
    if (this.held) return true
    this.held = (await this.size()) === diskReserveBytes || (await this.write())
    return this.held
  }

  private async size(): Promise<number> {
    try {
      return (await stat(this.path)).size
    } catch {
      return 0
    }
  }

  /** Random bytes: a file system that compresses would keep nothing of zeros. */
  private async write(): Promise<boolean> {
    const file = await open(this.path, "a", 0o640)
    let error: unknown
    try {
      await file.write(randomBytes(diskReserveBytes - (await file.stat()).size))
      await file.sync()
    } catch (caught) {
      error = caught
    } finally {
      await file.close()
    }
    const whole = error === undefined && (await this.size()) === diskReserveBytes
    if (!whole) await this.shrink()
    const result = (error as { code?: string } | undefined)?.code
    if (error !== undefined && result !== "ENOSPC" && result !== "EDQUOT") throw error
    return whole
  }

  private async shrink(): Promise<void> {
    if ((await this.size()) > diskStartReserveBytes) await truncate(this.path, diskStartReserveBytes)
  }

  async giveUp(): Promise<void> {
    this.held = false
    await this.shrink()
  }
}

/** At a start on a full disk: what is left of the reserve makes room for opening. */
export function makeRoomToOpen(directory: string): void {
  const { bavail, bsize } = statfsSync(directory)
  if (bavail * bsize < diskStartReserveBytes) rmSync(join(directory, reserveName), { force: true })
}
