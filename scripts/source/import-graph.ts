/** Which file imports which, over the project's own TypeScript. Feeds the layer checks, dead files, the portable tests. */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path/posix"
import { scanSource, type ScannedSource, type SourceImport } from "./scan.ts"

export interface ResolvedImport extends SourceImport {
  /** Path from the project's root when the import is one of its own files, else undefined. */
  readonly file: string | undefined
}

export interface SourceFile extends ScannedSource {
  /** Path from the project's root, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly resolved: ReadonlyArray<ResolvedImport>
  /** Files of the project that it names without importing them: workers, programs that are compiled or started. */
  readonly started: ReadonlyArray<string>
}

export interface ImportGraph {
  readonly files: ReadonlyMap<string, SourceFile>
  /** Everything `path` reaches, itself included; with `valuesOnly` through imports that exist at run time. */
  reach(path: string, valuesOnly?: boolean): ReadonlySet<string>
}

/** `imports` of package.json: `#name` to a path, or to a path by condition. */
export type SubpathImports = Readonly<Record<string, string | Readonly<Record<string, string>>>>

/** @param paths TypeScript files, relative to `root` (an absolute folder without a slash at its end) */
export function readImportGraph(root: string, paths: ReadonlyArray<string>): ImportGraph {
  const manifest = `${root}/package.json`
  const subpaths: SubpathImports = existsSync(manifest)
    ? ((JSON.parse(readFileSync(manifest, "utf8")) as { imports?: SubpathImports }).imports ?? {})
    : {}
  return makeImportGraph(
    new Map(paths.map((path) => [path, readFileSync(`${root}/${path}`, "utf8")])),
    subpaths,
  )
}

/** @param texts of the TypeScript files, by path from the project's root */
export function makeImportGraph(
  texts: ReadonlyMap<string, string>,
  subpaths: SubpathImports = {},
): ImportGraph {
  const files = new Map<string, SourceFile>()
  for (const [path, text] of texts) {
    const scanned = scanSource(text)
    const resolved = scanned.imports.flatMap((found) =>
      targets(path, found.specifier, subpaths).map((file) => ({ ...found, file })),
    )
    // The tidy rules name files that they are about.
    const named = path.startsWith("scripts/tidy/") ? [] : scanned.paths
    const started = named.flatMap((name) => startedFile(path, name, texts) ?? [])
    files.set(path, { path, text, ...scanned, resolved, started })
  }
  return { files, reach: (path, valuesOnly = false) => reach(files, path, valuesOnly) }
}

function targets(
  from: string,
  specifier: string,
  subpaths: SubpathImports,
): ReadonlyArray<string | undefined> {
  if (specifier.startsWith(".")) return [normalize(join(dirname(from), specifier))]
  const subpath = subpaths[specifier]
  if (subpath === undefined) return [undefined]
  return typeof subpath === "string"
    ? [normalize(subpath)]
    : Object.values(subpath).map((path) => normalize(path))
}

function reach(
  files: ReadonlyMap<string, SourceFile>,
  start: string,
  valuesOnly: boolean,
): ReadonlySet<string> {
  const seen = new Set<string>([start])
  for (const path of seen) {
    for (const file of files.get(path)?.started ?? []) seen.add(file)
    for (const found of files.get(path)?.resolved ?? []) {
      if (found.file !== undefined && !(valuesOnly && found.typeOnly)) seen.add(found.file)
    }
  }
  return seen
}

/** A path is named relative to the file, to the project or to `src/`. */
function startedFile(from: string, named: string, texts: ReadonlyMap<string, string>): string | undefined {
  const plain = named.replace(/^\/+/, "")
  const places = [join(dirname(from), named), plain, `src/${plain}`]
  return places.map((path) => normalize(path)).find((path) => texts.has(path))
}
