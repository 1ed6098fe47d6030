/** Each tidy rule finds the violation planted for it, at its place, and nothing in a tree that follows the rule. */
import { describe, expect, it } from "vitest"
import { makeImportGraph, type ImportGraph } from "../../scripts/source/import-graph.ts"
import { checkDeadFiles } from "../../scripts/tidy/dead-files.ts"
import { checkDependencies, checkRuntimeSettings } from "../../scripts/tidy/dependencies.ts"
import { showFinding, type Finding } from "../../scripts/tidy/finding.ts"
import { checkLayers } from "../../scripts/tidy/layers.ts"
import { checkLinks } from "../../scripts/tidy/links.ts"
import { checkPurity } from "../../scripts/tidy/purity.ts"
import { checkLength, checkTests, checkTraces, fileLinesMax } from "../../scripts/tidy/texts.ts"

const graphOf = (files: Record<string, string>): ImportGraph =>
  makeImportGraph(new Map(Object.entries(files)))
const shown = (findings: ReadonlyArray<Finding>) => findings.map(showFinding)

describe("layers", () => {
  const violations: ReadonlyArray<readonly [string, string, string]> = [
    [
      "src/core/node/a.ts",
      `import { b } from "../../storage/b.ts"`,
      "src/core/ may not import src/storage/b.ts",
    ],
    ["src/core/node/a.ts", `import { readFileSync } from "node:fs"`, "src/core/ may not import node:fs"],
    ["src/core/node/a.ts", `import type { Effect } from "effect"`, "src/core/ may not import effect"],
    ["src/wire/a.ts", `export { b } from "../core/node/b.ts"`, "src/wire/ may not import src/core/node/b.ts"],
    ["src/command/a.ts", `import "bun:ffi"`, "src/command/ may not import bun:ffi"],
    [
      "src/storage/a.ts",
      `import { b } from "../core/replication/sink.ts"`,
      "src/storage/ may not import src/core/replication/sink.ts",
    ],
    [
      "src/client/a.ts",
      `const b = await import("../server/b.ts")`,
      "src/client/ may not import src/server/b.ts",
    ],
    ["src/server/a.ts", `import { b } from "../shell/b.ts"`, "src/server/ may not import src/shell/b.ts"],
    ["src/shell/a.ts", `import { b } from "../storage/b.ts"`, "src/shell/ may not import src/storage/b.ts"],
    ["src/web/a.ts", `import { b } from "../client/b.ts"`, "src/web/ may not import src/client/b.ts"],
  ]
  for (const [path, line, message] of violations) {
    it(`finds ${line} in ${path}`, () => {
      expect(shown(checkLayers(graphOf({ [path]: `// why\n${line}\n` })))).toEqual([
        `${path}:2: ${message} [layers]`,
      ])
    })
  }

  it("allows what the table lists", () => {
    const graph = graphOf({
      "src/wire/a.ts": `import { assert } from "../core/lib/assert.ts"\nimport { code } from "./errors.ts"`,
      "src/core/entry/a.ts": `import { code } from "../../wire/errors.ts"`,
      "src/storage/a.ts": `import type { Sink } from "../core/replication/sink.ts"\nimport { open } from "node:fs"`,
      "src/server/a.ts": `import { b } from "../core/node/b.ts"\nimport { Effect } from "effect"`,
    })
    expect(checkLayers(graph)).toEqual([])
  })

  it("refuses a folder that the table does not know", () => {
    expect(shown(checkLayers(graphOf({ "src/utilities/a.ts": "" })))).toEqual([
      "src/utilities/a.ts: is in no folder of the layer table [layers]",
    ])
  })

  it("does not take an import inside a comment or a string for one", () => {
    const text = `// import { a } from "node:fs"\nconst text = 'import { a } from "node:fs"'\n/* import "bun" */`
    expect(checkLayers(graphOf({ "src/core/lib/a.ts": text }))).toEqual([])
  })
})

