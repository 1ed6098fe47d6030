/**
 * The power fails. Everything that a node does to its files is recorded; then the disk is put together as a failure at many
 * moments may leave it (synced writes certainly, others in any part), and the node is started on that: all that had been
 * acknowledged by then must be there. This also proves that no acknowledgement comes before the fsync of its batch.
 *
 * `QDB_FAILURES=500` tries as many moments; `QDB_SEED` chooses others. `QDB_FAILURES=each` tries the moments before and after
 * each fsync and after each acknowledgement, and drops everything that was not synced.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { afterEach, beforeEach, describe, expect, test, type TestContext } from "vitest"
import { Prng } from "../../src/core/lib/prng.ts"
import { repeats } from "../support/repeats.ts"
import { checkDirectory } from "./check.ts"
import { canTrace, runChild } from "./process.ts"
import { Disk, type Event, readRecording, recordingArguments } from "./recording.ts"
import { Expectation, script } from "./script.ts"

const asked = process.env["QDB_FAILURES"] ?? String(repeats(12))
const seed = Number(process.env["QDB_SEED"] ?? 1)
const stepCount = 60
let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "qdb-power-"))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function acknowledgedBefore(events: readonly Event[], end: number): Set<number> {
  const text = events
    .slice(0, end)
    .map((event) => (event.kind === "output" ? event.text : ""))
    .join("")
  return new Set([...text.matchAll(/^ack (\d+)$/gm)].map((match) => Number(match[1])))
}

describe("a power failure", () => {
  test(
    `costs nothing that was acknowledged, at ${asked} moments`,
    (context) => failAtMoments(context, true),
    1_200_000,
  )

  // Nothing is certain then but that what is found fits together: no state that never was, and a node that goes on.
  test(
    `leaves a whole state without \`sync\`, at ${asked} moments`,
    (context) => failAtMoments(context, false),
    1_200_000,
  )

  async function failAtMoments(context: TestContext, sync: boolean): Promise<void> {
    if (!canTrace()) context.skip("needs strace, and leave to trace")
    const path = join(directory, "data")
    const recording = join(directory, "strace.txt")
    const run = await runChild({
      directory: path,
      run: 0,
      count: stepCount,
      strace: recordingArguments(recording),
      environment: { QDB_CHILD_SYNC: String(sync) },
    })
    expect(run.closed, run.errors).toBe(true)
    const events = readRecording(recording, path)
    expect(acknowledgedBefore(events, events.length).size).toBe(stepCount)
    const opened = events.findIndex((event) => event.kind === "output" && event.text.startsWith("open "))
    expect(opened).toBeGreaterThan(0)
    const prng = new Prng(seed)
    // Half of the moments are acknowledgements (without `sync`, which makes none, before and after fsyncs), the others
    // anywhere after the node has opened.
    const outputs = events.flatMap((event, index) =>
      event.kind === "output" && index > opened ? [index + 1] : [],
    )
    const syncs = events.flatMap((event, index) =>
      event.kind === "sync" && index > opened ? [index, index + 1] : [],
    )
    const drawn = Array.from({ length: asked === "each" ? 0 : Number(asked) }, (_, i) =>
      i % 2 === 0 ? prng.pick(sync ? outputs : syncs) : prng.between(opened + 1, events.length),
    )
    const moments = [...(asked === "each" ? new Set([...outputs, ...syncs]) : drawn)].sort((a, b) => a - b)
    const disk = new Disk()
    let next = 0
    const wrong: string[] = []
    for (const [i, moment] of moments.entries()) {
      for (; next < moment; next++) disk.step(events[next] as Event, next)
      const copy = join(directory, `copy-${i}`)
      mkdirSync(copy)
      const strict = asked === "each" || i % (sync ? 3 : 2) === 0
      for (const [name, bytes] of disk.fail(strict ? undefined : prng.fork()))
        writeFileSync(join(copy, basename(name)), bytes)
      const expectation = new Expectation()
      expectation.add(script(0, stepCount), sync ? acknowledgedBefore(events, moment) : new Set())
      try {
        for (const each of await checkDirectory(copy, expectation))
          wrong.push(`event ${moment}${strict ? ", only what was synced" : ""}: ${each}`)
      } catch (error) {
        wrong.push(`event ${moment}${strict ? ", only what was synced" : ""}: ${String(error)}`)
      }
      rmSync(copy, { recursive: true })
    }
    console.log(`${moments.length} failures`)
    expect(wrong).toEqual([])
  }
})
