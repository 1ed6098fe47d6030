/** The generator: whatever valid answers are given, every file passes the check of `qdbd` and reads back as what was meant. */
import { strFromU8, unzipSync } from "fflate"
import { expect, test } from "vitest"
import { readAnswers } from "../../src/config/answers.ts"
import type { Answers } from "../../src/config/answers.ts"
import { download } from "../../src/config/archive.ts"
import { checkTogether } from "../../src/config/check.ts"
import { communityLicense } from "../../src/config/community-license.ts"
import type { SettingPath, Settings } from "../../src/config/config.ts"
import { readConfigFile } from "../../src/config/file.ts"
import { generateFiles, nodeSettings } from "../../src/config/generate.ts"
import { configFileText, defaults } from "../../src/config/print.ts"
import { problemText } from "../../src/config/problem.ts"
import { Prng } from "../../src/core/lib/prng.ts"

function randomAnswers(prng: Prng): Answers {
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

test("10,000 random valid answers: every file passes the check and round-trips", () => {
  const prng = new Prng(1)
  let files = 0
  for (let run = 0; run < 10_000; run++) {
    const answers = randomAnswers(prng)
    const { plan, faults } = readAnswers(answers)
    if (plan === undefined) throw new Error(`run ${run}: ${JSON.stringify({ answers, faults })}`)
    const places = new Set(plan.hosts.map(({ place }) => (place.index - 1) / place.count))
    if (places.size !== plan.hosts.length)
      throw new Error(`run ${run}: a place twice: ${JSON.stringify(answers)}`)
    const configs = generateFiles(answers, plan, communityLicense).filter(({ name }) =>
      name.endsWith(".conf"),
    )
    if (new Set(configs.map(({ name }) => name)).size !== plan.hosts.length)
      throw new Error(`run ${run}: a name twice`)
    for (const [index, { name, text }] of configs.entries()) {
      files++
      const { assignments, problems } = readConfigFile(name, new TextEncoder().encode(text))
      const values = Object.fromEntries([...assignments].map(([path, { value }]) => [path, value]))
      const settings = { ...defaults(), ...values } as Settings
      const together = checkTogether({
        settings,
        written: settings,
        originOf: () => ({ kind: "default" }),
        platform: "linux",
      })
      const wrong = [...problems, ...together.problems]
      if (wrong.length > 0) throw new Error(`run ${run}: ${wrong.map(problemText).join("\n")}`)
      const again = configFileText(values as Partial<Record<SettingPath, string>>)
      if (again !== text || JSON.stringify(values) !== JSON.stringify(nodeSettings(plan, index)))
        throw new Error(`run ${run}: ${name} does not round-trip`)
      if ((values["local.chord.bootstrapping_peers"] as string[]).length !== plan.hosts.length - 1)
        throw new Error(`run ${run}: a peer is missing`)
    }
  }
  expect(files).toBeGreaterThan(25_000)
})

test("the archive holds the files as they are, in order", () => {
  const prng = new Prng(2)
  for (let run = 0; run < 100; run++) {
    const answers = randomAnswers(prng)
    const { plan } = readAnswers(answers)
    if (plan === undefined || plan.hosts.length === 1) continue
    const files = generateFiles(answers, plan, communityLicense)
    const content = unzipSync(download(answers, plan, communityLicense).bytes)
    expect(Object.entries(content).map(([name, bytes]) => ({ name, text: strFromU8(bytes) }))).toEqual(files)
  }
})

test("no text in any answer makes the reader crash", () => {
  const prng = new Prng(3)
  const scraps = [
    "",
    " ",
    "16 GiB",
    "1e999",
    "-1",
    "[",
    "]:",
    "::",
    "0.0.0.0",
    "127.0.0.1",
    "a:b:c",
    "\0",
    "😀",
    "1/0",
    "0/1",
    "9999999999/9999999999",
    "x".repeat(5000),
    "__proto__",
  ]
  let refused = 0
  for (let run = 0; run < 10_000; run++) {
    const text = () => prng.pick(scraps) + (prng.chance(1, 4) ? prng.pick(scraps) : "")
    const answers: Answers = {
      ram: text(),
      disk: text(),
      cores: text(),
      hosts: Array.from({ length: prng.below(5) }, text),
      places: Array.from({ length: prng.below(5) }, text),
      replication: text(),
      sync: true,
      persistence: prng.chance(1, 2) ? "disk" : (text() as "disk"),
      logLevel: text(),
      sessions: text(),
    }
    const { plan, faults } = readAnswers(answers)
    if ((plan === undefined) !== faults.length > 0) throw new Error(`run ${run}: neither a plan nor a reason`)
    if (plan === undefined) refused++
  }
  expect(refused).toBe(10_000)
})
