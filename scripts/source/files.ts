/** The project's own files: what git tracks, and what is new and not ignored. */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** The project's root, absolute, without a slash at its end. */
export const projectRoot = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "")

const foldersOutside = new Set(["node_modules", "dist", "db", ".git"])

/** @returns paths relative to `root`, sorted; without git (an unpacked archive) every file outside the usual folders */
export function projectFiles(root: string = projectRoot): ReadonlyArray<string> {
  const listed = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  })
  const paths = listed.status === 0 ? listed.stdout.split("\0").filter((path) => path !== "") : walk(root, "")
  return paths.filter((path) => existsSync(`${root}/${path}`)).sort()
}

function walk(root: string, folder: string): Array<string> {
  return readdirSync(`${root}/${folder}`, { withFileTypes: true }).flatMap((found) => {
    const path = folder === "" ? found.name : `${folder}/${found.name}`
    if (foldersOutside.has(found.name)) return []
    return found.isDirectory() ? walk(root, path) : [path]
  })
}

export function isTypeScript(path: string): boolean {
  return /\.(ts|tsx)$/.test(path) && !path.endsWith(".d.ts")
}
