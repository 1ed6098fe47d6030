/** The generator's page as it is built, in a real browser, for the tests of one file. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Browser, BrowserContextOptions, Download, Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest"
import { launch, missingBrowser } from "./browser.ts"

export const top: string = fileURLToPath(new URL("../../", import.meta.url))
const bun = join(top, "node_modules/bun/bin/bun.exe")
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** Builds the page into a file. */
export function buildPage(file: string): void {
  const built = spawnSync(bun, ["scripts/build-confgen.ts", file], { cwd: top, encoding: "utf8" })
  if (built.status !== 0) throw new Error(built.stderr)
}

export class BuiltPage {
  folder = ""
  html = ""
  /** What the browser asked for. */
  readonly requests: string[] = []
  /** Errors and warnings on its console; a test fails that leaves any. */
  readonly complaints: string[] = []
  private readonly open: Page[] = []
  private browser: Browser | undefined

  get file(): string {
    return join(this.folder, "confgen.html")
  }

  async begin(): Promise<void> {
    this.folder = mkdtempSync(join(tmpdir(), "qdb-page-"))
    buildPage(this.file)
    this.html = readFileSync(this.file, "utf8")
    if (missingBrowser === undefined) this.browser = await launch()
  }

  async visit(hash = "", options: BrowserContextOptions = {}, at = `file://${this.file}`): Promise<Page> {
    if (this.browser === undefined) throw new Error("there is no browser")
    const context = await this.browser.newContext({ acceptDownloads: true, ...options })
    const page = await context.newPage()
    this.open.push(page)
    page.on("request", (request) => this.requests.push(request.url()))
    page.on("pageerror", (error) => this.complaints.push(String(error)))
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.complaints.push(message.text())
    })
    await page.goto(`${at}${hash}`)
    await page.getByRole("heading", { level: 1 }).waitFor()
    return page
  }

  async bytesOf(saved: Download): Promise<Buffer> {
    const path = join(this.folder, "saved")
    await saved.saveAs(path)
    return readFileSync(path)
  }

  async afterTest(): Promise<void> {
    await Promise.all(this.open.splice(0).map((page) => page.context().close()))
    expect(this.complaints.splice(0)).toEqual([])
    // Nothing but the page itself is ever asked for.
    const own = ["file:", "data:", "blob:"]
    const strange = this.requests.splice(0).filter((url) => !own.some((scheme) => url.startsWith(scheme)))
    expect(strange).toEqual([])
  }

  async end(): Promise<void> {
    await this.browser?.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** @returns the page, built and opened in a browser around the tests of the describe block that calls this */
export function builtPage(): BuiltPage {
  const built = new BuiltPage()
  beforeEach((context) => {
    if (missingBrowser !== undefined) context.skip(missingBrowser)
  })
  beforeAll(() => built.begin(), 60_000)
  afterEach(() => built.afterTest())
  afterAll(() => built.end())
  return built
}

/** @returns what axe finds, one line each */
export async function axeFindings(page: Page): Promise<string[]> {
  // The policy lets no foreign script run, so the checker comes in through the debugger.
  await page.evaluate(axe)
  const result = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[]
  }
  return result.violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes[0]?.html}`)
}
