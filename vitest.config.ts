import { defineConfig } from "vitest/config"
import { fileURLToPath } from "node:url"

// `#sqlite` and other subpath imports have one branch per runtime: tell Vite which runtime it is in,
// else it takes the `node` branch everywhere.
const bun = "bun" in process.versions
const deno = "deno" in process.versions
const conditions = bun ? ["bun", "node"] : deno ? ["deno", "node"] : ["node"]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    root: fileURLToPath(new URL(".", import.meta.url)),
    pool: bun ? "threads" : "forks",
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    // What is polled for comes when a busy machine gets to it.
    expect: { poll: { timeout: 10_000 } },
  },
})
