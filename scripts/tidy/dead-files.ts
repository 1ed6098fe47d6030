/**
 * Files nobody uses. Code of the product must be reached from a program, a page or a worker: what only its own test
 * uses is dead as well. Scripts and test helpers must be reached from a script or a test.
 */
import type { ImportGraph } from "../source/import-graph.ts"
import type { Finding } from "./finding.ts"

/** Where running begins. `src/client/client.ts` and `effect.ts` are the library's two faces. */
const productEntry = /^src\/(qdbd\.ts|qdbsh\.ts|client\/(?:client|effect)\.ts|web\/[^/]+\/main\.tsx?|.*-worker\.ts)$/
const otherEntry =
  /^(scripts\/[^/]+\.ts|test\/.*\.test\.tsx?|test\/support\/reporter\.ts|vitest\.config\.ts)$/
/** Ambient types have no importers. */
const ambient = /\.d\.ts$/

export function checkDeadFiles(graph: ImportGraph): ReadonlyArray<Finding> {
  const paths = [...graph.files.keys()]
  const live = reached(
    graph,
    paths.filter((path) => productEntry.test(path)),
  )
  const helping = reached(
    graph,
    paths.filter((path) => otherEntry.test(path)),
  )
  return paths
    .filter((path) => !ambient.test(path))
    .filter((path) => (path.startsWith("src/") ? !live.has(path) : !helping.has(path)))
    .map((path) => {
      const who = path.startsWith("src/")
        ? helping.has(path)
          ? "only tests or scripts use it"
          : "nothing uses it"
        : "nothing uses it"
      return { path, line: 0, rule: "dead-files", message: who }
    })
}

function reached(graph: ImportGraph, entries: ReadonlyArray<string>): ReadonlySet<string> {
  return new Set(entries.flatMap((path) => [...graph.reach(path)]))
}
