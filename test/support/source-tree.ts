/** Daemons of other versions: run from a tree of sources, changed where a test wants it. */
import { spawn, spawnSync } from "node:child_process"
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../scripts/source/files.ts"
import { Daemon } from "./daemon.ts"

export interface SourceEdit {
  /** Below the project's root. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** Where the history is there, the sources of that commit; else (a shallow clone) those of today. @returns which */
export function commitOrToday(commit: string, tree: string): "commit" | "today" {
  mkdirSync(tree, { recursive: true })
  const archive = spawnSync(
    "git",
    ["archive", commit, "src", "package.json", "qdb_license.txt", "tsconfig.json"],
    {
      cwd: projectRoot,
      maxBuffer: 256 * 1024 * 1024,
    },
  )
  if (archive.status === 0) {
    const unpacked = spawnSync("tar", ["-x", "-C", tree], { input: archive.stdout })
    if (unpacked.status !== 0) throw new Error(`tar: ${unpacked.stderr.toString()}`)
  } else copyToday(tree)
  symlinkSync(join(projectRoot, "node_modules"), join(tree, "node_modules"))
  return archive.status === 0 ? "commit" : "today"
}

/** The sources of today with some changes. */
export function changedToday(tree: string, edits: readonly SourceEdit[]): void {
  mkdirSync(tree, { recursive: true })
  copyToday(tree)
  symlinkSync(join(projectRoot, "node_modules"), join(tree, "node_modules"))
  edit(tree, edits)
}

export function edit(tree: string, edits: readonly SourceEdit[]): void {
  for (const { file, find, replace } of edits) {
    const path = join(tree, file)
    const text = readFileSync(path, "utf8")
    if (!text.includes(find)) throw new Error(`${file} does not contain ${JSON.stringify(find)} any more`)
    writeFileSync(path, text.replace(find, replace))
  }
}

function copyToday(tree: string): void {
  for (const name of ["src", "package.json", "qdb_license.txt", "tsconfig.json"])
    cpSync(join(projectRoot, name), join(tree, name), { recursive: true })
}

/** Starts the daemon of such a tree, without waiting for anything. */
export function spawnFromTree(tree: string, address: string, root: string, args: readonly string[]): Daemon {
  mkdirSync(root, { recursive: true })
  const license = ["--license-file", join(tree, "qdb_license.txt")]
  const own = ["--address", address, "--root", join(root, "db"), "--http", "", ...license, ...args]
  const bun = join(projectRoot, "node_modules/bun/bin/bun.exe")
  const child = spawn(bun, ["--no-env-file", join(tree, "src/qdbd.ts"), ...own], {
    cwd: root,
    env: { PATH: process.env["PATH"] ?? "" },
    stdio: ["ignore", "pipe", "pipe"],
  })
  return new Daemon(child, Number(address.split(":").at(-1)))
}
