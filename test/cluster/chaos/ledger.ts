/**
 * Entries that are put once and never touched again. Whatever was acknowledged must be there at the end, with its content;
 * contents derive from the alias, so that a swap is seen.
 */
import type { Client } from "../../../src/client/client.ts"
import { QdbError } from "../../../src/client/error.ts"

const readersAtOnce = 32

export const ledgerContent = (alias: string) => `content of ${alias} `.repeat(1 + (alias.length % 5))

export class Ledger {
  readonly acknowledged: string[] = []
  private begun = 0

  next(): string {
    return `ledger-${this.begun++}`
  }

  /** @returns what is missing or wrong, a line each */
  async verify(client: Client): Promise<readonly string[]> {
    const wrong: string[] = []
    let next = 0
    const reader = async () => {
      for (let i = next++; i < this.acknowledged.length; i = next++) {
        const alias = this.acknowledged[i] as string
        const found = await client.get(alias).then(
          (content) => Buffer.from(content).toString("latin1"),
          (error: unknown) => (error instanceof QdbError ? error.name : String(error)),
        )
        if (found !== ledgerContent(alias)) wrong.push(`${alias}: ${found.slice(0, 100)}`)
      }
    }
    await Promise.all(Array.from({ length: readersAtOnce }, reader))
    return wrong
  }
}
