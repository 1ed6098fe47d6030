/** The compiled `qdbd` as an operator meets it: starting, refusing to start, signals, log files, the background. */
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { freePort, spawnDaemon, startDaemon, temporaryDirectory, type Daemon } from "../support/daemon.ts"
import { executablesFolder, qdbdPath, qdbshPath } from "../support/executables.ts"

let directory: ReturnType<typeof temporaryDirectory>
let running: Daemon[] = []

beforeEach(() => {
  directory = temporaryDirectory()
})

afterEach(async () => {
  for (const daemon of running) {
    if (daemon.child.exitCode === null && daemon.child.signalCode === null) daemon.kill("SIGKILL")
    await daemon.exit()
  }
  running = []
  directory.remove()
})

async function start(...args: string[]): Promise<Daemon> {
  const daemon = await startDaemon({ directory: directory.path, args })
  running.push(daemon)
  return daemon
}

/** Starts a daemon that is expected to end by itself. */
async function startFailing(options: {
  args?: string[]
  port?: number
}): Promise<{ status: number | null; log: string }> {
  const daemon = await spawnDaemon({ directory: directory.path, ...options })
  running.push(daemon)
  const { status } = await daemon.exit()
  return { status, log: daemon.log }
}

function shell(daemon: { address: string }, ...args: string[]) {
  return spawnSync(qdbshPath, ["--daemon", daemon.address, ...args], { encoding: "utf8", timeout: 20_000 })
}

const errorLines = (log: string) => log.split("\n").filter((line) => line.startsWith("qdbd: "))

describe("a start", () => {
  it("says when it is ready, and where", async () => {
    const daemon = await start()
    expect(daemon.log).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info {2}qdbd: qdbd \S+ ready on 127\.0\.0\.1:\d+ pid \d+ node [0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+$/m,
    )
    expect(await daemon.stop()).toBe(0)
  })

  it("takes a place on the ring as the generator writes it", async () => {
    const daemon = await start("--id", "3/8")
    expect(daemon.log).toMatch(/ ready on .* node 4000000000000000-0-0-1$/m)
  })

  it("fails in one line when the port is taken", async () => {
    const server = createServer()
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port))
    })
    const { status, log } = await startFailing({ port })
    server.close()
    expect(status).toBe(1)
    expect(errorLines(log)).toEqual([
      `qdbd: cannot listen on 127.0.0.1:${port}: the port is taken; is another qdbd running?`,
    ])
    // Nobody could have reached that node: nothing was made for it.
    expect(existsSync(join(directory.path, "db"))).toBe(false)
  })

  it("fails in one line when the directory is in use, and names who uses it", async () => {
    const first = await start()
    const { status, log } = await startFailing({})
    expect(status).toBe(1)
    expect(errorLines(log)).toHaveLength(1)
    expect(errorLines(log)[0]).toContain(String(first.pid))
    expect(errorLines(log)[0]).toContain(join(directory.path, "db"))
    expect(shell(first, "put", "still", "here").status).toBe(0)
  })

  it("fails in one line in a foreign directory, and leaves it as it was", async () => {
    mkdirSync(join(directory.path, "db"))
    writeFileSync(join(directory.path, "db", "diary.txt"), "mine")
    const { status, log } = await startFailing({})
    expect(status).toBe(1)
    expect(errorLines(log)).toHaveLength(1)
    expect(errorLines(log)[0]).toContain("diary.txt")
    expect(readFileSync(join(directory.path, "db", "diary.txt"), "utf8")).toBe("mine")
  })

  it("fails in one line when the directory cannot be made", async () => {
    writeFileSync(join(directory.path, "db"), "a file where the directory should be")
    const { status, log } = await startFailing({})
    expect(status).toBe(1)
    expect(errorLines(log)).toHaveLength(1)
    expect(errorLines(log)[0]).toContain(join(directory.path, "db"))
  })

  it("needs a license: none, a forged one and one of a folder are errors of their own", async () => {
    const absent = join(directory.path, "absent.txt")
    const missing = await startFailing({ args: ["--license-file", absent] })
    expect(missing.status).toBe(1)
    expect(errorLines(missing.log)).toEqual([
      expect.stringContaining(`no license found; looked for ${absent}`),
    ])
    const forged = join(directory.path, "forged.txt")
    const good = readFileSync(join(executablesFolder, "qdb_license.txt"), "utf8")
    writeFileSync(forged, good.replace("Holder: anybody", "Holder: somebody"))
    const refused = await startFailing({ args: ["--license-file", forged] })
    expect(refused.status).toBe(1)
    expect(errorLines(refused.log)).toEqual([expect.stringContaining(forged)])
    expect(refused.log).toContain("signature")
    expect(existsSync(join(directory.path, "db"))).toBe(false)
  })

  it("reports every problem of the configuration, with status 2", async () => {
    writeFileSync(
      join(directory.path, "node.conf"),
      '{\n  "global": { "depot": { "replication_factor": 9, "sink": true } }\n}\n',
    )
    const checked = spawnSync(qdbdPath, ["--check-config", "-c", "node.conf"], {
      cwd: directory.path,
      encoding: "utf8",
    })
    expect(checked.status).toBe(2)
    expect(checked.stderr.split("\n").filter((line) => line.startsWith("node.conf:2:"))).toHaveLength(2)
    expect(checked.stderr).toContain("global.depot.sink")
  })
})

