/** Entries that a test puts into a cluster and wants to find again. */
import { expect } from "vitest"
import type { Client } from "../../src/client/client.ts"

export const entryNames = (count: number): string[] => Array.from({ length: count }, (_, i) => `entry ${i}`)
export const contentOf = (name: string): string => `content of ${name}`

export async function putAll(client: Client, names: readonly string[]): Promise<void> {
  await Promise.all(names.map((name) => client.put(name, contentOf(name))))
}

export async function expectAll(client: Client, names: readonly string[]): Promise<void> {
  const contents = await Promise.all(names.map((name) => client.get(name)))
  const texts = contents.map((content) => Buffer.from(content).toString())
  expect(texts).toEqual(names.map(contentOf))
}
