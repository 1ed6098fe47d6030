/**
 * Files nobody uses. Code of the product must be reached from a program, a page, a worker, or a script that writes a part of
 * the product: what only its own test uses is dead as well. Scripts and test helpers must be reached from a script or
 * a test.
 *
 * Whole parts may be built and tested before anything runs them. They are listed here, and the list cleans itself: a part
 * that has been connected, or is gone, is a finding until its line is removed.
 */
import type { ImportGraph } from "../source/import-graph.ts"
import type { Finding } from "./finding.ts"

/** Where running begins. `src/client/client.ts` and `effect.ts` are the library's two faces. */
const productEntry =
  /^src\/(qdbd\.ts|qdbsh\.ts|client\/(?:client|effect)\.ts|web\/[^/]+\/main\.tsx?|.*-worker\.ts)$/
const scriptEntry = /^scripts\/[^/]+\.ts$/
const testEntry = /^(test\/.*\.test\.tsx?|test\/support\/reporter\.ts|vitest\.config\.ts)$/
/** Ambient types have no importers. */
const ambient = /\.d\.ts$/

/** Path prefixes of parts that wait for the one that connects them: what a cluster needs beyond one node. */
export const waitingParts: ReadonlyArray<string> = []

export function checkDeadFiles(
  graph: ImportGraph,
  waiting: ReadonlyArray<string> = waitingParts,
): ReadonlyArray<Finding> {
  const paths = [...graph.files.keys()].filter((path) => !ambient.test(path))
  // A script that reaches into test/ is a kind of test.
  const isTool = (path: string) => ![...graph.reach(path)].some((file) => /^test\/(?!support\/)/.test(file))
  const isEntry = (path: string) => productEntry.test(path) || (scriptEntry.test(path) && isTool(path))
  const connected = reached(graph, paths.filter(isEntry))
  const isWaiting = (path: string) => waiting.some((part) => path.startsWith(part))
  const live = reached(
    graph,
    paths.filter((path) => isEntry(path) || isWaiting(path)),
  )
  const tested = reached(
    graph,
    paths.filter((path) => testEntry.test(path) || scriptEntry.test(path)),
  )
  const dead = paths
    .filter((path) => !live.has(path) && (path.startsWith("src/") || !tested.has(path)))
    .map((path) => finding(path, tested.has(path) ? "only tests use it" : "nothing uses it"))
  const settled = waiting
    .filter((part) => paths.filter((path) => path.startsWith(part)).every((path) => connected.has(path)))
    .map((part) =>
      finding(part, "is no longer waiting: remove it from the list in scripts/tidy/dead-files.ts"),
    )
  return [...dead, ...settled]
}

function finding(path: string, message: string): Finding {
  return { path, line: 0, rule: "dead-files", message }
}

function reached(graph: ImportGraph, entries: ReadonlyArray<string>): ReadonlySet<string> {
  return new Set(entries.flatMap((path) => [...graph.reach(path)]))
}
