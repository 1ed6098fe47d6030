/**
 * Settings from environment variables: `QDB_` and the path in capitals, levels joined by `__`. A variable that looks like
 * one and is none is a problem: a silent typing error here would be as costly as one in the file.
 */
import type { Assignment, Layer } from "./assignment.ts"
import type { SettingPath } from "./config.ts"
import type { Origin, Problem } from "./problem.ts"
import { schema, settingPaths } from "./schema.ts"
import { suggest } from "./suggest.ts"
import { allowedText, parseValue, valueText } from "./value.ts"

/** Variables that belong to other programs of qdb: the shell's default daemon. */
const foreignVariables: ReadonlySet<string> = new Set(["QDB_DAEMON"])

/** @returns `QDB_LOCAL__NETWORK__LISTEN_ON` for `local.network.listen_on` */
export function variableOf(path: SettingPath): string {
  return `QDB_${path.toUpperCase().replaceAll(".", "__")}`
}

const pathOf = new Map<string, SettingPath>(settingPaths.map((path) => [variableOf(path), path]))

/** @param environment as `process.env` has it */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): Layer {
  const assignments = new Map<SettingPath, Assignment>()
  const problems: Problem[] = []
  for (const name of Object.keys(environment).sort()) {
    const text = environment[name]
    if (!name.startsWith("QDB_") || text === undefined || foreignVariables.has(name)) continue
    const origin: Origin = { kind: "environment", name }
    const path = pathOf.get(name)
    if (path === undefined) {
      const best = suggest(name, pathOf.keys())
      problems.push({
        origin,
        message: `unknown variable; ${best === undefined ? "see the manual's list" : `did you mean ${best}?`}`,
      })
      continue
    }
    const { kind } = schema[path]
    const checked = parseValue(kind, text)
    if (checked.faults === undefined) assignments.set(path, { value: checked.value, origin })
    else {
      for (const { index, wrong } of checked.faults) {
        const at = index === undefined ? path : `${path}[${index}]`
        const value = index === undefined ? text : (text.split(",")[index] as string).trim()
        problems.push({
          origin,
          path: at,
          value: valueText(value),
          message: `${wrong}; ${allowedText(kind)}`,
        })
      }
    }
  }
  return { assignments, problems }
}
