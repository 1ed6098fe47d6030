/**
 * The executables are standalone: they run where there is nothing but themselves and the C library, and nothing in the
 * folder they are started in changes what they do.
 */
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startDaemon, temporaryDirectory } from "../support/daemon.ts"
import { executablesFolder, qdbdPath, qdbshPath } from "../support/executables.ts"
import { requirePeer, requireRoot } from "../support/peer.ts"

let directory: ReturnType<typeof temporaryDirectory>
beforeAll(() => {
  directory = temporaryDirectory()
})
afterAll(() => directory.remove())

/** The libraries an executable is linked with, the dynamic loader included. */
function libraries(executable: string): ReadonlyArray<string> {
  const listed = spawnSync("ldd", [executable], { encoding: "utf8" })
  expect(listed.status, listed.stderr).toBe(0)
  return [...listed.stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] as string)
}

/**
 * The command under which a program sees `root` and the kernel's /proc, without which the runtime does not find itself.
 * The mount is in a namespace of its own and ends with the program.
 */
function inside(root: string): ReadonlyArray<string> {
  mkdirSync(join(root, "proc"), { recursive: true })
  return ["unshare", "--mount", "sh", "-c", `mount -t proc proc "$0/proc" && exec chroot "$0" "$@"`, root]
}

/** A root that holds the executables at their usual path, the license and their libraries. */
function makeRoot(path: string): void {
  mkdirSync(join(path, executablesFolder), { recursive: true })
  for (const name of ["qdbd", "qdbsh", "qdb_license.txt"]) {
    cpSync(join(executablesFolder, name), join(path, executablesFolder, name))
  }
  for (const library of new Set([...libraries(qdbdPath), ...libraries(qdbshPath)])) {
    mkdirSync(join(path, dirname(library)), { recursive: true })
    cpSync(library, join(path, library), { dereference: true })
  }
}

describe("in a root that holds only them and the C library", () => {
  it("the daemon serves and the shell puts and gets", async (context) => {
    requireRoot(context)
    for (const peer of ["chroot", "ldd", "unshare"]) requirePeer(context, peer)
    const root = join(directory.path, "root")
    // The daemon is given its data folder by the path outside: inside, the same path is another, empty folder.
    mkdirSync(join(root, directory.path), { recursive: true })
    makeRoot(root)
    const linked = [...new Set([...libraries(qdbdPath), ...libraries(qdbshPath)])].map((path) =>
      path.split("/").at(-1),
    )
    expect(
      linked.every((name) => /^(lib(c|m|dl|pthread|rt)\.so\.\d|ld-linux.*|ld-musl.*)$/.test(name ?? "")),
    ).toBe(true)

    const daemon = await startDaemon({ directory: directory.path, under: inside(root) })
    const shell = (...words: ReadonlyArray<string>) =>
      spawnSync("unshare", [...inside(root).slice(1), qdbshPath, "--daemon", daemon.address, ...words], {
        encoding: "utf8",
      })
    expect(shell("put", "alias", "content")).toMatchObject({ status: 0, stdout: "", stderr: "" })
    expect(shell("get", "alias")).toMatchObject({ status: 0, stdout: "content", stderr: "" })
    expect(await daemon.stop()).toBe(0)
    expect(existsSync(join(root, directory.path, "db"))).toBe(true)
  })
})

describe("in a folder with somebody else's files", () => {
  const planted = {
    ".env": "QDB_LOCAL__NETWORK__LISTEN_ON=127.0.0.1:1\nQDB_DAEMON=127.0.0.1:1\n",
    "bunfig.toml": `preload = ["./preload.ts"]\n`,
    "preload.ts": `require("fs").writeFileSync("preloaded", "")\n`,
    "package.json": `{ "type": "commonjs", "imports": { "#sqlite": "./preload.ts" } }\n`,
    "tsconfig.json": `{ "compilerOptions": { "paths": { "*": ["./preload.ts"] } } }\n`,
  }

  it("neither reads its settings nor runs its code", async () => {
    const foreign = join(directory.path, "foreign")
    mkdirSync(foreign)
    for (const [name, text] of Object.entries(planted)) writeFileSync(join(foreign, name), text)
    const daemon = await startDaemon({ directory: foreign })
    const shell = (...words: ReadonlyArray<string>) =>
      spawnSync(qdbshPath, words, {
        cwd: foreign,
        encoding: "utf8",
        env: { PATH: process.env["PATH"] ?? "" },
      })
    expect(shell("--daemon", daemon.address, "put", "alias", "content")).toMatchObject({
      status: 0,
      stderr: "",
    })
    expect(shell("--daemon", daemon.address, "get", "alias")).toMatchObject({ status: 0, stdout: "content" })
    expect(shell("get", "alias").stderr, "the planted address").not.toMatch(/127\.0\.0\.1:1\b/)
    expect(await daemon.stop()).toBe(0)
    expect(existsSync(join(foreign, "preloaded"))).toBe(false)
  })
})
