/** The examples of `docs/client.md` run as they stand there, but for the address of the daemon. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { describe, expect, it, vi } from "vitest"
import { FakeCluster } from "./fake-cluster.ts"
import { FakeServer } from "./fake-server.ts"

const root = fileURLToPath(new URL("../../../", import.meta.url))
const document = readFileSync(join(root, "docs", "client.md"), "utf8")
const blocks = [...document.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1] as string)

const printed: readonly (readonly unknown[])[][] = [
  [["thisismycontent"], [true], ["entry"]],
  [["alias_not_found", 1, true, false]],
  [[0]],
  [[["content", "alias_not_found"]]],
]

describe("the examples of docs/client.md", () => {
  it("are as many as are known here", () => expect(blocks.length).toBe(printed.length))

  for (const [index, block] of blocks.entries()) {
    it(`number ${index + 1} runs and prints what it should`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "qdb-manual-"))
      const server = await FakeServer.start(new FakeCluster())
      const log = vi.spyOn(console, "log").mockImplementation(() => undefined)
      try {
        symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
        writeFileSync(join(folder, "package.json"), '{"type": "module"}')
        const source = block
          .replaceAll(/192\.168\.1\.\d:2836/g, server.address)
          .replaceAll('"../src/', `"${pathToFileURL(root).href}src/`)
        const path = join(folder, `example${index}.ts`)
        writeFileSync(path, source)
        await import(/* @vite-ignore */ pathToFileURL(path).href)
        expect(log.mock.calls).toEqual(printed[index])
      } finally {
        log.mockRestore()
        await server.stop()
        rmSync(folder, { recursive: true, force: true })
      }
    })
  }
})
