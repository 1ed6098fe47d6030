/** The settings that `cluster_set` may change, by the names and within the bounds of the configuration. */
import { heartbeatMs, replicationFactorMax } from "../../core/lib/limits.ts"
import type { LiveSettings } from "../../core/member/order.ts"
import { type LiveSetting, liveSettings } from "../../wire/status.ts"

interface Rule {
  readonly key: keyof LiveSettings
  readonly min: number
  readonly max: number
  /** What one unit is in the view. */
  readonly scale: number
}

const rules: Readonly<Record<LiveSetting, Rule>> = {
  replication_factor: { key: "replicationFactor", min: 1, max: replicationFactorMax, scale: 1 },
  repair_grace_seconds: { key: "repairGraceMs", min: 0, max: 86_400, scale: 1000 },
  suspect_ms: { key: "suspectMs", min: 2 * heartbeatMs, max: 60_000, scale: 1 },
}

/** @param leaseMs the cluster's: a node must be suspect at least a heartbeat before its lease is over. @returns the change, or what is wrong */
export function settingOf(name: string, value: string, leaseMs: number): Partial<LiveSettings> | string {
  const rule = liveSettings.includes(name as LiveSetting) ? rules[name as LiveSetting] : undefined
  if (rule === undefined)
    return `"${name}" is no setting that may change while the cluster runs: ${liveSettings.join(", ")} are.`
  const max = rule.key === "suspectMs" ? Math.min(rule.max, leaseMs - heartbeatMs) : rule.max
  const number = /^\d{1,9}$/.test(value) ? Number(value) : -1
  if (number < rule.min || number > max) return `${name} is a whole number from ${rule.min} to ${max}.`
  return { [rule.key]: number * rule.scale }
}
