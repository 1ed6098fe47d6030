/**
 * Two versions in one cluster. The other version runs from sources and calls itself by another name than the executables. Where
 * git has the history, the sources are an earlier commit's; messages between nodes have changed before that one without a
 * new protocol version, as they may until the first release, and not since. In a shallow clone they are today's, and then
 * the test shows no more than that the name makes no difference. A newer protocol does not exist yet: its node is today's with the
 * versions that it speaks changed.
 */
import { join } from "node:path"
import { expect, it } from "vitest"
import type { ClusterStatus } from "../../src/wire/status.ts"
import { LocalCluster } from "../support/cluster.ts"
import { requireAll } from "../support/peer.ts"
import { changedToday, commitOrToday, edit, spawnFromTree } from "../support/source-tree.ts"

const earlierCommit = "eff79b4"
const earlierName = "0.0.9-earlier"

it(
  "an earlier version serves beside this one; one that speaks only a newer protocol is refused",
  { timeout: 180_000 },
  async (context) => {
    requireAll(context, "daemons of two versions, a quarter of a minute")
    await using cluster = await LocalCluster.make({ size: 3 })
    const earlier = join(cluster.directory.path, "earlier")
    const newer = join(cluster.directory.path, "newer")
    console.log(`the earlier version is ${commitOrToday(earlierCommit, earlier)}`)
    edit(earlier, [{ file: "src/server/version.ts", find: '?? "0.1.0-dev"', replace: `?? "${earlierName}"` }])
    changedToday(newer, [
      { file: "src/wire/hello.ts", find: "wireVersionMin = 1", replace: "wireVersionMin = 2" },
      { file: "src/wire/hello.ts", find: "wireVersionMax = 1", replace: "wireVersionMax = 3" },
    ])
    const argsFor = (place: number) => [
      "--replication",
      "2",
      ...[0, 1, 2].filter((other) => other !== place).flatMap((other) => ["--peer", cluster.address(other)]),
    ]

    await Promise.all([cluster.startNode(0), cluster.startNode(1)])
    cluster.daemons[2] = spawnFromTree(earlier, cluster.address(2), cluster.root(2), argsFor(2))
    await cluster.until("stable", 40_000)
    const clients = await Promise.all([0, 1, 2].map((place) => cluster.client([place])))
    const names = Array.from({ length: 90 }, (_, i) => `entry ${i}`)
    await Promise.all(names.map((name, i) => clients[i % 3]?.put(name, name)))
    for (const client of clients) {
      const contents = await Promise.all(names.map((name) => client.get(name)))
      expect(contents.map((content) => Buffer.from(content).toString())).toEqual(names)
    }
    const status = (await clients[0]?.clusterStatus()) as ClusterStatus
    const versionAt = (place: number) =>
      status.members.find((m) => m.address === cluster.address(place))?.version
    expect(versionAt(2)).toBe(earlierName)
    expect(versionAt(0)).not.toBe(earlierName)

    // The newcomer says both versions.
    const stranger = spawnFromTree(newer, cluster.address(3), cluster.root(3), argsFor(3))
    cluster.daemons[3] = stranger
    await stranger.logged(
      /No common protocol version: the peer speaks versions 2 to 3, this node speaks version 1/,
    )
    expect((await clients[0]?.clusterStatus()) as ClusterStatus).toMatchObject({ members: [{}, {}, {}] })
    expect(stranger.log).not.toContain("is a member of cluster")
  },
)