describe("purity", () => {
  const calls = [
    "Date.now()",
    "new Date()",
    "performance.now()",
    "Math.random()",
    "setTimeout(f, 1)",
    "await f()",
  ]
  const more = [
    "new Promise(f)",
    "Promise.resolve()",
    "process.exit()",
    "Bun.gc()",
    "console.log()",
    "fetch(url)",
  ]
  for (const call of [...calls, ...more]) {
    it(`finds ${call}`, () => {
      const found = checkPurity(graphOf({ "src/core/node/a.ts": `/** A header. */\n\nconst a = ${call}\n` }))
      expect(found.map(({ path, line, rule }) => ({ path, line, rule }))).toEqual([
        { path: "src/core/node/a.ts", line: 3, rule: "purity" },
      ])
    })
  }

  it("leaves comments, strings, other folders and dates made from a number alone", () => {
    const graph = graphOf({
      "src/core/node/a.ts": `// no Date.now() here\nconst a = "Math.random()" + \`\${1} setTimeout\` + state.process.step`,
      "src/command/time.ts": `const b = new Date(0).toISOString() + Date.UTC(2026, 0)`,
      "src/storage/b.ts": `const c = Date.now()`,
    })
    expect(checkPurity(graph)).toEqual([])
  })

  it("finds a call inside a template's expression", () => {
    expect(checkPurity(graphOf({ "src/wire/a.ts": "const a = `${Date.now()}`" }))).toHaveLength(1)
  })
})

describe("dead files", () => {
  it("finds what nothing uses, and what only its own test uses", () => {
    const graph = graphOf({
      "src/qdbd.ts": `import { used } from "./server/used.ts"`,
      "src/server/used.ts": `import type { Shape } from "./shape.ts"`,
      "src/server/shape.ts": "",
      "src/server/tested.ts": "",
      "src/server/forgotten.ts": "",
      "src/storage/log/log-worker.ts": "",
      "scripts/build.ts": "",
      "scripts/build/forgotten.ts": "",
      "src/config/manual.ts": "",
      "scripts/manual.ts": `import "../src/config/manual.ts"`,
      "src/core/simulated.ts": "",
      "scripts/simulate.ts": `import "../src/core/simulated.ts"\nimport "../test/simulation/world.ts"`,
      "test/simulation/world.ts": "",
      "test/unit/a.test.ts": `import { tested } from "../../src/server/tested.ts"`,
    })
    expect(shown(checkDeadFiles(graph, []))).toEqual([
      "src/server/tested.ts: only tests use it [dead-files]",
      "src/server/forgotten.ts: nothing uses it [dead-files]",
      "scripts/build/forgotten.ts: nothing uses it [dead-files]",
      "src/core/simulated.ts: only tests use it [dead-files]",
    ])
  })

  it("follows subpath imports to every branch", () => {
    const texts = {
      "src/qdbd.ts": `import { open } from "#sqlite"`,
      "src/platform/bun.ts": "",
      "src/platform/node.ts": "",
    }
    const subpaths = { "#sqlite": { bun: "./src/platform/bun.ts", node: "./src/platform/node.ts" } }
    expect(checkDeadFiles(makeImportGraph(new Map(Object.entries(texts)), subpaths), [])).toEqual([])
  })

  it("knows what is started by name: a worker, a program that is compiled", () => {
    const graph = graphOf({
      "src/qdbd.ts": `startWorker("storage/flush-helper.ts", {})`,
      "src/storage/flush-helper.ts": "",
      "scripts/bench.ts": "const main = `${root}/scripts/bench/load.ts`",
      "scripts/bench/load.ts": "",
      "test/crash/kill.test.ts": `fileURLToPath(new URL("child.ts", import.meta.url))`,
      "test/crash/child.ts": "",
    })
    expect(checkDeadFiles(graph, [])).toEqual([])
  })

  it("lets a listed part wait, with what it uses, until it is connected", () => {
    const files = {
      "src/qdbd.ts": "",
      "src/core/member/a.ts": `import "../view/b.ts"`,
      "src/core/view/b.ts": "",
    }
    expect(checkDeadFiles(graphOf(files), ["src/core/member/"])).toEqual([])
    const connected = { ...files, "src/qdbd.ts": `import "./core/member/a.ts"` }
    expect(shown(checkDeadFiles(graphOf(connected), ["src/core/member/"]))).toEqual([
      "src/core/member/: is no longer waiting: remove it from the list in scripts/tidy/dead-files.ts [dead-files]",
    ])
  })
})

