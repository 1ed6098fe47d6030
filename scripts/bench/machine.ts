/** What the figures were measured on: without it a history is worth nothing. */
import { spawnSync } from "node:child_process"
import { availableParallelism, cpus, release, totalmem, type } from "node:os"
import { projectRoot } from "../source/files.ts"

export function describeMachine(redisVersion: string | undefined): Readonly<Record<string, string | number>> {
  const commit = spawnSync("git", ["rev-parse", "--short=12", "HEAD"], { cwd: projectRoot, encoding: "utf8" })
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit.status === 0 ? commit.stdout.trim() : "unknown",
    system: `${type()} ${release()}`,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    runtime: Bun.version,
    ...(redisVersion === undefined ? {} : { redis: redisVersion }),
  }
}
