/** How each JavaScript runtime is started: by path, so that nothing depends on what else the machine has installed. */
import { existsSync } from "node:fs"
import { projectRoot } from "../source/files.ts"

export type RuntimeName = "bun" | "node" | "deno"

export const bunPath = `${projectRoot}/node_modules/bun/bin/bun.exe`

export interface Runtime {
  readonly name: RuntimeName
  readonly title: string
  /** The command that runs a JavaScript file, or why there is none. */
  readonly command: ReadonlyArray<string> | { readonly missing: string }
}

export function findRuntime(name: RuntimeName): Runtime {
  if (name === "bun") return { name, title: "Bun", command: [bunPath, "--no-env-file", "--bun"] }
  if (name === "node") return { name, title: "Node 24", command: findNode() }
  return { name, title: "Deno", command: findDeno() }
}

/** Node 24 comes as a package: the node that started npm may be older, and `.bin/node` is not linked by npm 10. */
function findNode(): Runtime["command"] {
  const packaged = `${projectRoot}/node_modules/node-${process.platform}-${process.arch}/bin/node`
  if (existsSync(packaged)) return [packaged]
  const outer = process.env["npm_node_execpath"] ?? ""
  const version = Number(
    /^v?(\d+)/.exec(process.env["npm_config_user_agent"]?.split("node/")[1] ?? "")?.[1] ?? 0,
  )
  if (version >= 24 && existsSync(outer)) return [outer]
  return { missing: `Node 24 has no package for ${process.platform}-${process.arch}` }
}

function findDeno(): Runtime["command"] {
  const suffix = process.platform === "win32" ? ".exe" : ""
  const libc = process.platform === "linux" ? "-glibc" : ""
  const path = `${projectRoot}/node_modules/@deno/${process.platform}-${process.arch}${libc}/deno${suffix}`
  if (existsSync(path)) return [path, "run", "--allow-all", "--no-lock"]
  return { missing: `Deno has no package for ${process.platform}-${process.arch}` }
}
