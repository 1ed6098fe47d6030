/** The configuration as text: `--gen-config`, `--print-config`, and the files of the generator. */
import { nest } from "./config.ts"
import type { Config, SettingPath, Settings, SettingValue } from "./config.ts"
import { settingOf } from "./config.ts"
import { originText } from "./problem.ts"
import type { Origins } from "./problem.ts"
import { schema, settingPaths } from "./schema.ts"

/** @returns the defaults of every setting */
export function defaults(): Settings {
  return Object.fromEntries(settingPaths.map((path) => [path, schema[path].default])) as unknown as Settings
}

/**
 * @returns a configuration file: JSON in the documented nesting, keys in the schema's order, two spaces, lists of scalars
 *   on one line, and a newline at the end
 */
export function configFileText(settings: Readonly<Partial<Record<SettingPath, SettingValue>>>): string {
  const ordered = Object.fromEntries(
    settingPaths.filter((path) => settings[path] !== undefined).map((path) => [path, settings[path]]),
  )
  return `${section(nest(ordered as Partial<Record<SettingPath, SettingValue>>), "")}\n`
}

function section(value: Record<string, unknown>, indent: string): string {
  const inner = `${indent}  `
  const entries = Object.entries(value).map(([key, item]) => {
    const isSection = typeof item === "object" && item !== null && !Array.isArray(item)
    return `${inner}${JSON.stringify(key)}: ${isSection ? section(item as Record<string, unknown>, inner) : scalar(item)}`
  })
  return entries.length === 0 ? "{}" : `{\n${entries.join(",\n")}\n${indent}}`
}

function scalar(value: unknown): string {
  return Array.isArray(value)
    ? `[${value.map((item) => JSON.stringify(item)).join(", ")}]`
    : JSON.stringify(value)
}

/**
 * @returns the effective configuration, a line a key: `path = value  # origin`; or as JSON: `{config, origins}`, with the
 *   configuration in the nesting of the file
 */
export function printConfig(config: Config, origins: Origins, options: { readonly json: boolean }): string {
  if (options.json) {
    const texts = Object.fromEntries(settingPaths.map((path) => [path, originText(origins[path])]))
    return `${JSON.stringify({ config, origins: texts }, null, 2)}\n`
  }
  const lines = settingPaths.map(
    (path) => [`${path} = ${scalar(settingOf(config, path))}`, originText(origins[path])] as const,
  )
  const width = Math.min(72, Math.max(...lines.map(([line]) => line.length)))
  return lines.map(([line, origin]) => `${line.padEnd(width)}  # ${origin}\n`).join("")
}
