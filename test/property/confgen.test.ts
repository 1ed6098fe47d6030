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
import { generateFiles, grownAnswers, nodeSettings } from "../../src/config/generate.ts"
import { configFileText, defaults } from "../../src/config/print.ts"
import { problemText } from "../../src/config/problem.ts"
import { Prng } from "../../src/core/lib/prng.ts"
import { randomAnswers } from "../support/confgen.ts"

// 10,000 in all; ten tests, so that no single one comes near its deadline on a busy machine.
test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
  "1,000 random valid answers, seed %i: every file passes the check and round-trips",
  (seed) => {
    const prng = new Prng(seed)
    let files = 0
    for (let run = 0; run < 1_000; run++) {
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
    expect(files).toBeGreaterThan(2_500)
  },
)

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

test("growing changes nothing that a node has: its place, folder, file and address", () => {
  const prng = new Prng(4)
  for (let run = 0; run < 1_000; run++) {
    const answers = randomAnswers(prng)
    const { plan } = readAnswers(answers)
    if (plan === undefined) throw new Error(`run ${run}: ${JSON.stringify(answers)}`)
    // On one machine, or elsewhere, once or twice.
    const isLocal = plan.hosts.every(({ address }) => address.host === "127.0.0.1")
    const added = Array.from({ length: prng.between(1, 3) }, (_, i) =>
      isLocal ? `127.0.0.1:${2836 + i}` : `added-${i}`,
    )
    let grown = grownAnswers(answers, added)
    if (prng.chance(1, 2)) grown = grownAnswers(grown, isLocal ? ["127.0.0.1:65000"] : ["added-last"])
    const larger = readAnswers(grown).plan
    if (larger === undefined) throw new Error(`run ${run}: ${JSON.stringify(readAnswers(grown).faults)}`)
    expect(larger.hosts.length).toBeGreaterThan(plan.hosts.length)
    for (const index of plan.hosts.keys()) {
      const [before, after] = [nodeSettings(plan, index), nodeSettings(larger, index)]
      for (const path of kept)
        if (before[path] !== after[path]) throw new Error(`run ${run}: ${path} of node ${index + 1} changed`)
    }
  }
})

const kept = [
  "global.depot.root",
  "local.chord.node_id",
  "local.http.listen_on",
  "local.logger.dump_file",
  "local.network.listen_on",
] as const

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
