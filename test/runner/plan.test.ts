/** Which tests run where is decided from the tree: here from small trees with a known answer. */
import { describe, expect, it } from "vitest"
import { makeImportGraph } from "../../scripts/source/import-graph.ts"
import { scanSource } from "../../scripts/source/scan.ts"
import { installablePeer, peerReason } from "../../scripts/testing/peer.ts"
import { executablesModule, isPortable, makePlan } from "../../scripts/testing/plan.ts"

const graph = makeImportGraph(
  new Map([
    ["src/core/a.ts", ""],
    ["src/server/b.ts", `import "../core/a.ts"`],
    ["test/support/bun-only.ts", `export const gc = () => Bun.gc(true)`],
    [executablesModule, ""],
    ["test/unit/core.test.ts", `import "../../src/core/a.ts"`],
    ["test/unit/server.test.ts", `import "../../src/server/b.ts"`],
    [
      "test/unit/types.test.ts",
      `import "../../src/core/a.ts"\nimport type { B } from "../../src/server/b.ts"`,
    ],
    ["test/unit/bun.test.ts", `import "../../src/core/a.ts"\nimport "../support/bun-only.ts"`],
    ["test/unit/nothing.test.ts", ""],
    ["test/simulation/core.test.ts", `import "../../src/core/a.ts"`],
    ["test/e2e/shell.test.ts", `import "../support/executables.ts"`],
  ]),
)
const options = { runtime: undefined, all: false, filters: [] }

describe("the plan", () => {
  it("runs again elsewhere what reaches only portable parts", () => {
    const portable = [...graph.files.keys()].filter(
      (path) => path.endsWith(".test.ts") && isPortable(graph, path),
    )
    expect(portable).toEqual(["test/unit/core.test.ts", "test/unit/types.test.ts"])
  })

  it("has the types, each suite, and the build before what needs executables", () => {
    const { jobs } = makePlan(graph, options)
    const names = jobs.map((job) => job.name)
    expect(names.slice(0, 5)).toEqual([
      "executables",
      "types",
      "e2e under Bun",
      "simulation under Bun",
      "unit under Bun",
    ])
    expect(jobs.filter((job) => job.after?.length).map((job) => job.name)).toEqual(["e2e under Bun"])
  })

  it("narrows to names, keeping what they wait for, and to files", () => {
    const named = makePlan(graph, { ...options, filters: ["e2e"] })
    expect(named.jobs.map((job) => job.name)).toEqual(["executables", "e2e under Bun"])
    const files = makePlan(graph, { ...options, runtime: "bun", filters: ["test/unit/core"] })
    expect(files.jobs.map((job) => job.name)).toEqual(["unit under Bun"])
    expect(files.jobs[0]?.command.filter((word) => word.endsWith(".test.ts"))).toEqual([
      "test/unit/core.test.ts",
    ])
  })
})

describe("a missing peer", () => {
  it("is told from other skips by its reason", () => {
    expect(installablePeer("needs root")).toBeUndefined()
    expect(installablePeer("long: an hour; npm run test:all runs it")).toBeUndefined()
    expect(installablePeer(peerReason("none", "no-such-package-anywhere"))).toBeUndefined()
  })
})

describe("the scanner", () => {
  it("keeps positions while it blanks comments, strings, templates and expressions", () => {
    const text =
      "const a = `x ${b + `y`} z` // end\nconst c = /[/'\"]/.test(\"it's\") ? 1 / 2 : 'q' /* more */ + d\n"
    const { code } = scanSource(text)
    expect(code.length).toBe(text.length)
    expect(code.split("\n").length).toBe(text.split("\n").length)
    expect(code.replace(/\s+/g, " ")).toBe("const a = ` b + ` } const c = / .test(\" ) ? 1 / 2 : ' + d ")
  })

  it("finds every form of import with its line", () => {
    const text = `import a, { b } from "./1.ts"\nimport type { C } from "./2.ts"\nexport * from "./3.ts"\nimport "./4.ts"\nimport {\n  d,\n} from "./5.ts"\nconst e = await import("./6.ts")\nnew URL("./7.ts", import.meta.url)\nconst from = "./no.ts"\n`
    const found = scanSource(text).imports.map(
      ({ specifier, line, typeOnly }) => `${specifier} ${line}${typeOnly ? " type" : ""}`,
    )
    expect(found).toEqual(["./1.ts 1", "./2.ts 2 type", "./3.ts 3", "./4.ts 4", "./5.ts 7", "./6.ts 8"])
    expect(scanSource(text).paths).toEqual(["./7.ts", "./no.ts"])
  })
})