describe("signals", () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) {
    it(`${signal} stops cleanly, and all is there at the next start`, async () => {
      const first = await start()
      expect(shell(first, "put", "entry", "thisismycontent").status).toBe(0)
      first.kill(signal)
      expect((await first.exit()).status).toBe(0)
      expect(first.log).toContain(`why=${signal}`)
      const second = await start()
      expect(shell(second, "get", "entry").stdout).toBe("thisismycontent")
    })
  }

  it("a second one forces the end, and nothing acknowledged is lost", async () => {
    const daemon = await start()
    expect(shell(daemon, "put", "entry", "kept").status).toBe(0)
    daemon.kill("SIGTERM")
    daemon.kill("SIGINT")
    expect((await daemon.exit()).status).toBe(130)
    expect(shell(await start(), "get", "entry").stdout).toBe("kept")
  })

  it("SIGHUP reopens the log file after a rotation", async () => {
    const file = join(directory.path, "qdbd.log")
    const daemon = await start("--log-file", file, "--log-flush-interval", "0")
    expect(readFileSync(file, "utf8")).toContain(" ready on ")
    renameSync(file, `${file}.1`)
    daemon.kill("SIGHUP")
    await daemon.logged(/log files reopened/)
    expect(await daemon.stop()).toBe(0)
    expect(readFileSync(file, "utf8")).toContain("stopping")
    expect(readFileSync(`${file}.1`, "utf8")).not.toContain("stopping")
  })

  it("stop_node stops the node and logs the reason", async () => {
    const daemon = await start()
    expect(shell(daemon, "stop_node", daemon.address, "planned maintenance").status).toBe(0)
    expect((await daemon.exit()).status).toBe(0)
    expect(daemon.log).toContain("planned maintenance")
  })
})

describe("in the background", () => {
  it("-d returns once the daemon serves; the pid file names it and goes with it", async () => {
    const port = await freePort()
    const pidFile = join(directory.path, "qdbd.pid")
    const logFile = join(directory.path, "qdbd.log")
    const args = [
      "-d",
      "--address",
      `127.0.0.1:${port}`,
      "--root",
      "db",
      "--http",
      "",
      "--pid-file",
      pidFile,
      "--log-file",
      logFile,
    ]
    const started = spawnSync(qdbdPath, args, { cwd: directory.path, encoding: "utf8", timeout: 30_000 })
    expect(started.stderr).toBe("")
    expect(started.status).toBe(0)
    const pid = Number(readFileSync(pidFile, "utf8"))
    try {
      expect(shell({ address: `127.0.0.1:${port}` }, "put", "a", "b").status).toBe(0)
    } finally {
      process.kill(pid, "SIGTERM")
    }
    await gone(pid)
    expect(existsSync(pidFile)).toBe(false)
  })

  it("-d says in its log what of the configuration has no effect, and where that stands", async () => {
    const config = join(directory.path, "qdbd.conf")
    const logFile = join(directory.path, "qdbd.log")
    writeFileSync(config, `{\n  "local": { "logger": { "log_to_console": true } }\n}\n`)
    const port = await freePort()
    const pidFile = join(directory.path, "qdbd.pid")
    const args = ["-c", config, "-d", "--address", `127.0.0.1:${port}`, "--root", join(directory.path, "db")]
    const more = ["--http", "", "--pid-file", pidFile, "--log-file", logFile]
    const started = spawnSync(qdbdPath, [...args, ...more], { encoding: "utf8", timeout: 30_000 })
    expect([started.status, started.stderr]).toEqual([0, ""])
    const pid = Number(readFileSync(pidFile, "utf8"))
    process.kill(pid, "SIGTERM")
    await gone(pid)
    expect(readFileSync(logFile, "utf8")).toContain(
      `warning configuration: ${config}:2:44: local.logger.log_to_console = true: has no effect`,
    )
  })

  it("-d fails with the daemon's error when it cannot start", () => {
    writeFileSync(join(directory.path, "db"), "no directory")
    const started = spawnSync(qdbdPath, ["-d", "--root", "db", "--http", ""], {
      cwd: directory.path,
      encoding: "utf8",
      timeout: 30_000,
    })
    expect(started.status).toBe(1)
    expect(started.stderr).toContain(join(directory.path, "db"))
  })
})

describe("standard output", () => {
  it("holds what was asked for, and standard error nothing", () => {
    for (const args of [["--help"], ["--version"], ["--gen-config"], ["--print-config"]]) {
      const done = spawnSync(qdbdPath, args, { cwd: directory.path, encoding: "utf8" })
      expect([args, done.status, done.stderr]).toEqual([args, 0, ""])
      expect(done.stdout.length).toBeGreaterThan(5)
    }
  })

  it("a generated configuration passes the check and starts a node", async () => {
    const generated = spawnSync(qdbdPath, ["--gen-config"], { cwd: directory.path, encoding: "utf8" })
    const file = join(directory.path, "node.conf")
    writeFileSync(file, generated.stdout)
    chmodSync(file, 0o600)
    expect(spawnSync(qdbdPath, ["--check-config", "-c", file], { encoding: "utf8" }).status).toBe(0)
    const daemon = await start("-c", file)
    expect(statSync(join(directory.path, "db")).isDirectory()).toBe(true)
    expect(await daemon.stop()).toBe(0)
  })
})

/** Waits until a process that is not our child has ended, by asking the kernel. */
async function gone(pid: number): Promise<void> {
  const deadline = Date.now() + 20_000
  while (Date.now() < deadline) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  throw new Error(`process ${pid} did not end`)
}
