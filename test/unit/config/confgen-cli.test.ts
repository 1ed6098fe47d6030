/** `qdbd confgen`, in the test's own process. */
import { unzipSync } from "fflate"
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { defaultAnswers } from "../../../src/config/answers.ts"
import { run } from "../../../src/config/confgen-cli.ts"
import { loadConfig } from "../../../src/config/load.ts"
import { Prng } from "../../../src/core/lib/prng.ts"
import { downloadOf, flagsOf, randomAnswers, refusedAnswers, tutorialAnswers } from "../../support/confgen.ts"

describe("qdbd confgen", () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "qdb-confgen-"))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  async function command(line: string | readonly string[], typed?: readonly string[]) {
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
    said.status = await run(typeof line === "string" ? line.split(" ").filter(Boolean) : line, io)
    return said
  }
  const flags =
    "--host 192.168.1.1 --host 192.168.1.2 --host 192.168.1.3 --replication 2 --ram 16GiB --disk 1TB --cores 8 --sessions 2000"
  const expected = () => downloadOf({ ...tutorialAnswers, ram: "16GiB", disk: "1TB" }).bytes

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

  test("asked, with a place for the files told; a file that is there is not lost, nor are the answers", async () => {
    const typed = ["", "", "", "a", "", "", "", "", "", ""]
    writeFileSync(join(folder, "a.conf"), "precious")
    const said = await command("-o a.conf", [...typed, "b.conf"])
    expect(said.error).toContain(`wrote ${join(folder, "b.conf")}`)
    expect(readFileSync(join(folder, "a.conf"), "utf8")).toBe("precious")
    expect(await command("-o a.conf", typed)).toMatchObject({ status: 1 })
    expect(readFileSync(join(folder, "a.conf"), "utf8")).toBe("precious")
    expect(await command("-o a.conf", [...typed, ""])).toMatchObject({ status: 0 })
    expect(Buffer.from(downloadOf({ ...defaultAnswers, hosts: ["a"] }).bytes).toString()).toBe(
      readFileSync(join(folder, "a.conf"), "utf8"),
    )
    // A flag that is an answer means that nothing is asked.
    expect(await command("--replication 1", typed)).toMatchObject({ status: 2 })
  })

  test("200 random answers: the bytes of a direct call, by flags and from a file", async () => {
    const prng = new Prng(5)
    for (let run = 0; run < 200; run++) {
      const answers = randomAnswers(prng)
      writeFileSync(join(folder, "answers.json"), JSON.stringify(answers))
      const { out } = await command(["--from", "answers.json", "-o", "-"])
      expect(Buffer.from(out[0] as Uint8Array).equals(downloadOf(answers).bytes)).toBe(true)
      const without = { ...answers, places: [] }
      const byFlags = await command([...flagsOf(without), "-o", "-"])
      expect(Buffer.from(byFlags.out[0] as Uint8Array).equals(downloadOf(without).bytes)).toBe(true)
    }
  })

  test.each(refusedAnswers)("refuses %j", async (changes, remark) => {
    const answers = { ...tutorialAnswers, ...changes }
    writeFileSync(join(folder, "answers.json"), JSON.stringify(answers))
    const said = await command(["--from", "answers.json", "-o", "refused.zip"])
    expect(said).toMatchObject({ status: 2, out: [] })
    expect(said.error).toContain(remark.slice(remark.indexOf(": ")))
    expect(existsSync(join(folder, "refused.zip"))).toBe(false)
    // What flags cannot say: places, and a persistence that is neither.
    if (changes.places !== undefined || changes.persistence !== undefined) return
    const byFlags = await command([...flagsOf(answers), "-o", "refused.zip"])
    expect(byFlags).toMatchObject({ status: 2, error: said.error })
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
    const zipped = await command("--host node-2 -o one.zip")
    expect(zipped).toMatchObject({ status: 0 })
    expect(Object.keys(unzipSync(new Uint8Array(readFileSync(join(folder, "one.zip")))))).toEqual([
      "README.txt",
      "node-2.conf",
      "qdb_license.txt",
      "answers.json",
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

  test("growing answers that never had places written down gives everybody the place it has", async () => {
    writeFileSync(join(folder, "mine.json"), '{ "hosts": ["a", "b", "c"] }')
    await command("--from mine.json -o first/")
    await command("--from mine.json --add d --add e -o grown/")
    const idOf = (name: string) =>
      JSON.parse(readFileSync(join(folder, name), "utf8")).local.chord.node_id as string
    for (const host of ["a", "b", "c"]) expect(idOf(`grown/${host}.conf`)).toBe(idOf(`first/${host}.conf`))
    expect([idOf("grown/d.conf"), idOf("grown/e.conf")]).toEqual(["17/96", "49/96"])
    // A node that has data keeps its folder when a second one comes to its machine.
    await command("--host 127.0.0.1 -o one/")
    await command("--from one/answers.json --add 127.0.0.1:2837 -o two/")
    const rootOf = (name: string) => JSON.parse(readFileSync(join(folder, name), "utf8")).global.depot.root
    expect(rootOf("two/127.0.0.1.conf")).toBe(rootOf("one/127.0.0.1.conf"))
    expect(rootOf("two/127.0.0.1-2837.conf")).not.toBe(rootOf("one/127.0.0.1.conf"))
    expect(await command("--from one/answers.json --add 127.0.0.1 -o three/")).toMatchObject({
      status: 2,
      error: expect.stringContaining("is the same as node 1"),
    })
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
    expect(await command("--from .")).toMatchObject({
      status: 2,
      error: expect.stringContaining(".: is no file"),
    })
    writeFileSync(join(folder, "huge.json"), Buffer.alloc(1_048_577, 32))
    expect(await command("--from huge.json")).toMatchObject({
      status: 2,
      error: expect.stringContaining("huge.json: is larger than 1048576 bytes"),
    })
    expect(await command("--host a --host b -o a.conf --force")).toMatchObject({
      status: 2,
      error: expect.stringContaining("2 nodes have a file each; name a .zip, or a folder"),
    })
    expect(await command("--host a -o a.conf/b.conf")).toMatchObject({
      status: 1,
      error: expect.stringContaining("b.conf: cannot be written: "),
    })
    expect(await command("")).toMatchObject({
      status: 2,
      error: expect.stringContaining("Usage: qdbd confgen"),
    })
    expect(await command("--help")).toMatchObject({ status: 0 })
  })
})
