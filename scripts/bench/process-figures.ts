/** What the kernel tells about a process (Linux): processor time and memory, of all its threads together. */
import { readFileSync } from "node:fs"

/** USER_HZ, which the kernel's interface fixes at 100 on every architecture we build for. */
const ticksPerSecond = 100

/** @returns seconds of processor time, user and system */
export function processorSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1")
  // The name, in parentheses, may hold anything; fields are counted from behind it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

export interface ProcessMemory {
  /** Most that was ever resident, in MiB. */
  readonly peakMiB: number
  readonly residentMiB: number
}

export function processMemory(pid: number): ProcessMemory {
  const text = readFileSync(`/proc/${pid}/status`, "latin1")
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1])
  return { peakMiB: kib("VmHWM") / 1024, residentMiB: kib("VmRSS") / 1024 }
}

const quietWindowMs = 250
const quietShareMax = 0.04
const quietMsMax = 15_000

/** Waits until a process is idle, or has not become so for a while. @returns whether it is */
export async function quiet(pid: number): Promise<boolean> {
  const deadlineMs = performance.now() + quietMsMax
  let before = processorSeconds(pid)
  while (performance.now() < deadlineMs) {
    await Bun.sleep(quietWindowMs)
    const now = processorSeconds(pid)
    if ((now - before) * 1000 <= quietWindowMs * quietShareMax) return true
    before = now
  }
  return false
}
