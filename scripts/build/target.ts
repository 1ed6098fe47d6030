/**
 * A target is a folder of dist-targets/ with a `target.json`: which runtime executable the programs are joined with and
 * how they are called. Folder, `--target` and archives have the same name. Other folders there (kinds of packages) have
 * no such file.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"

export interface Target {
  readonly name: string
  /** What the bundler calls it. */
  readonly bunTarget: string
  /** The npm package that holds the runtime executable; version and integrity are package-lock.json's. */
  readonly runtimePackage: string
  /** The executable's path inside that package. */
  readonly runtimeFile: string
  /** `.exe` or nothing. */
  readonly executableSuffix: string
  /** True where the executable must be signed again after the build (Mach-O). */
  readonly signAdHoc: boolean
  /** What a user of the target has to know; shown by `--list`. */
  readonly notes: ReadonlyArray<string>
}

export function readTargets(root: string): ReadonlyArray<Target> {
  const folder = `${root}/dist-targets`
  const names = readdirSync(folder).filter((name) => existsSync(`${folder}/${name}/target.json`))
  return names.sort().map((name) => readTarget(name, readFileSync(`${folder}/${name}/target.json`, "utf8")))
}

/** @throws an error that names the manifest's folder and the field that is wrong */
export function readTarget(name: string, text: string): Target {
  const manifest = JSON.parse(text) as Record<string, unknown>
  const field = <T>(key: string, fits: (value: unknown) => value is T): T => {
    const value = manifest[key]
    if (!fits(value))
      throw new Error(`dist-targets/${name}/target.json: ${key} is missing or of the wrong type`)
    return value
  }
  const target: Target = {
    name,
    bunTarget: field("bunTarget", isText),
    runtimePackage: field("runtimePackage", isText),
    runtimeFile: field("runtimeFile", isText),
    executableSuffix: field("executableSuffix", isText),
    signAdHoc: field("signAdHoc", (value) => typeof value === "boolean"),
    notes: field(
      "notes",
      (value): value is ReadonlyArray<string> => Array.isArray(value) && value.every(isText),
    ),
  }
  const unknown = Object.keys(manifest).filter((key) => !(key in target))
  if (unknown.length > 0)
    throw new Error(`dist-targets/${name}/target.json: unknown field ${unknown.join(", ")}`)
  return target
}

function isText(value: unknown): value is string {
  return typeof value === "string"
}

/** @returns the name of the target this machine runs */
export function hostTargetName(): string {
  const system = process.platform === "win32" ? "windows" : process.platform
  const musl =
    process.platform === "linux" && existsSync(`/lib/ld-musl-${muslName[process.arch] ?? process.arch}.so.1`)
  const glibc = existsSync("/lib64/ld-linux-x86-64.so.2") || existsSync("/lib/ld-linux-aarch64.so.1")
  return `${system}-${process.arch}${musl && !glibc ? "-musl" : ""}`
}

const muslName: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" }
