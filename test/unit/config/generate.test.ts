import { unzipSync } from "fflate"
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { parseAnswersFile } from "../../../src/config/answers-file.ts"
import { defaultAnswers, readAnswers } from "../../../src/config/answers.ts"
import type { Answers } from "../../../src/config/answers.ts"
import { download } from "../../../src/config/archive.ts"
import { communityLicense } from "../../../src/config/community-license.ts"
import { run } from "../../../src/config/confgen-cli.ts"
import { entryBytes, generateFiles, workerCount } from "../../../src/config/generate.ts"
import { loadConfig } from "../../../src/config/load.ts"
import { assignPlaces, parsePlace, placeText } from "../../../src/config/places.ts"

const tutorial: Answers = {
  ...defaultAnswers,
  ram: "16 GiB",
  disk: "1 TB",
  cores: "8",
  hosts: ["192.168.1.1", "192.168.1.2", "192.168.1.3"],
  replication: "2",
}
const planOf = (answers: Answers) => {
  const { plan, faults } = readAnswers(answers)
  if (plan === undefined) throw new Error(JSON.stringify(faults))
  return plan
}
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
    expect(filesOf({ ...defaultAnswers, hosts: ["node-1"] }).map(({ name }) => name)).toEqual(["node-1.conf"])
    expect(filesOf({ ...defaultAnswers, hosts: ["fe80::1%eth0"] }).map(({ name }) => name)).toEqual([
      "fe80--1-eth0.conf",
    ])
  })

  test("the archive has one time, and the same bytes on every platform", () => {
    const { bytes } = download(tutorial, planOf(tutorial), communityLicense)
    // Local header: time at 10, date at 12; 1980-01-01 00:00 is the first instant that zip can express.
    expect([...bytes.subarray(10, 14)]).toEqual([0, 0, 0x21, 0])
    // Whatever changes these bytes changes what people get for answers they gave before: change the digest knowingly.
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(
      "a4c1ae120080cad79f12fde2a891d8408a89b65423644ad92549dc2d498bda45",
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
    expect(configs.map((c) => c.global.depot.root)).toEqual(["db-2836", "db-8080", "db-2838"])
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
  test.each<[Partial<Answers>, string]>([
    [{ replication: "4" }, "replication: is more than the 3 nodes: every copy needs a node of its own"],
    [{ replication: "5" }, "replication: is not a number from 1 to 4"],
    [{ hosts: ["a", "b", "A"] }, "hosts[2]: is the same as node 1"],
    [{ hosts: ["a", "", "c"] }, "hosts[1]: is empty"],
    [
      { hosts: ["10.0.0.1", "127.0.0.1", "10.0.0.2"] },
      "hosts[1]: is a loopback address, which the other machines cannot reach",
    ],
    [{ hosts: ["0.0.0.0", "b", "c"] }, "hosts[0]: is a wildcard, which other nodes cannot connect to"],
    [{ hosts: ["10.0.0.256", "b", "c"] }, "hosts[0]: is not an IPv4 address"],
    [{ hosts: ["a-2837", "a:2837", "c"] }, "hosts[1]: would have the same file as node 1"],
    [{ hosts: [], replication: "1" }, "hosts: at least one node is needed"],
    [{ ram: "16" }, "ram: has no unit; write 16 GiB"],
    [{ ram: "much" }, "ram: is not a size; write it like 16 GiB or 2TB"],
    [{ ram: "100 MiB" }, "ram: is too little; a node needs 512 MiB at least"],
    [{ disk: "0" }, "disk: is zero; leave it empty for the automatic value"],
    [{ disk: "10 MB" }, "disk: is too little; a node needs 1 GiB for its log alone"],
    [{ cores: "0" }, "cores: is not a number from 1 to 1024"],
    [{ sessions: "49" }, "sessions: is not a number from 50 to 1000000"],
    [{ logLevel: "loud" }, "logLevel: is unknown; allowed: detailed, debug, info, warning, error, panic"],
    [{ places: ["1/3", "4/3"] }, "places[1]: is not k/N with k from 1 to N"],
    [{ places: ["1/3", "2/6", "1/6"] }, "places[2]: is the place of node 1"],
  ])("%j", (changes, text) => {
    expect(faultsOf(changes)).toContain(text)
    expect(readAnswers({ ...tutorial, ...changes }).plan).toBeUndefined()
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
  ])("%s", (text, wrong) => {
    expect(parseAnswersFile(text).wrong?.[0]).toContain(wrong)
  })
})

describe("qdbd confgen", () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "qdb-confgen-"))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  async function command(line: string, typed?: readonly string[]) {
    const said = { status: -1, out: [] as (string | Uint8Array)[], error: "" }
    const lines = [...(typed ?? [])]
    const io = {
      stdout: (data: string | Uint8Array) => void said.out.push(data),
      stderr: (text: string) => void (said.error += text),
      env: {},
      cwd: folder,
      nowMs: 0,
      ...(typed === undefined ? {} : { ask: async () => lines.shift() }),
    }
    said.status = await run(line === "" ? [] : line.split(" "), io)
    return said
  }
  const flags =
    "--host 192.168.1.1 --host 192.168.1.2 --host 192.168.1.3 --replication 2 --ram 16GiB --disk 1TB --cores 8 --sessions 2000"
  const expected = () => {
    const answers = { ...tutorial, ram: "16GiB", disk: "1TB" }
    return download(answers, planOf(answers), communityLicense).bytes
  }

  test("the bytes of a direct call, and every file passes the check", async () => {
    expect(await command(`${flags} -o cluster.zip`)).toMatchObject({ status: 0 })
    const bytes = new Uint8Array(readFileSync(join(folder, "cluster.zip")))
    expect(Buffer.from(bytes).equals(expected())).toBe(true)
    for (const [name, content] of Object.entries(unzipSync(bytes))) writeFileSync(join(folder, name), content)
    for (const name of ["192.168.1.1.conf", "192.168.1.2.conf", "192.168.1.3.conf"]) {
      const { problems, warnings } = loadConfig({
        argv: ["-c", name, "--check-config"],
        env: {},
        cwd: folder,
      })
      expect({ problems, warnings }).toEqual({ problems: [], warnings: [] })
    }
  })

  test("asked on a terminal, the same bytes; a wrong answer is asked again", async () => {
    const typed = [
      "16",
      "16GiB",
      "1TB",
      "8",
      "192.168.1.1",
      "192.168.1.1",
      "192.168.1.2",
      "192.168.1.3",
      "",
      "9",
      "2",
      "maybe",
      "",
      "tape",
      "",
      "",
      "",
    ]
    const said = await command("", typed)
    expect(said).toMatchObject({ status: 0 })
    expect(said.error).toContain("  has no unit; write 16 GiB\n")
    expect(said.error).toContain("  is the same as node 1\n")
    expect(said.error).toContain("  is not a number from 1 to 4\n")
    expect(Buffer.from(readFileSync(join(folder, "cluster.zip"))).equals(expected())).toBe(true)
    expect(await command("", ["16GiB"])).toMatchObject({ status: 2 })
  })

  test("to a folder, to standard output, one host to its file", async () => {
    expect(await command(`${flags} -o out/`)).toMatchObject({ status: 0 })
    expect(readdirSync(join(folder, "out")).sort()).toEqual([
      "192.168.1.1.conf",
      "192.168.1.2.conf",
      "192.168.1.3.conf",
      "README.txt",
      "answers.json",
      "qdb_license.txt",
    ])
    const { out } = await command(`${flags} -o -`)
    expect(Buffer.from(out[0] as Uint8Array).equals(expected())).toBe(true)
    expect(await command("--host node-1")).toMatchObject({ status: 0 })
    expect(JSON.parse(readFileSync(join(folder, "node-1.conf"), "utf8")).local.network.listen_on).toBe(
      "node-1:2836",
    )
  })

  test("growing keeps every place", async () => {
    await command(`${flags} -o out/`)
    expect(await command("--from out/answers.json --add 192.168.1.4 -o grown/")).toMatchObject({ status: 0 })
    const ids = ["1", "2", "3", "4"].map(
      (n) => JSON.parse(readFileSync(join(folder, `grown/192.168.1.${n}.conf`), "utf8")).local.chord,
    )
    expect(ids.map((chord) => chord.node_id)).toEqual(["1/96", "33/96", "65/96", "17/96"])
    expect(ids.every((chord) => chord.bootstrapping_peers.length === 3)).toBe(true)
  })

  test("refusals", async () => {
    await command("--host a")
    expect(await command("--host a")).toMatchObject({
      status: 1,
      error: expect.stringContaining("exists already; --force replaces it"),
    })
    expect(await command("--host a --force")).toMatchObject({ status: 0 })
    expect(await command("--host a --replication 2")).toMatchObject({
      status: 2,
      error: expect.stringContaining('(--replication) "2": is more than the one node'),
    })
    expect(await command("--hots a")).toMatchObject({
      status: 2,
      error: expect.stringContaining("did you mean --host?"),
    })
    expect(await command("--add a")).toMatchObject({
      status: 2,
      error: expect.stringContaining("--from answers.json"),
    })
    expect(await command("--from none.json --add a")).toMatchObject({
      status: 2,
      error: expect.stringContaining("none.json: cannot be read"),
    })
    expect(await command("")).toMatchObject({
      status: 2,
      error: expect.stringContaining("Usage: qdbd confgen"),
    })
    expect(await command("--help")).toMatchObject({ status: 0 })
  })
})