describe("links", () => {
  const texts = new Map([
    [
      "README.md",
      "# Name\n\n[a](docs/a.md) [b](docs/a.md#two-words) [c](#name) [d](https://example.org/x) `[e](none.md)`\n",
    ],
    ["docs/a.md", "## Two *words*\n\n[up](../README.md) [folder](../docs/)\n\n```\n[no](link.md)\n```\n"],
  ])
  const exists = (path: string) => ["README.md", "docs/a.md", "docs"].includes(path)

  it("accepts links to files, folders, headings and other sites, and ignores code", () => {
    expect(checkLinks({ texts, exists })).toEqual([])
  })

  it("finds a missing file, a missing heading and a way out of the project", () => {
    const broken = new Map([
      ...texts,
      ["docs/b.md", "# B\n\n[x](none.md)\n[y](a.md#three)\n[z](../../etc/x.md)\n"],
    ])
    expect(shown(checkLinks({ texts: broken, exists }))).toEqual([
      "docs/b.md:3: link to a missing file: none.md [links]",
      "docs/b.md:4: link to a missing heading: a.md#three [links]",
      "docs/b.md:5: link leads out of the project: ../../etc/x.md [links]",
    ])
  })
})

describe("texts", () => {
  it("finds a file that is too long", () => {
    const graph = graphOf({
      "src/core/a.ts": "a\n".repeat(fileLinesMax),
      "src/core/b.ts": "b\n".repeat(fileLinesMax + 1),
    })
    expect(shown(checkLength(graph))).toEqual([
      `src/core/b.ts: ${fileLinesMax + 1} lines; ${fileLinesMax} at most [length]`,
    ])
  })

  it("finds focused tests and skips without a reason", () => {
    const text = `it("a", f)\nit.only("b", f)\ndescribe.concurrent.only("c", f)\nit.skipIf(x)("d", f)\ncontext.skip("why")\n`
    expect(checkTests(graphOf({ "test/unit/a.test.ts": text })).map((found) => found.line)).toEqual([2, 3, 4])
  })

  it("finds traces of a machine", () => {
    const pieces = [
      ["/wo", "rk/x"],
      ["see /ro", "ot/.ssh"],
      ["/ho", "me/alice/x"],
      ["https://registry.npm", "js.org/x"],
    ]
    for (const text of pieces) {
      expect(
        checkTraces(new Map([["docs/a.md", `fine\n${text.join("")}\n`]])).map((found) => found.line),
      ).toEqual([2])
    }
    expect(checkTraces(new Map([["docs/a.md", "a framework/root/x, /var/lib/qdb, docs/work/"]]))).toEqual([])
  })
})

describe("dependencies", () => {
  it("finds a version that is a range and a package without a reason", () => {
    const manifest = {
      dependencies: { exact: "1.2.3", range: "^1.2.3" },
      devDependencies: { unexplained: "1.0.0" },
    }
    expect(shown(checkDependencies(manifest, "`exact` because; `range` because"))).toEqual([
      "package.json: range is not pinned: ^1.2.3 [dependencies]",
      "docs/dependencies.md: no reason given for unexplained [dependencies]",
    ])
  })

  it("finds runtime settings beside those of the formatter", () => {
    expect(checkRuntimeSettings("[fmt]\nprintWidth = 110\nsemi = false\n")).toEqual([])
    expect(checkRuntimeSettings('preload = ["./x.ts"]\n[fmt]\nsemi = false\n[install]\n')).toHaveLength(2)
  })
})
