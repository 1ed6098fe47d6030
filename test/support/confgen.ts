/** Answers for the tests of the generator's three faces: the direct call, the command line, the page. */
import { defaultAnswers, readAnswers } from "../../src/config/answers.ts"
import type { Answers, Plan } from "../../src/config/answers.ts"
import { download } from "../../src/config/archive.ts"
import type { Download } from "../../src/config/archive.ts"
import { communityLicense } from "../../src/config/community-license.ts"
import type { Prng } from "../../src/core/lib/prng.ts"

export const tutorialAnswers: Answers = {
  ...defaultAnswers,
  ram: "16 GiB",
  disk: "1 TB",
  cores: "8",
  hosts: ["192.168.1.1", "192.168.1.2", "192.168.1.3"],
  replication: "2",
}

export function planOf(answers: Answers): Plan {
  const { plan, faults } = readAnswers(answers)
  if (plan === undefined) throw new Error(JSON.stringify({ answers, faults }))
  return plan
}

/** The direct call. */
export const downloadOf = (answers: Answers): Download => download(answers, planOf(answers), communityLicense)

/** What is changed in the tutorial's answers, and the remark that refuses it. */
export const refusedAnswers: readonly (readonly [changes: Partial<Answers>, remark: string])[] = [
  [{ replication: "4" }, "replication: is more than the 3 nodes: every copy needs a node of its own"],
  [{ replication: "5" }, "replication: is not a number from 1 to 4"],
  [{ replication: "" }, "replication: is not a number from 1 to 4"],
  [{ hosts: ["a", "b", "A"] }, "hosts[2]: is the same as node 1"],
  [{ hosts: ["a", "b", "b."] }, "hosts[2]: is the same as node 2"],
  [{ hosts: ["::1", "[0:0::1]:2836", "127.0.0.1"] }, "hosts[1]: is the same as node 1"],
  [{ hosts: ["127.0.0.1", "localhost", "127.0.0.2"] }, "hosts[1]: is the same as node 1"],
  [{ hosts: ["a", "", "c"] }, "hosts[1]: is empty"],
  [
    { hosts: ["10.0.0.1", "127.0.0.1", "10.0.0.2"] },
    "hosts[1]: is a loopback address, which the other machines cannot reach",
  ],
  [
    { hosts: ["10.0.0.1", "10.0.0.2", "::ffff:127.0.0.1"] },
    "hosts[2]: is a loopback address, which the other machines cannot reach",
  ],
  [{ hosts: ["0.0.0.0", "b", "c"] }, "hosts[0]: is a wildcard, which other nodes cannot connect to"],
  [{ hosts: ["a", "[::]:2836", "c"] }, "hosts[1]: is a wildcard, which other nodes cannot connect to"],
  [{ hosts: ["a", "b", "224.0.0.1"] }, "hosts[2]: is an address of a group, not of one machine"],
  [{ hosts: ["a", "b", "ff02::1"] }, "hosts[2]: is an address of a group, not of one machine"],
  [{ hosts: ["10.0.0.256", "b", "c"] }, "hosts[0]: is not an IPv4 address"],
  [{ hosts: ["a", "b", "c:0"] }, "hosts[2]: has port 0"],
  [{ hosts: ["a-2837", "a:2837", "c"] }, "hosts[1]: would have the same file as node 1"],
  [
    { hosts: Array.from({ length: 257 }, (_, i) => `node-${i}`) },
    "hosts: are too many; 256 nodes are the most that are generated at once",
  ],
  [{ ram: "16" }, "ram: has no unit; write 16 GiB"],
  [{ ram: "1.5" }, "ram: has no unit; write 1.5 GiB"],
  [{ ram: "much" }, "ram: is not a size; write it like 16 GiB or 2TB"],
  [{ ram: "100 MiB" }, "ram: is too little; a node needs 512 MiB at least"],
  [{ ram: "99999 PB" }, "ram: is larger than 8 PiB; write it like 16 GiB or 2TB"],
  [{ disk: "0" }, "disk: is zero; leave it empty for the automatic value"],
  [{ disk: "10 MB" }, "disk: is too little; a node needs 1 GiB for its log alone"],
  [{ cores: "0" }, "cores: is not a number from 1 to 1024"],
  [{ cores: "1025" }, "cores: is not a number from 1 to 1024"],
  [{ cores: "four" }, "cores: is not a number from 1 to 1024"],
  [{ sessions: "49" }, "sessions: is not a number from 50 to 1000000"],
  [{ sessions: "1000001" }, "sessions: is not a number from 50 to 1000000"],
  [{ logLevel: "loud" }, "logLevel: is unknown; allowed: detailed, debug, info, warning, error, panic"],
  [{ persistence: "tape" as "disk" }, "persistence: is unknown; allowed: disk, transient"],
  [{ places: ["1/3", "4/3"] }, "places[1]: is not k/N with k from 1 to N"],
  [{ places: ["1/3", "2/6", "1/6"] }, "places[2]: is the place of node 1"],
  [{ places: ["1/8", "2/8", "3/8", "4/8"] }, "places: has 4 values for 3 hosts"],
]

export function randomAnswers(prng: Prng): Answers {
  const n = prng.chance(1, 200) ? prng.between(10, 60) : prng.between(1, 5)
  const family = prng.below(5)
  const host = (i: number) => {
    const port = prng.chance(1, 4) ? `:${prng.between(3000, 65535)}` : ""
    const hosts = [
      `10.${prng.below(256)}.${prng.below(256)}.${i + 1}`,
      `node-${i}.example.org`,
      `[2001:db8::${(i + 1).toString(16)}]`,
      `127.0.0.1`,
      `db_${i}`,
    ]
    const text = hosts[family] as string
    if (family === 3) return `${text}:${3000 + i}`
    return prng.chance(1, 10) ? ` ${text}${port} ` : text + port
  }
  return {
    ram: prng.pick(["", "512 MiB", "1GiB", "16 GiB", "1.5g", "2TB", `${prng.between(600, 9000)} MB`]),
    disk: prng.pick(["", "1GiB", "10 GB", "1 TB", "2.25 TiB", `${prng.between(2, 900)}g`]),
    cores: prng.pick(["", "1", "2", "8", "64", "1024"]),
    hosts: Array.from({ length: n }, (_, i) => host(i)),
    places: prng.chance(1, 3)
      ? Array.from({ length: prng.below(n + 1) }, (_, i) =>
          prng.chance(1, 3) ? "" : `${i * 7 + 1}/${n * 7}`,
        )
      : [],
    replication: String(prng.between(1, Math.min(4, n))),
    sync: prng.chance(1, 2),
    persistence: prng.pick(["disk", "transient"]),
    logLevel: prng.pick(["detailed", "info", "panic", "3"]),
    sessions: String(prng.pick([50, 2000, 1_000_000, prng.between(50, 1_000_000)])),
  }
}

/** @returns the flags that give these answers, which are without places; `=` keeps a value that begins with a dash a value */
export function flagsOf(answers: Answers): readonly string[] {
  return [
    ...answers.hosts.map((host) => `--host=${host}`),
    `--ram=${answers.ram}`,
    `--disk=${answers.disk}`,
    `--cores=${answers.cores}`,
    `--replication=${answers.replication}`,
    `--sessions=${answers.sessions}`,
    `--log-level=${answers.logLevel}`,
    answers.sync ? "--sync" : "--no-sync",
    answers.persistence === "transient" ? "--transient" : "--no-transient",
  ]
}
