/** Sessions that wait for room: read again with the first turn that finds some, whatever brought it. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { loadConfig } from "../../../src/config/load.ts"
import { pause, type Session } from "../../../src/server/net/session.ts"
import { Cluster } from "../../../src/server/node/cluster.ts"
import { Driver } from "../../../src/server/node/driver.ts"
import { SlowLog } from "../../../src/server/node/slow-log.ts"
import { openStorage } from "../../../src/storage/open.ts"
import type { Storage } from "../../../src/storage/storage.ts"

let directory: string
let storage: Storage
let driver: Driver
const resumed: Session[] = []

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "qdb-driver-"))
  resumed.length = 0
  const { config } = loadConfig({ argv: [], env: {}, cwd: directory })
  storage = await openStorage(
    {
      directory: join(directory, "db"),
      sync: true,
      transient: true,
      memoryBytesMax: 0,
      memoryEntriesMax: 0,
      diskBytesMax: 0,
      diskWarnShare: 0.9,
      diskWarnIntervalMs: 1000,
      partitions: 1,
      onProgress: () => driver.progress(),
      onMeta: (token) => driver.metaPersisted(token),
      onFatal: (error) => {
        throw error
      },
      onNotice: () => undefined,
    },
    (opened) => {
      const cluster = new Cluster({
        config,
        storage: opened,
        secret: undefined,
        softwareVersion: "0",
        seed: 1,
        onNotice: () => undefined,
        schedule: () => driver.schedule(),
        clusterId: () => null,
      })
      driver = new Driver(opened, cluster, {
        sideRequests: () => ({ handle: () => undefined, tick: () => undefined }),
        resume: (session) => resumed.push(session),
        drop: () => undefined,
        slowLog: new SlowLog({ warning: () => undefined }, 0),
        events: { onView: () => undefined, onStop: () => undefined, onStartOver: () => undefined },
        requestTimeoutMs: 1000,
      })
      return driver.recovery()
    },
  )
})

afterEach(async () => {
  await storage.close()
  rmSync(directory, { recursive: true, force: true })
})

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe("sessions that wait for room", () => {
  it.each(["clients", "nodes"] as const)(
    "of %s are read again after a turn without any commit",
    async (of) => {
      let hasRoom = false
      storage.hasRoom = () => hasRoom
      const session = { paused: pause.none } as unknown as Session
      const asks = () => (of === "nodes" ? driver.hasRoomForRecords(session) : driver.hasRoom(session))
      expect(asks()).toBe(false)
      expect([session.paused, driver.waitsForRoom(session)]).toEqual([pause.room, true])

      driver.tick()
      await turn()
      expect(resumed).toEqual([])

      hasRoom = true
      driver.tick()
      await turn()
      expect(resumed).toEqual([session])
      expect(driver.waitsForRoom(session)).toBe(false)
    },
  )
})
