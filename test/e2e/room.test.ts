/** Writers that are faster than memory may hold: they are slowed, and never forgotten. */
import { expect, it } from "vitest"
import { connect } from "../../src/client/client.ts"
import { startDaemon, temporaryDirectory } from "../support/daemon.ts"

it("writers that had to wait for room go on", { timeout: 120_000 }, async () => {
  const directory = temporaryDirectory()
  const args = ["--set", "global.limiter.max_in_entries_count=2000", "--set", "global.depot.sync=false"]
  const daemon = await startDaemon({ directory: directory.path, args })
  try {
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => connect({ daemons: [daemon.address] })),
    )
    // Twenty connections with 500 in flight each: three quarters of 2,000 dirty entries are passed at once.
    await Promise.all(
      clients.flatMap((client, owner) =>
        Array.from({ length: 500 }, (_, i) => client.update(`alias ${owner} ${i}`, `content ${owner} ${i}`)),
      ),
    )
    const [first] = clients
    for (const at of [0, 7, 19])
      expect(Buffer.from((await first?.get(`alias ${at} 499`)) ?? []).toString()).toBe(`content ${at} 499`)
    // A forgotten session would have been closed for its silence, and its client would have come back.
    const status = await first?.nodeStatus()
    expect(status?.["engine"]).toMatchObject({ sessions: { accepted: "20" } })
    await Promise.all(clients.map((client) => client.close()))
    expect(await daemon.stop()).toBe(0)
  } finally {
    if (daemon.child.exitCode === null && daemon.child.signalCode === null) daemon.kill("SIGKILL")
    await daemon.exit()
    directory.remove()
  }
})
