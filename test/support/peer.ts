/** Finds the programs a test runs against, or skips the test with a reason the test command understands. */
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import type { TestContext } from "vitest"
import { peerReason } from "../../scripts/testing/peer.ts"

/** The Debian package of each peer whose name differs from its program's. */
const packages: Readonly<Record<string, string>> = {
  "redis-benchmark": "redis-tools",
  etcd: "etcd-server",
  nft: "nftables",
  faketime: "faketime",
  unshare: "util-linux",
  ip: "iproute2",
}

export function findProgram(program: string): string | undefined {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}

/** @returns the program's path; where it is missing the test is skipped and this does not return */
export function requirePeer(context: TestContext, program: string): string {
  return findProgram(program) ?? context.skip(peerReason(program, packages[program] ?? program))
}

/** Skips the test unless it runs as root: namespaces, chroot and small file systems need it. */
export function requireRoot(context: TestContext): void {
  if (process.getuid?.() !== 0) context.skip("needs root")
}

/** Skips what takes minutes, unless `npm run test:all` runs. */
export function requireAll(context: TestContext, what: string): void {
  if (process.env["QDBTEST_ALL"] === undefined) context.skip(`long: ${what}; npm run test:all runs it`)
}
