/** The tidy rules, applied to a project's folder. */
import { existsSync, readFileSync } from "node:fs"
import { isTypeScript, projectFiles } from "../source/files.ts"
import { readImportGraph } from "../source/import-graph.ts"
import { checkDeadFiles } from "./dead-files.ts"
import { checkDependencies, checkRuntimeSettings, type Manifest } from "./dependencies.ts"
import type { Finding } from "./finding.ts"
import { checkLayers } from "./layers.ts"
import { checkLinks } from "./links.ts"
import { checkPurity } from "./purity.ts"
import { checkLength, checkTests, checkTraces } from "./texts.ts"

const binary = /\.(png|ico|woff2?|gz|zip|bin|db|sqlite|lz4)$/

export type RuleName =
  "layers" | "purity" | "dead-files" | "links" | "length" | "tests" | "traces" | "dependencies"

/** @returns what each rule found, by the rule's name */
export function checkProject(root: string): Readonly<Record<RuleName, ReadonlyArray<Finding>>> {
  const paths = projectFiles(root)
  const read = (path: string) => readFileSync(`${root}/${path}`, "utf8")
  const readAll = (chosen: ReadonlyArray<string>) => new Map(chosen.map((path) => [path, read(path)]))
  const graph = readImportGraph(
    root,
    paths.filter((path) => isTypeScript(path) && !path.startsWith("test/fixtures/")),
  )
  const texts = readAll(paths.filter((path) => !binary.test(path) && !path.startsWith("test/fixtures/")))
  const documents = readAll(
    paths.filter((path) => path.endsWith(".md") && !path.startsWith("test/fixtures/")),
  )
  return {
    layers: checkLayers(graph),
    purity: checkPurity(graph),
    "dead-files": checkDeadFiles(graph),
    links: checkLinks({ texts: documents, exists: (path) => existsSync(`${root}/${path}`) }),
    length: checkLength(graph),
    tests: checkTests(graph),
    traces: checkTraces(texts),
    dependencies: [
      ...checkDependencies(JSON.parse(read("package.json")) as Manifest, read("docs/dependencies.md")),
      ...checkRuntimeSettings(read("bunfig.toml")),
    ],
  }
}
