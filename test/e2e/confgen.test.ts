/** The tutorial's configurations, made and checked by the compiled daemon. */
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { unzipSync } from "fflate"
import { expect, it } from "vitest"
import { temporaryDirectory } from "../support/daemon.ts"
import { qdbdPath } from "../support/executables.ts"

const hosts = ["192.168.1.1", "192.168.1.2", "192.168.1.3"]
const answers = "--replication 2 --ram 16GiB --disk 1TB --cores 8 --sessions 2000 -o cluster.zip".split(" ")

it("every file of the tutorial's cluster passes the check of the daemon that made it", () => {
  const directory = temporaryDirectory()
  try {
    const run = (...args: string[]) =>
      spawnSync(qdbdPath, args, { cwd: directory.path, encoding: "utf8", timeout: 20_000 })
    const made = run("confgen", ...hosts.flatMap((host) => ["--host", host]), ...answers)
    expect([made.status, made.stderr]).toEqual([0, made.stderr])
    const files = unzipSync(readFileSync(join(directory.path, "cluster.zip")))
    expect(Object.keys(files)).toEqual(
      expect.arrayContaining([...hosts.map((host) => `${host}.conf`), "qdb_license.txt"]),
    )
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(directory.path, name), bytes)
    for (const host of hosts) {
      const checked = run("--check-config", "-c", `${host}.conf`)
      expect([host, checked.status, checked.stderr]).toEqual([host, 0, ""])
      const peers = hosts.filter((peer) => peer !== host).map((peer) => `${peer}:2836`)
      const conf = JSON.parse(readFileSync(join(directory.path, `${host}.conf`), "utf8"))
      expect(conf.local.chord.bootstrapping_peers).toEqual(peers)
      expect(conf.global.depot.replication_factor).toBe(2)
      expect(conf.local.network.server_sessions).toBe(2000)
    }
    const refused = run("confgen", "--host", "192.168.1.1", "--replication", "2", "-o", "one.zip")
    expect(refused.status).not.toBe(0)
    expect(refused.stderr).toMatch(/replication/i)
  } finally {
    directory.remove()
  }
})
