import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { loadConfig } from "../../../src/config/load.ts"
import type { LoadOptions } from "../../../src/config/load.ts"
import { originText, problemText } from "../../../src/config/problem.ts"
import { configFileText, defaults, printConfig } from "../../../src/config/print.ts"
import { schema, settingPaths } from "../../../src/config/schema.ts"
import { variableOf } from "../../../src/config/environment.ts"
import { helpText } from "../../../src/config/help.ts"

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "qdb-config-"))
  mkdirSync(join(folder, "etc"))
})
afterAll(() => rmSync(folder, { recursive: true }))

const load = (argv: string[], env: Record<string, string> = {}, rest: Partial<LoadOptions> = {}) =>
  loadConfig({ argv, env, cwd: folder, platform: "linux", ...rest })
const problemsOf = (argv: string[], env: Record<string, string> = {}, rest: Partial<LoadOptions> = {}) =>
  load(argv, env, rest).problems.map(problemText)
const warningsOf = (argv: string[]) => load(argv).warnings.map(problemText)
const write = (name: string, content: unknown) => {
  writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content))
  return name
}

describe("precedence", () => {
  test("flag over environment over file over default, each with its origin", () => {
    const file = write(
      "p.conf",
      '{ "local": { "network": {\n  "server_sessions": 100, "idle_timeout": 101,\n  "client_timeout": 102 } } }',
    )
    const { config, origins, problems } = load(["-c", file, "--sessions=300", "--idle-duration", "301"], {
      QDB_LOCAL__NETWORK__SERVER_SESSIONS: "200",
      QDB_LOCAL__NETWORK__CLIENT_TIMEOUT: "202",
    })
    expect(problems).toEqual([])
    expect(config.local.network).toMatchObject({
      server_sessions: 300,
      idle_timeout: 301,
      client_timeout: 202,
      partitions_count: 0,
    })
    expect(originText(origins["local.network.server_sessions"])).toBe("flag --sessions")
    expect(originText(origins["local.network.client_timeout"])).toBe(
      "environment QDB_LOCAL__NETWORK__CLIENT_TIMEOUT",
    )
    expect(originText(origins["local.network.partitions_count"])).toBe("default")
    expect(originText(load(["-c", file]).origins["local.network.client_timeout"])).toBe("p.conf:3:21")
  })

  test("nothing given: the documented defaults", () => {
    const { config, problems, warnings, action } = load([])
    expect({ problems, warnings, action }).toEqual({ problems: [], warnings: [], action: { kind: "run" } })
    expect(config.global.depot).toMatchObject({
      replication_factor: 1,
      sync: true,
      transient: false,
      max_bytes: 0,
    })
    expect(config.local.network).toMatchObject({
      listen_on: "127.0.0.1:2836",
      server_sessions: 2000,
      idle_timeout: 600,
    })
    expect(config.local.logger).toMatchObject({ log_level: 2, log_to_console: true, format: "text" })
    expect(config.local.chord.node_id).toBe("0-0-0-0")
  })
})

describe("relative paths", () => {
  test("in a file to that file, else to the working directory", () => {
    write("etc/a.conf", {
      global: { depot: { root: "data" } },
      local: { logger: { log_files: ["a.log", "/var/log/b.log"] } },
    })
    const { config } = load(["-c", "etc/a.conf", "--log-dump=dump.txt"], {
      QDB_LOCAL__NETWORK__CLUSTER_SECRET_FILE: "secret",
    })
    expect(config.global.depot.root).toBe(join(folder, "etc/data"))
    expect(config.local.logger.log_files).toEqual([join(folder, "etc/a.log"), resolve("/var/log/b.log")])
    expect(config.local.logger.dump_file).toBe(join(folder, "dump.txt"))
    expect(config.local.network.cluster_secret_file).toBe(join(folder, "secret"))
    expect(load(["--pid-file", "qdbd.pid"]).pidFile).toBe(join(folder, "qdbd.pid"))
    expect(load([]).config.local.network.cluster_secret_file).toBe("")
  })

  test("a path that is left out is where a file that names the default has it", () => {
    write("etc/empty.conf", {})
    write("etc/named.conf", { global: { depot: { root: "db" } } })
    const [empty, named] = ["etc/empty.conf", "etc/named.conf"].map(
      (file) => load(["-c", file]).config.global.depot.root,
    )
    expect(empty).toBe(named)
    expect(load([]).config.global.depot.root).toBe(join(folder, "db"))
  })
})

