/** A cluster that has lost the disks of a majority of its voters, on real nodes: what is left can be told to decide alone. */
import { spawnSync } from "node:child_process"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { LocalCluster, untilStatus } from "../support/cluster.ts"
import { entryNames, expectAll, putAll } from "../support/entries.ts"
import { qdbdPath } from "../support/executables.ts"

const names = entryNames(300)

function recoverQuorum(root: string, ...more: readonly string[]) {
  const args = ["recover-quorum", "--root", root, ...more]
  const { status, stdout, stderr } = spawnSync(qdbdPath, args, { encoding: "utf8" })
  return { status, text: stdout, errors: stderr }
}

describe("two of three disks are lost at once", () => {
  it("the third decides alone when it is told to, and has all", { timeout: 180_000 }, async () => {
    // As generated files have it: each node knows its place, also with an empty directory.
    await using cluster = await LocalCluster.make({ size: 3, replicationFactor: 3 })
    const start = (place: number) => cluster.startNode(place, ["--set", `local.chord.node_id=${place + 1}/3`])
    for (const place of [0, 1, 2]) await start(place)
    await cluster.until("stable")
    const client = await cluster.client()
    await putAll(client, names)
    const left = join(cluster.root(0), "db")
    const running = recoverQuorum(left, "--yes")
    expect([running.status, running.errors]).toEqual([1, expect.stringContaining("in use by process")])

    for (const place of [1, 2]) await cluster.kill(place)
    for (const place of [1, 2]) rmSync(join(cluster.root(place), "db"), { recursive: true })
    for (const place of [1, 2]) await start(place)
    const alone = await cluster.client([0], 2_000)
    await expect
      .poll(() => alone.get("entry 0").then(String, ({ name }) => name), { timeout: 20_000 })
      .toMatch(/^(?:timeout|unstable_cluster)$/)
    await untilStatus(alone, ({ reasons }) =>
      reasons.some((reason) => reason.includes("qdbd recover-quorum")),
    )
    await cluster.kill(0)

    const unsure = recoverQuorum(left)
    expect([unsure.status, unsure.errors]).toEqual([2, expect.stringContaining("with --yes it is done")])
    expect(unsure.text).toContain("4096 of 4096 are in sync here")
    const done = recoverQuorum(left, "--yes")
    expect([done.status, done.errors]).toEqual([0, ""])
    await start(0)
    await cluster.until("stable", 60_000)
    for (const place of [0, 1, 2]) await expectAll(await cluster.client([place]), names)
  })

  it("says what it cannot do", () => {
    const nothing = recoverQuorum("/nowhere")
    expect([nothing.status, nothing.errors]).toEqual([1, expect.stringContaining("is not a data directory")])
    const unknown = recoverQuorum("/nowhere", "--sure")
    expect([unknown.status, unknown.errors]).toEqual([2, expect.stringContaining("--sure")])
  })
})
