/** Opens a directory after a crash and compares every key with what may be there. */
import { TestNode } from "../unit/storage/support/node.ts"
import type { Expectation } from "./script.ts"

/** @returns what is wrong; what was found is settled in `expectation` */
export async function checkDirectory(directory: string, expectation: Expectation): Promise<string[]> {
  const node = await TestNode.open(directory)
  const wrong: string[] = []
  const live: string[] = []
  for (const alias of expectation.aliases) {
    const content = await node.getText(alias)
    const problem = expectation.check(alias, content)
    if (problem !== undefined) wrong.push(problem)
    expectation.settle(alias, content)
    if (content !== undefined) live.push(alias)
  }
  const found = await node.scan("key ")
  if (found.sort().join() !== live.sort().join()) wrong.push(`scan: ${found.length} of ${live.length}`)
  // It goes on from there: what is written now comes into the table.
  const later = `later ${node.storage.identity.boot}`
  await node.put(later, "content")
  if ((await node.scan(later)).length !== 1) wrong.push("what is written afterwards is not in the table")
  await node.storage.close()
  wrong.push(...node.fatal.map(String))
  return wrong
}
