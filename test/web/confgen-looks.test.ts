/** The generator's page as it looks: nothing that axe finds, nothing cut off, and pictures for people to look at. */
import { describe, expect, test } from "vitest"
import { hashFromAnswers } from "../../src/web/confgen/state.ts"
import { tutorialAnswers as tutorial } from "../support/confgen.ts"
import { axeFindings, builtPage } from "./built-page.ts"
import { artefact } from "./browser.ts"

describe("the page's looks", () => {
  const built = builtPage()
  const states = {
    noted: hashFromAnswers({ ...tutorial, sync: false, sessions: "20000" }),
    refused: "#ram=16&host=192.168.1.1&host=192.168.1.1&host=127.0.0.1&replication=4&sessions=3&sesions=4",
    grown: hashFromAnswers({
      ...tutorial,
      hosts: [...tutorial.hosts, "192.168.1.4"],
      places: ["1/96", "33/96", "65/96"],
    }),
    empty: "",
  }
  const looks = ["light", "dark"] as const
  const widths = [1200, 360, 320]

  // By hand: `test.each` of a product reads worse than the product.
  for (const [state, hash] of Object.entries(states)) {
    for (const colorScheme of looks) {
      test(`axe finds nothing, and nothing is cut off: ${state}, ${colorScheme}`, async () => {
        const page = await built.visit(hash, { colorScheme })
        if (state === "noted") await page.locator("summary").nth(1).click()
        if (state === "refused") await page.getByRole("button", { name: "Generate Configuration" }).click()
        for (const width of widths) {
          await page.setViewportSize({ width, height: 800 })
          // Narrower than that nothing changes but the line breaks.
          if (width >= 360)
            expect({ width, findings: await axeFindings(page) }).toEqual({ width, findings: [] })
          const wide = (await page.evaluate("document.documentElement.scrollWidth")) as number
          expect(wide).toBeLessThanOrEqual(width)
          await page.screenshot({
            path: artefact(`confgen-${state}-${colorScheme}-${width}.png`),
            fullPage: true,
          })
        }
      })
    }
  }
})