describe("files that cannot be read", () => {
  test("missing, a directory, another kind of file", () => {
    expect(problemsOf(["-c", "none.conf"])).toEqual([
      `none.conf: no such file; looked for ${join(folder, "none.conf")}`,
    ])
    expect(problemsOf(["-c", "etc"])).toEqual([`etc: cannot be read: ${join(folder, "etc")} is a directory`])
    const large = write("large.conf", " ".repeat(2_000_000))
    expect(problemsOf(["-c", large])).toEqual([
      "large.conf: is larger than 1048576 bytes; is it a configuration?",
    ])
  })
})

describe("flags", () => {
  test("the names of 2014, and the later ones", () => {
    const { config, problems } = load([
      ..."-a 192.168.1.1:2836 -s 500 --partitions=3 --idle-duration=10 --request-timeout=11 --id=1/3".split(
        " ",
      ),
      ..."--peer=192.168.1.2:2836 --peer 192.168.1.3:2836 -r data --replication=2 --transient --sync".split(
        " ",
      ),
      ..."--limiter-max-entries-count=12 --limiter-max-bytes=13 --max-depot-size=1000000 -o".split(" "),
      ..."--log-dump=d.txt --log-syslog --log-level=warning --log-flush-interval=4 -l a.log b.log --log-file=c.log".split(
        " ",
      ),
    ])
    expect(problems).toEqual([])
    expect(config.local.network).toMatchObject({
      listen_on: "192.168.1.1:2836",
      server_sessions: 500,
      partitions_count: 3,
      idle_timeout: 10,
      client_timeout: 11,
    })
    expect(config.local.chord).toMatchObject({
      node_id: "1/3",
      bootstrapping_peers: ["192.168.1.2:2836", "192.168.1.3:2836"],
    })
    expect(config.global.depot).toMatchObject({
      replication_factor: 2,
      transient: true,
      sync: true,
      max_bytes: 1_000_000,
    })
    expect(config.global.limiter).toEqual({ max_bytes: 13, max_in_entries_count: 12 })
    expect(config.local.logger).toMatchObject({
      log_to_console: true,
      log_to_syslog: true,
      log_level: 3,
      flush_interval: 4,
    })
    expect(config.local.logger.log_files.map((file) => file.slice(folder.length + 1))).toEqual([
      "a.log",
      "b.log",
      "c.log",
    ])
    expect(load(["--idle-timeout=7"]).config.local.network.idle_timeout).toBe(7)
    expect(load(["--limiter-max-resident-entries=7"]).config.global.limiter.max_in_entries_count).toBe(7)
    expect(load(["--limiter-max-entries=8"]).config.global.limiter.max_in_entries_count).toBe(8)
    expect(load(["--config", "none"]).configFile).toBe("none")
  })

  test.each([
    ["0", 0],
    ["5", 5],
    ["detailed", 0],
    ["DEBUG", 1],
    ["panic", 5],
  ])("--log-level=%s", (text, level) => {
    expect(load([`--log-level=${text}`]).config.local.logger.log_level).toBe(level)
  })

  test("yes-or-no flags take =false and a no- before them", () => {
    expect(load(["--sync=false"]).config.global.depot.sync).toBe(false)
    expect(load(["--no-sync"]).config.global.depot.sync).toBe(false)
    expect(load(["--sync"]).config.global.depot.sync).toBe(true)
    expect(problemsOf(["--no-sync=true"])).toEqual(["flag --no-sync: takes no value"])
    expect(problemsOf(["--no-help"])).toEqual(["flag --no-help: unknown flag; --help lists all"])
    expect(problemsOf(["--sync", "false"])).toEqual([
      '"false" is neither a flag nor a subcommand; subcommands: backup, check-data, confgen, demo, license, recover-quorum, service',
    ])
  })

  test("byte counts take units", () => {
    expect(load(["--limiter-max-bytes=16GiB"]).config.global.limiter.max_bytes).toBe(16 * 2 ** 30)
    expect(load(["--max-depot-size", "2 TB"]).config.global.depot.max_bytes).toBe(2e12)
    expect(problemsOf(["--max-depot-size=much"])).toEqual([
      'flag --max-depot-size: global.depot.max_bytes = "much": is not a size; allowed: bytes, an integer from 0 up; 0: no quota',
    ])
  })

  test("--set sets any key, in either notation", () => {
    expect(load(["--set", "local.http.writable=true"]).config.local.http.writable).toBe(true)
    expect(load(["--set=local::chord::node_id=2/3"]).config.local.chord.node_id).toBe("2/3")
    expect(
      load(["--set", "local.chord.bootstrapping_peers=a:1, [::1]:2"]).config.local.chord.bootstrapping_peers,
    ).toEqual(["a:1", "[::1]:2"])
    expect(problemsOf(["--set", "local.network.sessions"])).toEqual([
      'flag --set: "local.network.sessions" is not path=value',
    ])
    expect(problemsOf(["--set", "local.network.server_session=1"])).toEqual([
      "flag --set local.network.server_session: unknown key; did you mean local.network.server_sessions?",
    ])
  })

  test("every mistake is told, all at once", () => {
    expect(
      problemsOf([
        "--sesions=3",
        "--sessions=3",
        "-s",
        "x",
        "--replication",
        "--sync",
        "--root",
        "",
        "--log-directory=x",
        "extra",
      ]),
    ).toEqual([
      "flag --sesions: unknown flag; did you mean --sessions?",
      'flag --sessions: local.network.server_sessions = "3": is too small; allowed: an integer from 50 to 1000000',
      'flag -s: local.network.server_sessions = "x": is not an integer; allowed: an integer from 50 to 1000000',
      'flag --replication: needs a value, and "--sync" looks like a flag; write --replication=VALUE',
      'flag --root: global.depot.root = "": is empty; allowed: a path',
      "flag --log-directory: unknown flag; use --log-file",
      '"extra" is neither a flag nor a subcommand; subcommands: backup, check-data, confgen, demo, license, recover-quorum, service',
    ])
    expect(problemsOf(["--sessions=100", "-s", "101"])).toEqual([
      "flag -s: local.network.server_sessions = 101: is given twice; it is 100 before",
    ])
    expect(problemsOf(["-c", "a", "-c", "b"])[0]).toBe("flag -c: is given twice")
    expect(problemsOf(["--sessions"])).toEqual(["flag --sessions: needs a value"])
    expect(problemsOf(["--json"])).toEqual(["--json goes with --print-config"])
    expect(problemsOf(["--gen-config", "--check-config"])).toEqual([
      "--gen-config and --check-config exclude each other",
    ])
    expect(problemsOf(["licence"])).toEqual([
      '"licence" is neither a flag nor a subcommand; did you mean license?',
    ])
    expect(problemsOf(["--peer=a:1", "--peer=A:1"])).toEqual([
      'flag --peer: local.chord.bootstrapping_peers = "A:1": repeats item 0',
    ])
  })

  test("actions and subcommands", () => {
    expect(load(["--check-config"]).action).toEqual({ kind: "check-config" })
    expect(load(["--print-config", "--json"]).action).toEqual({ kind: "print-config", json: true })
    expect(load(["--gen-config"]).action).toEqual({ kind: "gen-config" })
    expect(load(["-v"]).action).toEqual({ kind: "version" })
    expect(load(["--nonsense", "-h"])).toMatchObject({ action: { kind: "help" }, problems: [] })
    for (const name of ["confgen", "license", "service", "backup", "check-data"]) {
      const { action, problems } = load([name, "--anything", "x"], { QDB_WRONG: "1" })
      expect({ action, problems }).toEqual({
        action: { kind: "subcommand", name, argv: ["--anything", "x"] },
        problems: [],
      })
    }
  })
})

