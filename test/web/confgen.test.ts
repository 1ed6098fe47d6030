/**
 * The generator's page in a real browser, opened from disk: the tutorial's nine steps as they are written, the keyboard
 * alone, and the same bytes and the same refusals as the other faces.
 */
import { unzipSync } from "fflate"
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import { defaultAnswers, readAnswers } from "../../src/config/answers.ts"
import type { Answers } from "../../src/config/answers.ts"
import { run } from "../../src/config/confgen-cli.ts"
import { Prng } from "../../src/core/lib/prng.ts"
import { answersFromHash, hashFromAnswers, strangersInHash } from "../../src/web/confgen/state.ts"
import { downloadOf, randomAnswers, refusedAnswers, tutorialAnswers } from "../support/confgen.ts"
import { qdbdPath } from "../support/executables.ts"
import { axeFindings, buildPage, builtPage } from "./built-page.ts"
import { artefact } from "./browser.ts"

describe("answers in the address", () => {
  const round = (answers: Answers) => answersFromHash(hashFromAnswers(answers))

  test("read back as they were written", () => {
    const answers: Answers = {
      ram: "16 GiB",
      disk: "1 TB & more",
      cores: "8",
      hosts: ["192.168.1.1", "", "[::1]:2836", "ü#?"],
      places: ["1/96", "", "33/96", ""],
      replication: "9",
      sync: false,
      persistence: "transient",
      logLevel: "loud",
      sessions: "3",
    }
    expect(round(answers)).toEqual(answers)
    expect(hashFromAnswers(defaultAnswers)).toBe("#")
    expect(round(defaultAnswers)).toEqual(defaultAnswers)
  })

  test("name what is none of them", () => {
    expect(strangersInHash(hashFromAnswers({ ...defaultAnswers, places: ["1/1"] }))).toEqual([])
    expect(strangersInHash("#ram=1g&replicaton=2&host=a&RAM=2g")).toEqual(["replicaton", "RAM"])
  })

  test("are bounded", () => {
    expect(answersFromHash(`#${"host=a&".repeat(10_000)}`).hosts.length).toBe(257)
  })
})

/** Sets the address's hash, and ends when the page has drawn what it says: a click in between can meet a button that goes. */
function followHash(hash: string): string {
  return `new Promise((drawn) => {
    addEventListener("hashchange", () => requestAnimationFrame(() => setTimeout(drawn)), { once: true })
    if (location.hash === ${JSON.stringify(hash)}) drawn()
    location.hash = ${JSON.stringify(hash)}
  })`
}

