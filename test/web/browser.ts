/** A real browser for the tests of the pages: the system's Chromium, driven by playwright-core. */
import { existsSync, mkdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"
import type { Browser } from "playwright-core"

const candidates = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
]
const executablePath = candidates.find((path) => path !== undefined && existsSync(path))

/** Why the tests cannot run, or undefined. */
export const missingBrowser =
  executablePath === undefined ? "no Chromium: apt-get install chromium" : undefined

export function launch(): Promise<Browser> {
  return chromium.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  })
}

/** @returns the path of a file to be kept for people to look at */
export function artefact(name: string): string {
  const folder = fileURLToPath(new URL("../artefacts/", import.meta.url))
  mkdirSync(folder, { recursive: true })
  return `${folder}${name}`
}
