/**
 * Peers: programs that some tests run against and that are no npm packages (`redis-server`, `chromium`, `strace`).
 * A test whose peer is missing is skipped with a reason of one fixed form, so that the runner can tell it from other
 * skips: where the package manager could have installed the peer, CI must not pass without it.
 */
import { spawnSync } from "node:child_process"

const reasonForm = /^needs \S+ \(Debian package (\S+)\)/

export function peerReason(program: string, debianPackage: string): string {
  return `needs ${program} (Debian package ${debianPackage})`
}

/** @returns the package that would have prevented the skip, if apt knows it */
export function installablePeer(reason: string): string | undefined {
  const name = reasonForm.exec(reason)?.[1]
  if (name === undefined) return undefined
  const policy = spawnSync("apt-cache", ["policy", name], { encoding: "utf8" })
  if (policy.error !== undefined || policy.status !== 0) return undefined
  return /Candidate: (?!\(none\))\S/.test(policy.stdout) ? name : undefined
}
