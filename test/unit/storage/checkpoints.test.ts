import { statSync } from "node:fs"
import { dirname } from "node:path"
import { describe, expect, test, vi } from "vitest"
import { queryOnce } from "../../../src/platform/sqlite/driver.ts"
import { Checkpoints, isSafeVersion } from "../../../src/storage/log/checkpoints.ts"
import { LogControl } from "../../../src/storage/log/control.ts"
import { LogHelper } from "../../../src/storage/log/helper-client.ts"
import { logPageBytes, LogWriter, openWal } from "../../../src/storage/log/log-file.ts"
import { logCheckpointPages } from "../../../src/core/lib/limits.ts"
import { temporaryDirectory } from "./support/directory.ts"

const directory = temporaryDirectory()
const batchBytes = 1024 * 1024

function rig() {
  const log = new LogWriter(directory(), "FULL")
  const control = new LogControl()
  const checkpoints = new Checkpoints(log, control)
  let number = 0
  /** Appends until this share of the size is reached at which a checkpoint is due. */
  const fill = (share: number) => {
    while (!log.isCheckpointDue(share)) log.append(++number, new Uint8Array(batchBytes).fill(number), 1, 0)
  }
  const walBytes = () => statSync(`${log.path}-wal`).size
  return { log, control, checkpoints, fill, walBytes, count: () => number }
}

describe("checkpoints of the log", () => {
  test("are asked for, and finished here when the helper has done its part", () => {
    const { control, checkpoints, fill } = rig()
    expect(checkpoints.run()).toBe(false)
    expect(control.checkpointsAsked).toBe(0)
    fill(0.5)
    for (let i = 0; i < 3; i++) expect(checkpoints.run()).toBe(false)
    expect(control.checkpointsAsked).toBe(1)
    control.helped(1)
    expect([checkpoints.run(), control.checkpoints]).toEqual([true, 1])
    expect(checkpoints.run()).toBe(false)
    fill(0.5)
    // The last answer is none to a new question.
    expect([checkpoints.run(), checkpoints.run(), control.checkpointsAsked]).toEqual([false, false, 2])
  })

  test("are made here when the helper does not come", () => {
    const { log, control, checkpoints, fill, walBytes } = rig()
    fill(0.5)
    expect(checkpoints.run()).toBe(false)
    fill(1)
    expect([checkpoints.run(), control.checkpoints]).toEqual([true, 1])
    const before = walBytes()
    fill(0.5)
    expect(walBytes()).toBe(before)
    log.close()
  })

  test("give back what the write-ahead log grows by while somebody reads", () => {
    const { log, control, checkpoints, fill, walBytes } = rig()
    fill(1)
    const other = openWal(log.path, "FULL", 64)
    other.exec("BEGIN; SELECT count(*) FROM log")
    expect([checkpoints.run(), control.checkpoints]).toEqual([true, 1])
    fill(1)
    const grown = walBytes()
    other.exec("ROLLBACK")
    other.close()
    expect(checkpoints.run()).toBe(true)
    fill(0.1)
    expect(walBytes()).toBeLessThan(grown)
    expect(walBytes()).toBeLessThanOrEqual(logCheckpointPages * logPageBytes)
  })

  test("stay due where another connection was at one", () => {
    const { log, control, checkpoints, fill } = rig()
    fill(1)
    const busy = vi.spyOn(log, "checkpoint").mockReturnValueOnce(false)
    expect([checkpoints.run(), control.checkpoints]).toEqual([false, 0])
    expect([checkpoints.run(), control.checkpoints]).toEqual([true, 1])
    expect(busy).toHaveBeenCalledTimes(2)
  })

  test("are made beside a writer, who then begins the write-ahead log anew", async () => {
    const { log, control, checkpoints, fill, walBytes, count } = rig()
    const failed = vi.fn()
    const helper = new LogHelper({ directory: dirname(log.path), control: control.shared }, failed)
    fill(0.5)
    checkpoints.run()
    helper.checkpoint()
    // Written while the other thread starts and copies: nothing of it may be lost.
    for (let i = 0; i < 4; i++) log.append(count() + 1000 + i, new Uint8Array(batchBytes).fill(i), 1, 0)
    await vi.waitFor(() => expect(control.checkpointsHelped).toBe(1), { timeout: 20_000, interval: 5 })
    expect(checkpoints.run()).toBe(true)
    const before = walBytes()
    fill(0.5)
    expect(walBytes()).toBe(before)
    await helper.close()
    expect(failed).not.toHaveBeenCalled()
    const rows = queryOnce(log.database, "SELECT count(*) AS n, sum(length(batch)) AS bytes FROM log")
    expect(rows).toEqual({ n: count() + 4, bytes: (count() + 4) * batchBytes })
    expect(queryOnce(log.database, "PRAGMA integrity_check")).toEqual({ integrity_check: "ok" })
    log.close()
  })

  test("a file that cannot be checkpointed stops the node", async () => {
    const failed = vi.fn()
    const helper = new LogHelper({ directory: "/nonexistent", control: new LogControl().shared }, failed)
    helper.checkpoint()
    await vi.waitFor(() => expect(failed).toHaveBeenCalledTimes(1), { timeout: 20_000, interval: 5 })
    expect(String(failed.mock.calls[0]?.[0])).toMatch(/nonexistent.*log\.db/)
    await helper.kill()
  })

  test.each([
    ["3.51.2", false],
    ["3.51.3", true],
    ["3.51.3.1", true],
    ["3.9.9", false],
    ["3.54.1", true],
    ["4.0.0", true],
    ["", false],
  ])("SQLite %s can be asked for them: %s", (version, safe) => expect(isSafeVersion(version)).toBe(safe))
})
