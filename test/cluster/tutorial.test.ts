/**
 * The tutorial of a first cluster, with its own commands and addresses, on three machines: files from the generator, a daemon
 * on each machine, the shell at any of them; then a node is lost and one is added, and nothing changes for who asks.
 */
import { copyFileSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { expect, it, type TestContext } from "vitest"
import { Daemon, temporaryDirectory } from "../support/daemon.ts"
import { executablesFolder } from "../support/executables.ts"
import { Machines } from "../support/machines.ts"
import { requirePeer, requireRoot } from "../support/peer.ts"

const first = "192.168.1.1"
const hosts = [first, "192.168.1.2", "192.168.1.3"]
const added = "192.168.1.4"

function machinesOrSkip(context: TestContext): Machines {
  requireRoot(context)
  requirePeer(context, "ip")
  try {
    return Machines.make([...hosts, added])
  } catch (error) {
    context.skip(`needs network namespaces: ${String(error)}`)
  }
}

it("the tutorial's commands do what it says", { timeout: 180_000 }, async (context) => {
  await using machines = machinesOrSkip(context)
  using directory = { ...temporaryDirectory(), [Symbol.dispose]: () => directory.remove() }
  const folderOf = (host: string) => join(directory.path, host)
  const on = async (host: string, line: string, typed = "") => {
    const { status, text, errors } = await machines.run(host, folderOf(host), executablesFolder, line, typed)
    expect([status, errors], `${host}: ${line}`).toEqual([0, ""])
    return text
  }
  /** Copies a machine's file and the license to it, and starts the daemon. */
  const start = (host: string, from: string) => {
    mkdirSync(folderOf(host), { recursive: true })
    for (const file of [`${host}.conf`, "qdb_license.txt"])
      copyFileSync(join(from, file), join(folderOf(host), file))
    return new Daemon(machines.start(host, folderOf(host), executablesFolder, `qdbd -c ${host}.conf`), 2836)
  }

  mkdirSync(folderOf(first))
  const generated = `${directory.path}/generated/`
  const named = hosts.map((host) => `--host ${host}`).join(" ")
  await machines.run(
    first,
    folderOf(first),
    executablesFolder,
    `qdbd confgen ${named} --replication 2 --sessions 2000 -o ${generated}`,
  )
  const daemons = hosts.map((host) => start(host, generated))
  await Promise.all(daemons.map((daemon) => daemon.logged(/ ready on 192\.168\.1\.\d:2836 /)))
  await on("192.168.1.2", "qdbsh --daemon=192.168.1.2:2836 cluster_wait --stable --timeout 20s")

  const put = await on(
    first,
    "qdbsh --daemon=192.168.1.2:2836",
    "put entry thisismycontent\nget entry\nexit\n",
  )
  expect(put.trim()).toBe("thisismycontent")
  expect((await on(first, "qdbsh --daemon=192.168.1.3:2836", "get entry\nexit\n")).trim()).toBe(
    "thisismycontent",
  )

  daemons[0]?.kill("SIGKILL")
  await on("192.168.1.2", "qdbsh --daemon=192.168.1.2:2836 cluster_wait --serving --timeout 20s")
  for (const host of ["192.168.1.2", "192.168.1.3"])
    expect((await on(host, `qdbsh --daemon=${host}:2836 get entry`)).trim()).toBe("thisismycontent")

  const grown = `${directory.path}/grown/`
  await machines.run(
    first,
    folderOf(first),
    executablesFolder,
    `qdbd confgen --from ${generated}answers.json --add ${added} -o ${grown}`,
  )
  await start(added, grown).logged(/is a member of cluster/, 60_000)
  expect((await on(first, `qdbsh --daemon=${added}:2836 get entry`)).trim()).toBe("thisismycontent")
})
