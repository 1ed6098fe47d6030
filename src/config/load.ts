/**
 * Everything between the command line and a valid configuration: flags over environment over file over defaults. Nothing
 * is thrown for what people write: each layer hands on its values and its problems, and all problems are told at once.
 */
import { readFileSync, statSync } from "node:fs"
import { dirname, isAbsolute, resolve } from "node:path"
import { configFileBytesMax, configProblemsMax } from "../core/lib/limits.ts"
import type { Assignment, Layer } from "./assignment.ts"
import { checkTogether } from "./check.ts"
import { nest } from "./config.ts"
import type { Config, SettingPath, Settings, SettingValue } from "./config.ts"
import { readEnvironment } from "./environment.ts"
import { readConfigFile } from "./file.ts"
import { readFlags } from "./flags.ts"
import type { Action } from "./flags.ts"
import type { Origin, Origins, Problem } from "./problem.ts"
import { schema, settingPaths } from "./schema.ts"

export interface LoadOptions {
  /** Without the executable's name. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute. */
  readonly cwd: string
  /** Default: this platform. */
  readonly platform?: string
}

export interface Loaded {
  /** Good to run with if `problems` is empty; else the good values, and defaults for the others. */
  readonly config: Config
  readonly origins: Origins
  /** A reason not to start; in the order file, environment, flags, combinations. */
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  readonly action: Action
  /** As it was named; undefined if none was. */
  readonly configFile: string | undefined
  /** Absolute. */
  readonly pidFile: string | undefined
  /** The values as they were written: relative paths are relative. For `--gen-config`. */
  readonly written: Settings
}

/** What sets a path outside the file: relative to the working directory. */
interface Based {
  readonly layer: Layer
  readonly base: string
}

export function loadConfig(options: LoadOptions): Loaded {
  const { env, cwd, platform = process.platform } = options
  const flags = readFlags(options.argv)
  const outside =
    flags.action.kind === "subcommand" || flags.action.kind === "help" || flags.action.kind === "version"
  const none: Layer = { assignments: new Map(), problems: [] }
  const file = flags.configFile === undefined || outside ? none : readFile(flags.configFile, cwd)
  const fileBase = flags.configFile === undefined ? cwd : dirname(resolve(cwd, flags.configFile))
  const environment = outside ? none : readEnvironment(env)
  const layers: Based[] = [
    { layer: flags, base: cwd },
    { layer: environment, base: cwd },
    { layer: file, base: fileBase },
  ]
  const merged = merge(layers, fileBase)
  const together = checkTogether({
    settings: merged.settings,
    written: merged.written,
    originOf: merged.originOf,
    platform,
  })
  const alone = [...file.problems, ...environment.problems, ...flags.problems]
  // A key that is wrong by itself has its default here: what that contradicts is nobody's mistake.
  const faulty = new Set(alone.map((problem) => problem.path?.replace(/\[[0-9]+\]$/, "")))
  const problems = [
    ...alone,
    ...together.problems.filter((p) => !faulty.has(p.path) || p.origin?.kind !== "default"),
  ]
  return {
    config: nest(merged.settings) as unknown as Config,
    origins: merged.origins,
    problems: bounded(outside ? flags.problems : sorted(problems)),
    warnings: outside ? [] : [...together.warnings, ...merged.warnings],
    action: flags.action,
    configFile: flags.configFile,
    pidFile: flags.pidFile === undefined ? undefined : resolve(cwd, flags.pidFile),
    written: merged.written,
  }
}

const ranks: readonly (Origin["kind"] | undefined)[] = [
  "file",
  "environment",
  "flag",
  undefined,
  "default",
  "cluster",
]

/** In the order of the file, so that one can walk through it; then environment, flags, and the rest. */
function sorted(problems: readonly Problem[]): readonly Problem[] {
  const rank = (problem: Problem) => ranks.indexOf(problem.origin?.kind)
  return problems.toSorted((a, b) => {
    if (a.origin?.kind !== "file" || b.origin?.kind !== "file") return rank(a) - rank(b)
    return a.origin.line - b.origin.line || a.origin.column - b.origin.column
  })
}

