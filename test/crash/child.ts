/**
 * The process that crash tests kill: opens a directory, checks that everything which an earlier run was told is durable is
 * there, writes more, and tells each acknowledgement on standard output as `ack NUMBER`. The writes of run `r` are a
 * function of `r` and their number alone.
 *
 * Arguments: directory, run, number of writes.
 */
import { writeSync } from "node:fs"
import { TestNode, type Write } from "../unit/storage/support/node.ts"
import { script } from "./script.ts"

const [directory, runArgument, countArgument] = process.argv.slice(2) as [string, string, string]
/** As the daemon does: it says why, and ends without touching the disk again. */
function fail(error: unknown): never {
  writeSync(2, `${String(error)}\n`)
  process.exit(1)
}
const sync = process.env["QDB_CHILD_SYNC"] !== "false"
const node = await TestNode.open(directory, { onFatal: fail, sync }).catch(fail)
writeSync(1, `open ${node.storage.identity.boot}\n`)
const steps = script(Number(runArgument), Number(countArgument))
let waiting: Promise<void>[] = []
for (const [number, step] of steps.entries()) {
  const write: Write = {
    alias: step.alias,
    content: step.content === undefined ? undefined : Buffer.from(step.content),
  }
  waiting.push(node.write(write).then(() => void writeSync(1, `ack ${number}\n`)))
  if (step.wait) {
    await Promise.all(waiting)
    waiting = []
  }
  if (step.scan) await node.scan("key")
}
await Promise.all(waiting)
await node.storage.close().catch(fail)
writeSync(1, "closed\n")
process.exit(0)