describe("in a browser", () => {
  const built = builtPage()
  const tutorial = tutorialAnswers
  const expected = (answers: Answers) => Buffer.from(downloadOf(answers).bytes)

  test("is one file under 60 KB compressed, the same each time", () => {
    expect(gzipSync(built.html).length).toBeLessThan(60_000)
    buildPage(join(built.folder, "again.html"))
    expect(readFileSync(join(built.folder, "again.html"), "utf8") === built.html).toBe(true)
    // Names of namespaces are not fetched; sources and links would be.
    expect(built.html).not.toMatch(/\b(?:src|href)="(?!data:)/)
  })

  test("the tutorial's steps 1 to 9", async () => {
    const page = await built.visit() // 1. Access the confgen.
    // 2. Enter the RAM, disk space, and number of cores available.
    await page.getByLabel("Available RAM").fill("16 GiB")
    await page.getByLabel("Disk Allocation").fill("1 TB")
    await page.getByLabel("Number of Cores").fill("8")
    await page.getByLabel("Hostname / IP").fill("192.168.1.1") // 3.
    const link = page.getByRole("link", { name: "Click here to add another node" })
    await link.click() // 4. Click the link twice.
    await link.click()
    await page.getByLabel("Hostname / IP of node 2").fill("192.168.1.2") // 5.
    await page.getByLabel("Hostname / IP of node 3").fill("192.168.1.3")
    await page.getByLabel("Replication Factor").fill("2") // 6.
    await page.getByLabel("Allowed Simultaneous Connections").fill("2000") // 7.
    await page.screenshot({ path: artefact("confgen-tutorial.png"), fullPage: true })
    const saving = page.waitForEvent("download")
    await page.getByRole("button", { name: "Generate Configuration File" }).click() // 8.
    const saved = await saving // 9. Save the compressed file.
    expect(saved.suggestedFilename()).toBe("cluster.zip")
    const bytes = await built.bytesOf(saved)
    expect(bytes.equals(expected(tutorial))).toBe(true)
    expect(await page.getByRole("status").textContent()).toContain("cluster.zip is saved: 6 files")

    // The command line and the page: the same bytes.
    const argv =
      "--host 192.168.1.1 --host 192.168.1.2 --host 192.168.1.3 --replication 2 --cores 8 --sessions 2000 -o cli.zip"
    const silent = () => {}
    const io = { stdout: silent, stderr: silent, env: {}, cwd: built.folder, nowMs: 0 }
    expect(await run([...argv.split(" "), "--ram", "16 GiB", "--disk", "1 TB"], io)).toBe(0)
    expect(readFileSync(join(built.folder, "cli.zip")).equals(bytes)).toBe(true)

    // The compiled daemon accepts each file.
    const content = Object.entries(unzipSync(new Uint8Array(bytes)))
    for (const [name, text] of content) writeFileSync(join(built.folder, name), text)
    const names = content.map(([name]) => name).filter((name) => name.endsWith(".conf"))
    expect(names).toEqual(["192.168.1.1.conf", "192.168.1.2.conf", "192.168.1.3.conf"])
    for (const name of names) {
      const checked = spawnSync(qdbdPath, ["-c", name, "--check-config"], {
        cwd: built.folder,
        encoding: "utf8",
      })
      expect({ name, status: checked.status, error: checked.stderr }).toEqual({ name, status: 0, error: "" })
    }
  })

  test("with the keyboard alone", async () => {
    const page = await built.visit()
    const focused = () =>
      page.evaluate("document.activeElement?.id || document.activeElement?.textContent") as Promise<string>
    const type = async (id: string, text: string) => {
      for (let steps = 0; (await focused()) !== id && steps < 30; steps++) await page.keyboard.press("Tab")
      expect(await focused()).toBe(id)
      if (text !== "") {
        await page.keyboard.press("ControlOrMeta+A")
        await page.keyboard.type(text)
      }
    }
    await type("ram", "16 GiB")
    await type("disk", "1 TB")
    await type("cores", "8")
    await type("hosts-0", "192.168.1.1")
    await type("Click here to add another node", "")
    await page.keyboard.press("Enter")
    await page.locator("#hosts-1:focus").waitFor()
    await page.keyboard.type("192.168.1.2")
    await type("Click here to add another node", "")
    await page.keyboard.press("Enter")
    await page.locator("#hosts-2:focus").waitFor()
    await page.keyboard.type("192.168.1.3")
    await type("replication", "2")
    await type("sessions", "2000")
    const saving = page.waitForEvent("download")
    await page.keyboard.press("Enter")
    expect((await built.bytesOf(await saving)).equals(expected(tutorial))).toBe(true)
  })

  test("one host: its file, without an archive", async () => {
    const page = await built.visit("#host=node-1")
    const saving = page.waitForEvent("download")
    await page.getByRole("button", { name: "Generate Configuration File" }).click()
    const saved = await saving
    expect(saved.suggestedFilename()).toBe("node-1.conf")
    expect((await built.bytesOf(saved)).equals(expected({ ...defaultAnswers, hosts: ["node-1"] }))).toBe(true)
  })

  test("what is wrong is refused with its reason, and makes no file", async () => {
    const page = await built.visit(
      "#ram=16&host=192.168.1.1&host=192.168.1.1&host=127.0.0.1&replication=4&sessions=3",
    )
    page.on("download", () => built.complaints.push("a file was made"))
    await page.getByRole("button", { name: "Generate Configuration File" }).click()
    const alert = page.getByRole("alert")
    const { faults } = readAnswers(
      answersFromHash("#ram=16&host=192.168.1.1&host=192.168.1.1&host=127.0.0.1&replication=4&sessions=3"),
    )
    expect(faults.length).toBe(5)
    expect(await alert.getByRole("listitem").count()).toBe(5)
    for (const fault of faults) expect(await alert.textContent()).toContain(fault.text)
    await page.locator("[role=alert]:focus").waitFor()
    await page.screenshot({ path: artefact("confgen-faults.png"), fullPage: true })
    await alert.getByRole("link", { name: /of node 2/ }).click()
    await page.locator("#hosts-1:focus").waitFor()
    expect(await page.locator("#hosts-1").getAttribute("aria-invalid")).toBe("true")
    await page.locator("#hosts-1").fill("192.168.1.2")
    expect(await page.locator("#hosts-1").getAttribute("aria-invalid")).toBe("false")
    expect(await axeFindings(page)).toEqual([])
  })

  test("every answer that is refused, is refused on the page with the same reason", async () => {
    const page = await built.visit()
    page.on("download", () => built.complaints.push("a file was made"))
    const button = page.getByRole("button", { name: "Generate Configuration File" })
    await button.click()
    for (const [changes, remark] of refusedAnswers) {
      const hash = hashFromAnswers({ ...tutorial, ...changes })
      await page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
      const reason = `${remark.slice(remark.indexOf(": ") + 2)}.`
      await page.getByRole("alert").getByRole("link", { name: reason }).first().waitFor()
      await button.click()
      // Beside the question too, tied to its control; what is said of all hosts stands below them.
      const isOfAll = /^(?:hosts|places):/.test(remark)
      const control = page.locator("[aria-invalid=true]").first()
      const about = isOfAll ? "hosts-about" : await control.getAttribute("aria-describedby")
      expect(await page.locator(`#${about}`).textContent()).toContain(reason)
    }
  }, 60_000)

  test("30 random answers: the bytes of a direct call", async () => {
    const prng = new Prng(6)
    let page = await built.visit()
    for (let round = 0; round < 30; round++) {
      const answers = randomAnswers(prng)
      await page.evaluate(followHash(hashFromAnswers(answers)))
      await expect.poll(() => page.getByLabel(/Hostname/).count()).toBe(answers.hosts.length)
      await expect.poll(() => page.locator("#hosts-0").inputValue()).toBe(answers.hosts[0])
      const saving = page.waitForEvent("download")
      await page.getByRole("button", { name: "Generate Configuration File" }).click()
      const bytes = await built.bytesOf(await saving)
      expect({ answers, same: bytes.equals(expected(answers)) }).toEqual({ answers, same: true })
      // Chromium saves at most ten files within a second for one page, and says nothing of the eleventh.
      if (round % 10 === 9) page = await built.visit()
    }
  }, 60_000)

  test("reasons appear while one types, not before", async () => {
    const page = await built.visit()
    expect(await page.locator(".fault").count()).toBe(0)
    await page.getByLabel("Available RAM").fill("16")
    await page.getByLabel("Disk Allocation").focus()
    expect(await page.locator("#ram-about .fault").textContent()).toBe("This has no unit; write 16 GiB.")
    await page.getByLabel("Replication Factor").fill("3")
    expect(await page.locator("#replication-about .fault").textContent()).toContain("more than the one node")
  })

  test("the address keeps the answers, and the places once they are given out", async () => {
    const page = await built.visit()
    await page.getByLabel("Available RAM").fill("16 GiB")
    await page.getByLabel("Hostname / IP").fill("a1")
    for (const n of [2, 3]) {
      await page.getByRole("link", { name: "Click here to add another node" }).click()
      await page.getByLabel(`Hostname / IP of node ${n}`).fill(`a${n}`)
    }
    await expect.poll(() => page.url()).toContain("a3")
    await page.reload()
    expect(await page.getByLabel("Hostname / IP of node 3").inputValue()).toBe("a3")
    expect(await page.getByLabel("Available RAM").inputValue()).toBe("16 GiB")
    const first = page.waitForEvent("download")
    await page.getByRole("button", { name: "Generate Configuration File" }).click()
    await first
    await page.getByRole("link", { name: "Click here to add another node" }).click()
    await page.getByLabel("Hostname / IP of node 4").fill("a4")
    const second = page.waitForEvent("download")
    await page.getByRole("button", { name: "Generate Configuration File" }).click()
    const files = unzipSync(new Uint8Array(await built.bytesOf(await second)))
    const ids = [1, 2, 3, 4].map(
      (n) => JSON.parse(new TextDecoder().decode(files[`a${n}.conf`])).local.chord.node_id,
    )
    expect(ids).toEqual(["1/96", "33/96", "65/96", "17/96"])
    await page.getByRole("button", { name: "Remove node 2" }).click()
    expect(await page.getByLabel("Hostname / IP of node 2").inputValue()).toBe("a3")
    await expect
      .poll(() => answersFromHash(new URL(page.url()).hash).places)
      .toEqual(["1/96", "65/96", "17/96"])
  })

  test("places are given out anew on request, and the focus is not lost", async () => {
    const kept = { ...tutorial, hosts: ["a", "b", "c", "d"], places: ["1/96", "33/96", "65/96"] }
    const page = await built.visit(hashFromAnswers(kept))
    const ring = page.getByRole("img", { name: /^Places on the ring/ })
    expect(await ring.getAttribute("aria-label")).toContain("node 4 at 17/96")
    await page.getByRole("button", { name: "Space them evenly, for a new cluster" }).click()
    await page.locator("#hosts-0:focus").waitFor()
    expect(await ring.getAttribute("aria-label")).toContain("node 4 at 97/128")
    await expect.poll(() => answersFromHash(new URL(page.url()).hash).places).toEqual([])
  })

  test("an address with a slip in it says so", async () => {
    const page = await built.visit("#host=a&host=b&replicaton=2")
    expect(await page.getByRole("alert").textContent()).toContain('"replicaton"')
    expect(await page.getByLabel("Replication Factor").inputValue()).toBe("1")
  })

  test("each answer is explained by itself, from the beginning", async () => {
    const page = await built.visit()
    const told = () => page.locator(".follows code").allTextContents()
    expect(await told()).not.toContain("local.chord.node_id")
    await page.getByLabel("Available RAM").fill("16 GiB")
    await page.getByText("becomes 14 GiB: memory for entries").waitFor()
    await page.getByLabel("Hostname / IP").fill("a")
    await expect
      .poll(told)
      .toEqual([
        "global.limiter.max_bytes",
        "global.depot.max_bytes",
        "local.network.partitions_count",
        "local.network.listen_on",
        "local.chord.bootstrapping_peers",
        "local.chord.node_id",
        "local.http.listen_on",
        "global.depot.replication_factor",
        "global.depot.sync",
        "global.depot.transient",
        "local.logger.log_level",
        "local.network.server_sessions",
      ])
  })

  test("the preview shows what differs, and every file", async () => {
    const page = await built.visit(hashFromAnswers(tutorial))
    const rows = await page.locator("table tbody th").allTextContents()
    expect(rows).toEqual([
      "local.chord.bootstrapping_peers",
      "local.chord.node_id",
      "local.http.listen_on",
      "local.network.listen_on",
    ])
    await page.locator("summary", { hasText: "192.168.1.2.conf" }).click()
    const text = await page.locator("pre").nth(2).textContent()
    expect(JSON.parse(text ?? "").local.network.listen_on).toBe("192.168.1.2:2836")
    const marked = await page.locator("pre").nth(2).locator("mark").allTextContents()
    expect(marked.map((line) => line.trim())).toEqual([
      '"bootstrapping_peers": ["192.168.1.1:2836", "192.168.1.3:2836"],',
      '"node_id": "33/96"',
      '"listen_on": "192.168.1.2:8080"',
      '"listen_on": "192.168.1.2:2836",',
    ])
    await page.screenshot({ path: artefact("confgen-preview.png"), fullPage: true })
  })
})