function bounded(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length <= configProblemsMax) return problems
  return [...problems.slice(0, configProblemsMax), { message: "and more problems, which are not listed" }]
}

function readFile(file: string, cwd: string): Layer {
  const path = resolve(cwd, file)
  const unreadable = (why: string): Layer => ({
    assignments: new Map(),
    problems: [{ message: `${file}: ${why}` }],
  })
  try {
    const status = statSync(path)
    if (status.isDirectory()) return unreadable(`cannot be read: ${path} is a directory`)
    if (status.size > configFileBytesMax)
      return unreadable(`is larger than ${configFileBytesMax} bytes; is it a configuration?`)
    return readConfigFile(file, readFileSync(path))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === undefined) throw error
    return unreadable(
      code === "ENOENT" || code === "ENOTDIR"
        ? `no such file; looked for ${path}`
        : `cannot be read (${code}): ${path}`,
    )
  }
}

interface MergedLayers {
  readonly settings: Settings
  readonly written: Settings
  readonly origins: Origins
  readonly warnings: readonly Problem[]
  readonly originOf: (path: SettingPath, index?: number) => Origin
}

function merge(layers: readonly Based[], defaultBase: string): MergedLayers {
  const settings: Partial<Record<SettingPath, SettingValue>> = {}
  const written: Partial<Record<SettingPath, SettingValue>> = {}
  const origins: Partial<Record<SettingPath, Origin>> = {}
  const items = new Map<SettingPath, readonly Origin[]>()
  for (const path of settingPaths) {
    const found = layers.find(({ layer }) => layer.assignments.has(path))
    const assignment: Assignment = found?.layer.assignments.get(path) ?? {
      value: schema[path].default,
      origin: { kind: "default" },
    }
    written[path] = assignment.value
    settings[path] = absolute(path, assignment.value, found?.base ?? defaultBase)
    origins[path] = assignment.origin
    if (assignment.items !== undefined) items.set(path, assignment.items)
  }
  const warnings = console(layers, (value) => {
    settings["local.logger.log_to_console"] = value
    written["local.logger.log_to_console"] = value
  })
  const originOf = (path: SettingPath, index?: number) =>
    (index === undefined ? undefined : items.get(path)?.[index]) ?? (origins[path] as Origin)
  return {
    settings: settings as Settings,
    written: written as Settings,
    origins: origins as Origins,
    warnings,
    originOf,
  }
}

/**
 * A daemon has no console. Where nothing is said of the console its default is then false; and whoever adds `-d` to a file
 * that logs to the console means the daemon. Only where both come from one place, or the console was asked for on top,
 * is it a contradiction.
 */
function console(layers: readonly Based[], setConsole: (value: boolean) => void): readonly Problem[] {
  const rank = (path: SettingPath) => layers.findIndex(({ layer }) => layer.assignments.has(path))
  const daemonRank = rank("local.user.daemon")
  const daemon = layers[daemonRank]?.layer.assignments.get("local.user.daemon")
  if (daemon === undefined || daemon.value !== true) return []
  const consoleRank = rank("local.logger.log_to_console")
  const asked = layers[consoleRank]?.layer.assignments.get("local.logger.log_to_console")
  if (asked === undefined) {
    setConsole(false)
    return []
  }
  if (asked.value !== true || consoleRank <= daemonRank) return []
  setConsole(false)
  const { origin } = asked
  return [
    {
      origin,
      path: "local.logger.log_to_console",
      value: "true",
      message: "has no effect: a daemon in the background has no console",
    },
  ]
}

function absolute(path: SettingPath, value: SettingValue, base: string): SettingValue {
  const { type } = schema[path].kind
  if (type === "paths")
    return (value as readonly string[]).map((item) => (isAbsolute(item) ? item : resolve(base, item)))
  if (type !== "path" || value === "") return value
  return resolve(base, value as string)
}
