/** What a node remembers of its cluster: written in order by a thread of its own, and found again. */
import { setTimeout as sleep } from "node:timers/promises"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { startDirectoryOver } from "../../../src/storage/directory/data-directory.ts"
import type { Storage, StorageOptions } from "../../../src/storage/storage.ts"
import { temporaryDirectory } from "./support/directory.ts"
import { TestNode } from "./support/node.ts"

const directory = temporaryDirectory()
const bytes = (text: string) => new TextEncoder().encode(text)
const textOf = (storage: Storage, key: string) => {
  const value = storage.meta.recovered.get(key)
  return value === undefined ? undefined : new TextDecoder().decode(value)
}

/** Opens, and collects confirmed tokens; `until` resolves once this many have come. */
async function open(path: string, options: Partial<StorageOptions> = {}) {
  const tokens: number[] = []
  let seen: () => void = () => undefined
  const onMeta = (token: number) => {
    tokens.push(token)
    seen()
  }
  const { storage } = await TestNode.open(path, { ...options, onMeta })
  const until = async (count: number) => {
    while (tokens.length < count) await new Promise<void>((resolve) => (seen = resolve))
  }
  return { storage, tokens, until }
}

describe("meta", () => {
  test("writes are confirmed in their order and found by the next start", async () => {
    const path = join(directory(), "d")
    const first = await open(path)
    expect(first.storage.meta.clean).toBe(true)
    expect(first.storage.meta.recovered.size).toBe(0)
    for (let token = 1; token <= 8; token++)
      first.storage.meta.write(token, [
        { key: "view", value: bytes(`v${token}`) },
        { key: "acceptor", value: bytes(`a${token}`) },
      ])
    first.storage.meta.write(9, [{ key: "founding", value: bytes("f") }])
    // Nothing is told within the call that wrote it.
    expect(first.tokens).toEqual([])
    await first.until(9)
    expect(first.tokens).toEqual(Array.from({ length: 9 }, (_, i) => i + 1))
    await first.storage.close()

    const second = await open(path)
    expect([textOf(second.storage, "view"), textOf(second.storage, "acceptor")]).toEqual(["v8", "a8"])
    expect(textOf(second.storage, "founding")).toBe("f")
    expect([...second.storage.meta.recovered.keys()].sort()).toEqual(["acceptor", "founding", "view"])
    await second.storage.close()
  })

  test("a close waits for what was written", async () => {
    const path = join(directory(), "d")
    const { storage } = await open(path)
    for (let token = 1; token <= 4; token++)
      storage.meta.write(token, [{ key: "view", value: bytes(`v${token}`) }])
    await storage.close()
    const again = await open(path)
    expect(textOf(again.storage, "view")).toBe("v4")
    await again.storage.close()
  })

  test.each([{ transient: false }, { transient: true }])(
    "only a clean stop is clean (transient: $transient)",
    async ({ transient }) => {
      const path = join(directory(), "d")
      const first = await open(path, { transient })
      expect(first.storage.meta.clean).toBe(true)
      await first.storage.close()
      const second = await open(path, { transient })
      // What was in memory alone is gone, however the process ended.
      expect(second.storage.meta.clean).toBe(!transient)
      // Like a kill: the process is gone and nothing has been closed.
      await killed(second.storage)
      const third = await open(path, { transient })
      expect(third.storage.meta.clean).toBe(false)
      await third.storage.close()
    },
  )

  test("starting over makes another storage of the same node, which knows nothing", async () => {
    const path = join(directory(), "d")
    const first = await open(path, { nodeId: "1-2-3-4" })
    const { identity } = first.storage
    first.storage.meta.write(1, [{ key: "founding", value: bytes("f") }])
    await first.until(1)
    expect(() => startDirectoryOver(path)).toThrow(/in use by process/)
    await first.storage.close()
    startDirectoryOver(path)
    const second = await open(path)
    expect(second.storage.identity).toMatchObject({ nodeId: "1-2-3-4", boot: 1 })
    expect(second.storage.identity.storageId).not.toBe(identity.storageId)
    expect(second.storage.meta.recovered.size).toBe(0)
    await second.storage.close()
  })

  test("an error of the disk is fatal, and nothing is confirmed after it", async () => {
    const path = join(directory(), "d")
    const fatal: Error[] = []
    let failed: () => void = () => undefined
    const seen = new Promise<void>((resolve) => (failed = resolve))
    const onFatal = (error: Error) => {
      fatal.push(error)
      failed()
    }
    const { storage, tokens } = await open(path, { onFatal })
    storage.meta.write(1, [{ key: "view", value: bytes("good") }])
    // No bytes: the write of these fails in the middle of its transaction.
    storage.meta.write(2, [{ key: "view", value: 7 as never }])
    storage.meta.write(3, [{ key: "view", value: bytes("late") }])
    await seen
    await sleep(0)
    expect(fatal[0]?.message).toMatch(/meta\.db/)
    expect(tokens).toEqual([1])
    await killed(storage)
  })
})

function killed(storage: Storage): Promise<void> {
  const killable = storage as Storage & { kill?(): Promise<void>; data: { meta: { kill(): Promise<void> } } }
  return killable.kill === undefined ? abandon(killable) : killable.kill()
}

async function abandon(storage: Storage & { data: { meta: { kill(): Promise<void> } } }): Promise<void> {
  await storage.data.meta.kill()
  ;(storage as unknown as { data: { lock: { release(): void } } }).data.lock.release()
}
