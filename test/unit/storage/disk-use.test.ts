import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { DiskUse } from "../../../src/storage/disk-use.ts"
import { temporaryDirectory } from "./support/directory.ts"

const directory = temporaryDirectory()
const quota = 100 * 1024 * 1024

/** @param share of the quota that is used, to begin with */
function open(share: number, warnIntervalMs: number, warnShare = 0.75) {
  const state = { share, notices: [] as string[], rounds: 0, appended: 0 }
  const disk = new DiskUse({
    directory: directory(),
    bytesMax: quota,
    warnShare,
    warnIntervalMs,
    freeBytes: () => disk.bytesUsed,
    appendedBytes: () => state.appended,
    pendingBytes: () => state.share * quota,
    noRoom: () => false,
    makeRoom: () => state.rounds++,
    onChange: () => {},
    onNotice: (level, text) => state.notices.push(`${level} ${text.slice(directory().length + 2)}`),
  })
  return { disk, state }
}

const warning = `warning ${0.8 * quota} of ${quota} bytes are used (global.depot.max_bytes)`

test("a quota that fills is warned about at its level, and no sooner than after the interval again", async () => {
  writeFileSync(join(directory(), "file"), "x")
  const { disk, state } = open(0.7, 3_600_000)
  // The first look counts the reserve that it then makes.
  await disk.look()
  await disk.look()
  expect(state.notices).toEqual([])
  state.share = 0.8
  for (let i = 0; i < 3; i++) await disk.look()
  expect(state.notices).toEqual([warning])
  await disk.close()
  const { disk: eager, state: told } = open(0.8, 0)
  await eager.look()
  told.notices.length = 0
  for (let i = 0; i < 3; i++) await eager.look()
  expect(told.notices).toEqual([warning, warning, warning])
  await eager.close()
})

test("above its level, room is asked for; a full one refuses until there is some", async () => {
  const { disk, state } = open(0.5, 3_600_000)
  await disk.look()
  await disk.look()
  expect(state.rounds).toBe(0)
  state.share = 1.1
  await disk.look()
  expect(disk.full).toBe(true)
  expect(state.rounds).toBe(1)
  expect(state.notices).toEqual([`error the quota of ${quota} bytes is used up: writes are refused`])
  state.share = 0.5
  await disk.look()
  expect(disk.full).toBe(false)
  expect(state.notices[1]).toMatch(/^info below the quota/)
  await disk.close()
})

test("between two looks, what is appended is in the log and will be in the table: it counts twice", async () => {
  const { disk, state } = open(0.5, 3_600_000)
  await disk.look()
  state.appended = 0.24 * quota
  expect(disk.full).toBe(false)
  state.appended = 0.26 * quota
  expect(disk.full).toBe(true)
  await disk.look()
  expect(disk.full).toBe(false)
  await disk.close()
})
