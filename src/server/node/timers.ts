/** What a node does once a second and ten times a second, apart from its requests. */
import { collectOld, collectYoung } from "../../platform/collector.ts"
import { collectionsPerOld, requestsPerCollection, tickMs } from "../../core/lib/limits.ts"
import type { Logger } from "../log/logger.ts"
import type { Listener } from "../net/listener.ts"
import type { Storage } from "../../storage/storage.ts"
import type { LoopLag } from "./loop-lag.ts"
import type { Driver } from "./driver.ts"

const secondMs = 1000

/** @returns a function that stops the timers */
export function startTimers(parts: {
  driver: Driver
  listener: Listener
  storage: Storage
  logger: Logger
  lag: LoopLag
}): () => void {
  const { driver, listener, storage, logger, lag } = parts
  lag.start()
  let looking = false
  const timer = setInterval(() => {
    driver.tickSecond()
    listener.sweep(driver.clock.monotonicMs)
    if (looking) return
    looking = true
    storage
      .expired(driver.clock.wallMs, driver.servedSlots())
      .then((entries) => driver.expire(entries))
      .catch((error: unknown) =>
        logger.error("storage", `looking for expired entries failed: ${String(error)}`),
      )
      .finally(() => (looking = false))
  }, secondMs)
  let taken = 0
  let collections = 0
  const clusterTimer = setInterval(() => {
    driver.tick()
    if (driver.taken - taken < requestsPerCollection) return
    taken = driver.taken
    if (++collections % collectionsPerOld === 0) collectOld()
    else collectYoung()
  }, tickMs)
  return () => {
    clearInterval(timer)
    clearInterval(clusterTimer)
    lag.stop()
  }
}
