/**
 * Removes every entry of a cluster. The wire has no such operation: one that empties a whole cluster cannot be atomic, and
 * quasardb's, which was one message, reported success for nodes it had not reached. So the client walks all aliases and
 * removes each, exactly once, and an error means what it says: some entries may remain.
 */
import { removalsMax, reservedAliasPrefix } from "../core/lib/limits.ts"
import { code } from "../wire/errors.ts"
import type { Client } from "./client.ts"
import { QdbError } from "./error.ts"

export interface RemoveAllOptions {
  /** Of each request, not of the whole. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Called as it goes on, with the number of entries removed so far. */
  readonly onProgress?: (removed: number) => void
}

/**
 * @returns how many entries were removed
 * @throws the first error; its message says how many entries had been removed until then
 */
export async function removeAll(client: Client, options: RemoveAllOptions): Promise<number> {
  const { onProgress, ...request } = options
  let removed = 0
  const running = new Set<Promise<void>>()
  let failed: QdbError | undefined
  const removeOne = async (alias: Uint8Array) => {
    try {
      await client.remove(alias, request)
      removed++
    } catch (error) {
      if (!(error instanceof QdbError)) throw error
      // Somebody else removed it, or it expired.
      if (error.code !== code.alias_not_found) failed ??= error
    }
  }
  try {
    for await (const aliases of client.prefixGet("", request).pieces()) {
      for (const alias of aliases) {
        if (failed !== undefined) break
        if (isReserved(alias)) continue
        const removal = removeOne(alias).finally(() => running.delete(removal))
        running.add(removal)
        if (running.size >= removalsMax) await Promise.race(running)
      }
      if (failed !== undefined) break
      onProgress?.(removed)
    }
  } catch (error) {
    if (!(error instanceof QdbError)) throw error
    failed ??= error
  }
  await Promise.all(running)
  onProgress?.(removed)
  if (failed === undefined) return removed
  const message = `${failed.message} ${removed} entries had been removed; others may remain.`
  throw new QdbError(failed.code, { message, definite: failed.definite && removed === 0, cause: failed })
}

const reserved = new TextEncoder().encode(reservedAliasPrefix)

function isReserved(alias: Uint8Array): boolean {
  return reserved.every((byte, i) => alias[i] === byte)
}