describe("environment", () => {
  test("every key has a variable", () => {
    for (const path of settingPaths) {
      const text = String(schema[path].default)
      const { problems, origins } = load([], { [variableOf(path)]: text })
      expect(problems.map(problemText), path).toEqual([])
      expect(origins[path], path).toEqual({ kind: "environment", name: variableOf(path) })
    }
  })

  test("lists by comma, the shell's variable ignored, others refused", () => {
    const env = {
      QDB_LOCAL__CHORD__BOOTSTRAPPING_PEERS: "a:1,b:2",
      QDB_DAEMON: "192.168.1.1:2836",
      HOME: "/root",
    }
    expect(load([], env)).toMatchObject({
      problems: [],
      config: { local: { chord: { bootstrapping_peers: ["a:1", "b:2"] } } },
    })
    expect(
      problemsOf([], {
        QDB_LOCAL__NETWORK__LISTEN: "x",
        QDB_LOCAL__CHORD__BOOTSTRAPPING_PEERS: "a:1,b",
        QDB_FOO: "",
      }),
    ).toEqual([
      "environment QDB_FOO: unknown variable; see the manual's list",
      'environment QDB_LOCAL__CHORD__BOOTSTRAPPING_PEERS: local.chord.bootstrapping_peers[1] = "b": has no port; write b:2836; allowed: a list of host:port, [IPv6]:port',
      "environment QDB_LOCAL__NETWORK__LISTEN: unknown variable; did you mean QDB_LOCAL__NETWORK__LISTEN_ON?",
    ])
  })
})

