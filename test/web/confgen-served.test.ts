/** The generator's page and its policy: what it must not do, and how the daemon serves it. */
import { spawn } from "node:child_process"
import { copyFileSync, existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { defaultAnswers } from "../../src/config/answers.ts"
import { hashFromAnswers } from "../../src/web/confgen/state.ts"
import { downloadOf, tutorialAnswers as tutorial } from "../support/confgen.ts"
import { Daemon, freePort, temporaryDirectory } from "../support/daemon.ts"
import { qdbdPath } from "../support/executables.ts"
import { builtPage, top } from "./built-page.ts"

describe("the page", () => {
  const built = builtPage()
  test("the policy lets nothing else run", async () => {
    const page = await built.visit("#host=%3Cscript%3Ealert(1)%3C/script%3E")
    expect(await page.getByLabel("Hostname / IP").inputValue()).toBe("<script>alert(1)</script>")
    const blocked = (await page.evaluate(`new Promise((resolve) => {
      const blocked = []
      addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
        blocked.push(effectiveDirective)
        if (blocked.length === 3) resolve(blocked.toSorted())
      })
      const script = document.createElement("script")
      try {
        script.textContent = "window.broken = true"
      } catch {
        // Trusted Types throw, and report the violation that is counted above.
      }
      document.body.append(script)
      const style = document.createElement("style")
      style.textContent = "body { display: none }"
      document.body.append(style)
      fetch("https://example.org/").catch(() => undefined)
    })`)) as string[]
    expect(blocked).toEqual(["connect-src", "require-trusted-types-for", "style-src-elem"])
    expect(await page.evaluate("window.broken")).toBeUndefined()
    built.complaints.length = 0 // the browser's own complaint about what was just tried
  })

  test("served by the compiled daemon, which a file of the page's own starts", async () => {
    const [port, httpPort] = [await freePort(), await freePort()]
    const answers = { ...defaultAnswers, hosts: [`127.0.0.1:${port}`] }
    const directory = temporaryDirectory()
    const own = downloadOf(answers)
    writeFileSync(join(directory.path, own.name), own.bytes)
    copyFileSync(join(top, "qdb_license.txt"), join(directory.path, "qdb_license.txt"))
    const args = ["-c", own.name, "--http", `127.0.0.1:${httpPort}`]
    const daemon = new Daemon(
      spawn(qdbdPath, args, { cwd: directory.path, stdio: ["ignore", "pipe", "pipe"] }),
      port,
    )
    try {
      await daemon.logged(/ ready on /)
      const origin = `http://127.0.0.1:${httpPort}`
      const response = await fetch(`${origin}/confgen`)
      expect((await response.text()) === built.html).toBe(true)
      expect(response.headers.get("content-security-policy")).toMatch(
        /^default-src 'none'; .*frame-ancestors 'none'$/,
      )
      const page = await built.visit(hashFromAnswers(tutorial), {}, `${origin}/confgen`)
      const saving = page.waitForEvent("download")
      await page.getByRole("button", { name: "Generate Configuration File" }).click()
      expect((await built.bytesOf(await saving)).equals(Buffer.from(downloadOf(tutorial).bytes))).toBe(true)
      // The page alone, once.
      expect(built.requests.splice(0).filter((url) => url.startsWith("http"))).toEqual([`${origin}/confgen`])
      expect(existsSync(join(directory.path, `db-127.0.0.1-${port}`))).toBe(true)
      expect(await daemon.stop()).toBe(0)
    } finally {
      daemon.child.kill("SIGKILL")
      directory.remove()
    }
  })
})
