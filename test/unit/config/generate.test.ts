import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { parseAnswersFile } from "../../../src/config/answers-file.ts"
import { defaultAnswers, readAnswers } from "../../../src/config/answers.ts"
import type { Answers } from "../../../src/config/answers.ts"
import { savedFiles } from "../../../src/config/archive.ts"
import { communityLicense } from "../../../src/config/community-license.ts"
import { explain } from "../../../src/config/explain.ts"
import { entryBytes, generateFiles, workerCount } from "../../../src/config/generate.ts"
import { assignPlaces, parsePlace, placeText } from "../../../src/config/places.ts"
import { downloadOf, planOf, refusedAnswers, tutorialAnswers } from "../../support/confgen.ts"

const tutorial = tutorialAnswers
const filesOf = (answers: Answers) => generateFiles(answers, planOf(answers), communityLicense)
const configOf = (answers: Answers, name: string) =>
  JSON.parse(filesOf(answers).find((file) => file.name === name)?.text ?? "null")
const faultsOf = (changes: Partial<Answers>) =>
  readAnswers({ ...tutorial, ...changes }).faults.map(
    ({ field, index, text }) => `${field}${index === undefined ? "" : `[${index}]`}: ${text}`,
  )
const noticesOf = (changes: Partial<Answers>) =>
  readAnswers({ ...tutorial, ...changes }).notices.map(({ field, text }) => `${field}: ${text}`)

describe("places on the ring", () => {
  const texts = (places: (string | undefined)[]) =>
    assignPlaces(places.map((text) => (text === undefined ? undefined : parsePlace(text)))).map(placeText)
  const none = (n: number) => Array<undefined>(n).fill(undefined)

  test("even and sparse", () => {
    expect(texts(none(1))).toEqual(["1/32"])
    expect(texts(none(3))).toEqual(["1/96", "33/96", "65/96"])
    expect(texts(none(4))).toEqual(["1/128", "33/128", "65/128", "97/128"])
  })

  test("a node that is added takes the middle of the widest gap, and nobody moves", () => {
    const three = ["1/96", "33/96", "65/96"]
    expect(texts([...three, ...none(3)])).toEqual([...three, "17/96", "49/96", "81/96"])
    expect(texts([...three, ...none(4)]).at(-1)).toBe("9/96")
    expect(texts(["1/1", undefined, undefined, undefined])).toEqual(["1/1", "17/32", "9/32", "25/32"])
    expect(texts(["3/8", undefined])).toEqual(["3/8", "25/32"])
    expect(new Set(texts(["1/2", "2/2", ...none(100)])).size).toBe(102)
  })

  test("many additions stay distinct, even when N is exhausted", () => {
    const places = assignPlaces([
      { index: 1, count: 2 ** 32 },
      { index: 2 ** 32, count: 2 ** 32 },
      ...none(60),
    ])
    expect(new Set(places.map(({ index, count }) => (index - 1) / count)).size).toBe(62)
    for (const { index, count } of places) expect(index >= 1 && index <= count && count <= 2 ** 32).toBe(true)
  })
})

describe("the files", () => {
  test("the tutorial's cluster", () => {
    expect(filesOf(tutorial).map(({ name }) => name)).toEqual([
      "README.txt",
      "192.168.1.1.conf",
      "192.168.1.2.conf",
      "192.168.1.3.conf",
      "qdb_license.txt",
      "answers.json",
    ])
    expect(configOf(tutorial, "192.168.1.2.conf")).toEqual({
      global: {
        depot: { max_bytes: 1e12, replication_factor: 2, root: "db", sync: true, transient: false },
        limiter: { max_bytes: 14 * 2 ** 30 },
      },
      local: {
        chord: { bootstrapping_peers: ["192.168.1.1:2836", "192.168.1.3:2836"], node_id: "33/96" },
        http: { listen_on: "192.168.1.2:8080" },
        logger: { dump_file: "qdb_error_dump.txt", log_level: 2 },
        network: { listen_on: "192.168.1.2:2836", partitions_count: 7, server_sessions: 2000 },
        user: { license_file: "qdb_license.txt" },
      },
    })
  })

  test("one host: one file, named after it", () => {
    const saved = (host: string) => {
      const answers = { ...defaultAnswers, hosts: [host] }
      return savedFiles(answers, planOf(answers), communityLicense).map(({ name }) => name)
    }
    expect(saved("node-1")).toEqual(["node-1.conf"])
    expect(saved("fe80::1%eth0")).toEqual(["fe80--1-eth0.conf"])
    expect(filesOf({ ...defaultAnswers, hosts: ["node-1"] })[0]?.text).toContain(
      "A qdb cluster of one node, one copy of each entry",
    )
  })

  test("the archive has one time, and the same bytes on every platform", () => {
    const { bytes } = downloadOf(tutorial)
    // Local header: time at 10, date at 12; 1980-01-01 00:00 is the first instant that zip can express.
    expect([...bytes.subarray(10, 14)]).toEqual([0, 0, 0x21, 0])
    // Whatever changes these bytes changes what people get for answers they gave before: change the digest knowingly.
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(
      "2423c0693ca8ac718a091d4fea55176167aaa9cefa33264eeb1fa83149743813",
    )
  })

  test("nodes of one machine share neither port nor folder", () => {
    const answers = { ...defaultAnswers, hosts: ["127.0.0.1", "127.0.0.1:8080", "127.0.0.1:2838"] }
    const configs = ["127.0.0.1.conf", "127.0.0.1-8080.conf", "127.0.0.1-2838.conf"].map((name) =>
      configOf(answers, name),
    )
    expect(configs.map((c) => c.local.http.listen_on)).toEqual([
      "127.0.0.1:8081",
      "127.0.0.1:8082",
      "127.0.0.1:8083",
    ])
    expect(configs.map((c) => c.global.depot.root)).toEqual([
      "db-127.0.0.1",
      "db-127.0.0.1-8080",
      "db-127.0.0.1-2838",
    ])
    const named = { ...defaultAnswers, hosts: ["localhost", "127.0.0.1:2837", "127.0.0.2"] }
    const roots = ["localhost", "127.0.0.1-2837", "127.0.0.2"].map((name) => configOf(named, `${name}.conf`))
    expect(roots.map((c) => c.global.depot.root)).toEqual([
      "db-localhost",
      "db-127.0.0.1-2837",
      "db-127.0.0.2",
    ])
    expect(roots.map((c) => c.local.http.listen_on)).toEqual([
      "localhost:8080",
      "127.0.0.1:8081",
      "127.0.0.2:8080",
    ])
  })

  test("memory leaves room for the process, cores one for its loop", () => {
    expect(entryBytes(0)).toBe(0)
    expect(entryBytes(2 ** 30)).toBe(640 * 2 ** 20)
    expect(entryBytes(16 * 2 ** 30)).toBe(14 * 2 ** 30)
    expect([0, 1, 2, 8, 1024].map(workerCount)).toEqual([0, 1, 1, 7, 256])
  })

  test("the license is the community license", () => {
    expect(communityLicense).toBe(readFileSync(new URL("../../../qdb_license.txt", import.meta.url), "utf8"))
  })
})