describe("combinations", () => {
  test("a daemon has no console: a default, a warning or a problem", () => {
    expect(load(["-d"])).toMatchObject({
      problems: [],
      config: { local: { logger: { log_to_console: false } } },
    })
    expect(problemsOf(["-d", "-o"])).toEqual([
      "flag -o: local.logger.log_to_console = true: a daemon in the background has no console; allowed: false with local.user.daemon",
    ])
    const console = write("console.conf", {
      local: { logger: { log_to_console: true, log_files: ["q.log"] } },
    })
    const added = load(["-c", console, "-d"])
    expect(added.problems).toEqual([])
    expect(added.config.local.logger.log_to_console).toBe(false)
    expect(added.warnings.map(problemText)).toEqual([
      "console.conf:1:38: local.logger.log_to_console = true: has no effect: a daemon in the background has no console",
    ])
    const daemon = write("daemon.conf", { local: { user: { daemon: true } } })
    expect(problemsOf(["-c", daemon, "-o"])).toHaveLength(1)
  })

  test("Windows has neither daemon nor syslog", () => {
    expect(problemsOf(["-d", "--log-syslog"], {}, { platform: "win32" })).toHaveLength(2)
  })

  test("warnings", () => {
    expect(warningsOf(["--set", "local.chord.no_stabilization=true"])[0]).toMatch(
      /has no effect; a cluster always stabilizes$/,
    )
    expect(warningsOf(["--no-log-console"])[0]).toMatch(/nothing is logged anywhere/)
    expect(warningsOf(["-a", "192.168.1.1:2836", "--peer=127.0.0.1:2837"])[0]).toMatch(
      /own address, which other nodes cannot use/,
    )
    expect(warningsOf(["--peer=192.168.1.2:2836"])[0]).toMatch(/cannot reach this node at 127.0.0.1:2836/)
    expect(warningsOf(["--peer=127.0.0.1:2837", "--replication=3"])[0]).toMatch(
      /more than the 2 nodes that are named/,
    )
    expect(warningsOf(["--transient", "--max-depot-size=1GiB"])[0]).toMatch(
      /has no effect with global.depot.transient/,
    )
    expect(warningsOf(["--http=192.168.1.1:8080", "--http-writable"])[0]).toMatch(
      /HTTP has no authentication/,
    )
    expect(warningsOf(["--http=", "--http-writable"])[0]).toMatch(/has no effect without/)
    expect(warningsOf(["-a", "0.0.0.0:2836", "--advertise=localhost:2836"])[0]).toMatch(
      /only this machine can reach it/,
    )
  })

  test("a wrong value is told once, not again for what its default contradicts", () => {
    expect(problemsOf(["-a", "0.0.0.0:2836", "--advertise=nonsense"])).toHaveLength(2)
    expect(problemsOf(["--advertise=nonsense"])).toHaveLength(1)
  })

  test("problems are bounded", () => {
    const many = write("many.conf", Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`, i])))
    const problems = problemsOf(["-c", many])
    expect(problems).toHaveLength(201)
    expect(problems.at(-1)).toBe("and more problems, which are not listed")
  })
})

describe("printing", () => {
  test("--gen-config prints the defaults in the documented nesting, and reads back", () => {
    const { written } = load(["--gen-config"])
    expect(written).toEqual(defaults())
    const text = configFileText(written)
    expect(Object.keys(JSON.parse(text))).toEqual(["global", "local"])
    const file = write("generated.conf", text)
    const again = load(["-c", file])
    expect({ problems: again.problems, written: again.written }).toEqual({ problems: [], written })
  })

  test("other flags are overrides in it", () => {
    const { written } = load(["--gen-config", "--replication=2", "--root=data", "-d"])
    const { global, local } = JSON.parse(configFileText(written))
    expect(global.depot).toMatchObject({ replication_factor: 2, root: "data" })
    expect(local.logger.log_to_console).toBe(false)
    expect(problemsOf(["-c", write("overridden.conf", configFileText(written))])).toEqual([])
  })

  test("--print-config names the origin of each key", () => {
    const { config, origins } = load(["--sessions=99"])
    const lines = printConfig(config, origins, { json: false }).trimEnd().split("\n")
    expect(lines).toHaveLength(settingPaths.length)
    expect(lines.find((line) => line.startsWith("local.network.server_sessions"))).toMatch(
      /^local.network.server_sessions = 99 +# flag --sessions$/,
    )
    const json = JSON.parse(printConfig(config, origins, { json: true }))
    expect(json.config).toEqual(config)
    expect(json.origins["local.network.server_sessions"]).toBe("flag --sessions")
  })

  test("the help names every flag that is not hidden", () => {
    const help = helpText()
    for (const path of settingPaths) {
      const { flag } = schema[path]
      if (flag !== undefined) expect(help).toContain(`--${flag}`)
    }
    for (const line of help.split("\n")) expect(line.length, line).toBeLessThanOrEqual(100)
  })
})
