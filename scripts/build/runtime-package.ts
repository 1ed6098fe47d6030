/**
 * The runtime executable of a target, from the npm package that carries it. Version and integrity are those of
 * package-lock.json: one lock for what runs the tests and what is shipped. The file is fetched through npm itself, which
 * knows the machine's registry and proxy, and its SHA-512 is compared here again, so nothing else is trusted.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { gunzipSync } from "node:zlib"
import { readTarEntry } from "./tar.ts"
import { hostTargetName, type Target } from "./target.ts"

interface Locked {
  readonly version: string
  readonly integrity: string
}

export function lockedPackage(lockText: string, name: string): Locked {
  const lock = JSON.parse(lockText) as { packages: Record<string, Partial<Locked> | undefined> }
  const found = lock.packages[`node_modules/${name}`]
  if (found?.version === undefined || !found.integrity?.startsWith("sha512-")) {
    throw new Error(`package-lock.json has no version and SHA-512 of ${name}`)
  }
  return { version: found.version, integrity: found.integrity }
}

/** @returns the path of the runtime executable, fetched when it is not in the cache */
export function fetchRuntime(root: string, target: Target): string {
  const locked = lockedPackage(readFileSync(`${root}/package-lock.json`, "utf8"), target.runtimePackage)
  // This machine's own came with the dependencies, checked by npm, and is the same file.
  const installed = `${root}/node_modules/bun/bin/bun.exe`
  if (target.name === hostTargetName() && Bun.version === locked.version && existsSync(installed))
    return installed
  // The cache's key is the digest: another version is another file, and a half-written one never has the name.
  const key = Buffer.from(locked.integrity.slice("sha512-".length), "base64").toString("hex").slice(0, 32)
  const cached = `${root}/node_modules/.cache/qdb-runtime/${target.name}-${key}${target.executableSuffix}`
  if (existsSync(cached)) return cached
  mkdirSync(dirname(cached), { recursive: true })
  const executable = download(dirname(cached), target, locked)
  const unfinished = `${cached}.${process.pid}`
  writeFileSync(unfinished, executable)
  chmodSync(unfinished, 0o755)
  renameSync(unfinished, cached)
  return cached
}

function download(cacheFolder: string, target: Target, locked: Locked): Uint8Array {
  const folder = mkdtempSync(join(cacheFolder, "fetch-"))
  try {
    const specifier = `${target.runtimePackage}@${locked.version}`
    const npm = process.env["npm_execpath"] ?? ""
    const node = process.env["npm_node_execpath"] ?? "node"
    const command = npm.endsWith(".js") ? [node, npm] : [process.platform === "win32" ? "npm.cmd" : "npm"]
    const [program, ...args] = [
      ...command,
      "pack",
      specifier,
      "--json",
      "--loglevel=error",
      "--pack-destination",
      folder,
    ]
    const packed = spawnSync(program as string, args, { encoding: "utf8", shell: program === "npm.cmd" })
    if (packed.status !== 0)
      throw new Error(`npm pack ${specifier} failed: ${packed.error?.message ?? packed.stderr}`)
    const fileName = packedFileName(packed.stdout)
    const archive = readFileSync(join(folder, fileName))
    checkIntegrity(archive, locked.integrity, specifier)
    return readTarEntry(gunzipSync(archive), `package/${target.runtimeFile}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** npm 12 answers with an object by package name, older ones with a list. */
function packedFileName(answer: string): string {
  const parsed = JSON.parse(answer) as object
  const [first] = Object.values(parsed) as ReadonlyArray<{ filename?: string } | undefined>
  if (first?.filename === undefined) throw new Error(`npm pack gave no file name: ${answer.slice(0, 200)}`)
  return first.filename
}

export function checkIntegrity(bytes: Uint8Array, integrity: string, what: string): void {
  const found = `sha512-${createHash("sha512").update(bytes).digest("base64")}`
  if (found !== integrity) throw new Error(`${what}: SHA-512 differs from package-lock.json: ${found}`)
}