describe("answers that are refused, with the reason", () => {
  test.each(refusedAnswers)("%j", (changes, text) => {
    expect(faultsOf(changes)).toContain(text)
    expect(readAnswers({ ...tutorial, ...changes }).plan).toBeUndefined()
  })

  test("a cluster needs a node", () => {
    expect(faultsOf({ hosts: [], replication: "1" })).toContain("hosts: at least one node is needed")
  })

  test("what each answer means is known whatever the others are", () => {
    const { plan, parts } = readAnswers({ ...tutorial, ram: "much", hosts: ["a", "", "c"] })
    expect(plan).toBeUndefined()
    expect(Object.keys(parts).toSorted()).toEqual([
      "cores",
      "diskBytes",
      "logLevel",
      "replication",
      "sessions",
      "sync",
      "transient",
    ])
    expect(explain(parts).map(({ field }) => field)).toEqual([
      "disk",
      "cores",
      "replication",
      "sync",
      "persistence",
      "logLevel",
      "sessions",
    ])
    // Read, but refused: a number that can be told is not yet an answer that can be used.
    const refused = {
      ram: "100 MiB",
      replication: "4",
      persistence: "tape" as "disk",
      places: ["1/1", "1/1"],
    }
    expect(Object.keys(readAnswers({ ...tutorial, ...refused }).parts).toSorted()).toEqual([
      "cores",
      "diskBytes",
      "logLevel",
      "sessions",
      "sync",
    ])
    const { notices } = readAnswers({ ...tutorial, ram: "much", sessions: "20000" })
    expect(notices.map(({ field }) => field)).toEqual(["sessions"])
  })

  test("what is only noted", () => {
    expect(noticesOf({})).toEqual([])
    expect(noticesOf({ hosts: ["a", "b"] })[0]).toMatch(/^hosts: two nodes/)
    expect(noticesOf({ hosts: ["a", "b", "c", "d"] })[0]).toMatch(
      /an even number: 3 of the 4 nodes vote; with a fifth/,
    )
    expect(noticesOf({ hosts: ["10.0.0.1", "::1:2", "c"] })[0]).toMatch(/IPv4 and IPv6 and names mixed/)
    expect(noticesOf({ hosts: ["127.0.0.1", "127.0.0.2"] })[0]).toMatch(/all on this machine/)
    expect(noticesOf({ replication: "1" })[0]).toMatch(/no replicas/)
    expect(noticesOf({ sessions: "20000" })[0]).toMatch(/the machine must allow 21000/)
    expect(noticesOf({ sync: false })[0]).toMatch(/power cut/)
    expect(noticesOf({ persistence: "transient", disk: "" })[0]).toMatch(/in memory alone/)
    expect(noticesOf({ ram: "600 MiB" })[0]).toMatch(/little/)
  })
})

describe("answers.json", () => {
  test("reads what was written, and fills in defaults", () => {
    const text = filesOf(tutorial).at(-1)?.text as string
    expect(parseAnswersFile(text).answers).toEqual({ ...tutorial, places: ["1/96", "33/96", "65/96"] })
    expect(parseAnswersFile('{ "hosts": ["a"], "sessions": 3000 }').answers).toEqual({
      ...defaultAnswers,
      hosts: ["a"],
      sessions: "3000",
    })
  })

  test.each([
    ["[]", "is not a section of answers"],
    ["{", "is no JSON: "],
    ['{ "host": ["a"] }', '"host" is unknown; did you mean "hosts"?'],
    ['{ "hosts": "a" }', "hosts is not a list of texts"],
    ['{ "sync": "yes" }', "sync is not true or false"],
    ['{ "__proto__": 1 }', '"__proto__" is unknown'],
    ['{ "replication": "2", "hosts": ["a:1"], "replication": "1" }', '"replication" stands twice'],
    ['{ "sync": true, "s\\u0079nc": false }', '"sync" stands twice'],
  ])("%s", (text, wrong) => {
    expect(parseAnswersFile(text).wrong?.[0]).toContain(wrong)
  })
})
