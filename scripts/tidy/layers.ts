/**
 * The layer table of docs/architecture.md as data, and the rule that imports follow it. A layer may import itself and
 * what is listed; `src/core/lib` and the error catalogue are everybody's. The most specific entry of a path counts.
 */
import type { ImportGraph, ResolvedImport, SourceFile } from "../source/import-graph.ts"
import type { Finding } from "./finding.ts"

interface Layer {
  readonly path: string
  /** Path prefixes below `src/`. */
  readonly imports: ReadonlyArray<string>
  /** Packages and built-in modules, by prefix; `*` means any. */
  readonly packages: ReadonlyArray<string>
  /** Further prefixes whose types alone may be named: they leave nothing behind at run time. */
  readonly types?: ReadonlyArray<string>
}

const everybody = ["src/core/lib/", "src/wire/errors.ts"]

export const layers: ReadonlyArray<Layer> = [
  { path: "src/qdbd.ts", imports: ["src/"], packages: ["*"] },
  { path: "src/qdbsh.ts", imports: ["src/"], packages: ["*"] },
  { path: "src/core/", imports: [], packages: [] },
  {
    path: "src/wire/",
    imports: ["src/core/entry/", "src/core/view/encode.ts", "src/core/ring/node-id.ts"],
    packages: ["msgpackr"],
    types: ["src/core/"],
  },
  { path: "src/command/", imports: ["src/wire/", "src/core/entry/"], packages: [] },
  {
    path: "src/config/",
    imports: ["src/platform/"],
    packages: ["node:", "jsonc-parser", "effect", "fflate"],
  },
  {
    path: "src/storage/",
    imports: ["src/core/entry/", "src/core/ring/", "src/platform/"],
    packages: ["node:"],
    types: ["src/core/replication/sink.ts", "src/core/replication/transfer.ts"],
  },
  {
    path: "src/client/",
    imports: ["src/wire/", "src/core/ring/", "src/core/entry/", "src/platform/"],
    packages: ["node:", "effect"],
  },
  {
    path: "src/server/",
    imports: [
      "src/core/",
      "src/wire/",
      "src/command/",
      "src/config/",
      "src/storage/",
      "src/client/",
      "src/http/",
      "src/license/",
      "src/service/",
      "src/platform/",
    ],
    packages: ["*"],
  },
  {
    path: "src/http/",
    imports: [
      "src/server/",
      "src/wire/",
      "src/command/",
      "src/config/",
      "src/client/",
      "src/platform/",
      "src/web/",
    ],
    packages: ["*"],
  },
  {
    path: "src/shell/",
    imports: ["src/client/", "src/command/", "src/wire/", "src/core/entry/", "src/platform/"],
    packages: ["*"],
  },
  { path: "src/web/", imports: ["src/config/"], packages: ["preact", "fflate", "uplot"] },
  { path: "src/license/", imports: ["src/platform/", "src/config/"], packages: ["node:"] },
  { path: "src/service/", imports: ["src/platform/", "src/config/"], packages: ["node:", "bun"] },
  {
    path: "src/platform/",
    imports: [],
    packages: ["node:", "bun", "better-sqlite3"],
    types: ["src/core/", "src/storage/"],
  },
]

/** The folders that must give the same answer to the same input, for ever: no clock, no chance, nothing outside. */
export const pureFolders = ["src/core/", "src/wire/", "src/command/"]

export function checkLayers(graph: ImportGraph): ReadonlyArray<Finding> {
  const sources = [...graph.files.values()].filter((file) => file.path.startsWith("src/"))
  return sources.flatMap((file) => {
    const layer = layerOf(file.path)
    if (layer === undefined) {
      return [{ path: file.path, line: 0, rule: "layers", message: "is in no folder of the layer table" }]
    }
    return file.resolved
      .filter((found) => !isAllowed(layer, found))
      .map((found) => finding(file, layer, found))
  })
}

function layerOf(path: string): Layer | undefined {
  return layers
    .filter((layer) => path.startsWith(layer.path))
    .sort((a, b) => b.path.length - a.path.length)[0]
}

function isAllowed(layer: Layer, found: ResolvedImport): boolean {
  const file = found.file
  if (file === undefined) return layer.packages.some((name) => isPackage(found.specifier, name))
  const prefixes = [
    layer.path,
    ...layer.imports,
    ...everybody,
    ...(found.typeOnly ? (layer.types ?? []) : []),
  ]
  // What is no module (a page, a style sheet) lies beside its user.
  return prefixes.some((prefix) => file.startsWith(prefix))
}

function isPackage(specifier: string, name: string): boolean {
  if (name === "*") return true
  if (name.endsWith(":")) return specifier.startsWith(name)
  return specifier === name || specifier.startsWith(`${name}/`) || specifier.startsWith(`${name}:`)
}

function finding(file: SourceFile, layer: Layer, found: ResolvedImport): Finding {
  const what = found.file ?? found.specifier
  return {
    path: file.path,
    line: found.line,
    rule: "layers",
    message: `${layer.path} may not import ${what}`,
  }
}
