/**
 * The command line of `qdbd`. Every flag that sets something is a row of the schema, so there is no second list of names;
 * what is here are the few that ask for an action. Names are quasardb's of 2014; those of later versions work as hidden
 * aliases. A flag overrides the file, where quasardb ignored all flags beside `-c`.
 */
import { parseArgs } from "node:util"
import type { ParseArgsConfig } from "node:util"
import type { Assignment, Layer } from "./assignment.ts"
import type { SettingPath, SettingValue } from "./config.ts"
import type { Origin, Problem } from "./problem.ts"
import { isSettingPath, schema, settingPaths } from "./schema.ts"
import { suggest } from "./suggest.ts"
import { unknownKeyText } from "./unknown.ts"
import { allowedText, parseValue, valueText } from "./value.ts"

export const subcommands = [
  "backup",
  "check-data",
  "confgen",
  "demo",
  "license",
  "recover-quorum",
  "service",
] as const
export type Subcommand = (typeof subcommands)[number]

/** What the command line asks for; `run` starts the daemon. */
export type Action =
  | { readonly kind: "run" | "check-config" | "gen-config" | "help" | "version" }
  | { readonly kind: "print-config"; readonly json: boolean }
  /** `argv` is what follows the subcommand; it reads its own flags. */
  | { readonly kind: "subcommand"; readonly name: Subcommand; readonly argv: readonly string[] }

/** Flags that set nothing of the configuration. */
export const actionFlags: Readonly<
  Record<string, { short?: string; hidden?: readonly string[]; placeholder?: string; description: string }>
> = {
  help: { short: "h", description: "Print this text." },
  version: { short: "v", description: "Print the version." },
  "config-file": {
    short: "c",
    hidden: ["config"],
    placeholder: "PATH",
    description: "Configuration file; flags override it.",
  },
  set: { placeholder: "PATH=VALUE", description: "Set any key of the configuration. May be repeated." },
  "check-config": { description: "Report every problem of the configuration, and exit." },
  "print-config": {
    description: "Print the effective configuration and where each value comes from, and exit.",
  },
  json: { description: "With --print-config: as JSON." },
  "gen-config": { description: "Print the default configuration, with other flags as overrides, and exit." },
  "pid-file": {
    placeholder: "PATH",
    description: "Write the process id there, and remove the file at the end.",
  },
}

/** Flags of other versions that cannot mean anything here, and what to do instead. */
const foreignFlags: Readonly<Record<string, string>> = {
  "log-directory": "use --log-file",
  security: "security keys are reserved for a later version",
  "cluster-private-file": "use --cluster-secret-file",
  "user-list": "users are reserved for a later version",
}

interface Meaning {
  readonly path?: SettingPath
  /** The name that is shown in messages. */
  readonly shown: string
  readonly takesValue: boolean
}

const meanings = new Map<string, Meaning>()
const options: NonNullable<ParseArgsConfig["options"]> = {}
const shownNames: string[] = []

function declare(name: string, short: string | undefined, meaning: Meaning): void {
  meanings.set(name, meaning)
  options[name] = {
    type: meaning.takesValue ? "string" : "boolean",
    multiple: true,
    ...(short === undefined ? {} : { short }),
  }
}
for (const [name, { short, hidden = [], placeholder }] of Object.entries(actionFlags)) {
  const meaning = { shown: `--${name}`, takesValue: placeholder !== undefined }
  declare(name, short, meaning)
  for (const alias of hidden) declare(alias, undefined, meaning)
  shownNames.push(name)
}
for (const path of settingPaths) {
  const { flag, short, hidden = [], kind } = schema[path]
  if (flag === undefined) continue
  const meaning = { path, shown: `--${flag}`, takesValue: kind.type !== "boolean" }
  declare(flag, short, meaning)
  for (const alias of hidden) declare(alias, undefined, meaning)
  shownNames.push(flag)
}

export interface Flags extends Layer {
  readonly action: Action
  readonly configFile?: string
  readonly pidFile?: string
}

type Token = NonNullable<
  ReturnType<typeof parseArgs<{ tokens: true; strict: false; args: string[] }>>["tokens"]
>[number]

/** @param argv without the executable's name */
export function readFlags(argv: readonly string[]): Flags {
  const name = argv[0]
  if (name !== undefined && (subcommands as readonly string[]).includes(name)) {
    const action = { kind: "subcommand", name: name as Subcommand, argv: argv.slice(1) } as const
    return { action, assignments: new Map(), problems: [] }
  }
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const reader = new Reader()
  for (const token of tokens as Token[]) reader.take(token)
  return reader.finish()
}

class Reader {
  private readonly assignments = new Map<SettingPath, Assignment>()
  private readonly problems: Problem[] = []
  private readonly actions = new Set<string>()
  private configFile: string | undefined
  private pidFile: string | undefined
  /** The list that further words belong to: `--log-file a b`. */
  private open: { path: SettingPath; origin: Origin } | undefined

  take(token: Token): void {
    if (token.kind === "positional") return this.word(token.value)
    this.open = undefined
    if (token.kind !== "option") return
    const negated =
      token.name.startsWith("no-") && !meanings.has(token.name) ? token.name.slice(3) : undefined
    const meaning = meanings.get(negated ?? token.name)
    const origin: Origin = { kind: "flag", name: token.rawName }
    if (
      meaning === undefined ||
      (negated !== undefined && (meaning.takesValue || meaning.path === undefined))
    ) {
      return this.unknown(origin, token.name)
    }
    if (meaning.takesValue) return this.valued(meaning, origin, token)
    if (negated !== undefined && token.value !== undefined) return this.problem(origin, "takes no value")
    if (meaning.path !== undefined)
      return this.assign(meaning.path, origin, token.value ?? String(negated === undefined))
    if (token.value !== undefined) return this.problem(origin, "takes no value")
    this.actions.add(meaning.shown.slice(2))
  }

  private valued(meaning: Meaning, origin: Origin, token: Token & { kind: "option" }): void {
    const value = token.value
    if (value === undefined) return this.problem(origin, "needs a value")
    if (!token.inlineValue && value.length > 1 && value.startsWith("-")) {
      return this.problem(
        origin,
        `needs a value, and ${valueText(value)} looks like a flag; write ${token.rawName}=VALUE`,
      )
    }
    if (meaning.path !== undefined) return this.assign(meaning.path, origin, value)
    switch (meaning.shown) {
      case "--set":
        return this.set(origin, value)
      case "--config-file":
        if (this.configFile !== undefined) return this.problem(origin, "is given twice")
        this.configFile = value
        return
      default:
        if (this.pidFile !== undefined) return this.problem(origin, "is given twice")
        this.pidFile = value
    }
  }

  private set(origin: Origin, text: string): void {
    const equals = text.indexOf("=")
    if (equals < 0) return this.problem(origin, `${valueText(text)} is not path=value`)
    const path = text.slice(0, equals).trim().replaceAll("::", ".")
    const named: Origin = { kind: "flag", name: `--set ${path}` }
    if (!isSettingPath(path)) this.problems.push({ origin: named, message: unknownKeyText(path) })
    else this.assign(path, named, text.slice(equals + 1))
  }

  private assign(path: SettingPath, origin: Origin, text: string): void {
    const { kind } = schema[path]
    const isList = kind.type === "paths" || kind.type === "addresses"
    const checked = parseValue(kind, text)
    if (isList) this.open = { path, origin }
    if (checked.faults !== undefined) {
      for (const { index, wrong } of checked.faults) {
        const value = index === undefined ? text : (text.split(",")[index] as string).trim()
        this.problems.push({
          origin,
          path,
          value: valueText(value),
          message: `${wrong}; ${allowedText(kind)}`,
        })
      }
      return
    }
    const before = this.assignments.get(path)
    if (before === undefined) {
      const items = isList ? { items: (checked.value as readonly string[]).map(() => origin) } : {}
      this.assignments.set(path, { value: checked.value, origin, ...items })
    } else if (isList) this.append(path, before, checked.value, origin)
    else
      this.problems.push({
        origin,
        path,
        value: valueText(checked.value),
        message: `is given twice; it is ${valueText(before.value)} before`,
      })
  }

  private append(path: SettingPath, before: Assignment, value: SettingValue, origin: Origin): void {
    const added = value as readonly string[]
    const joined = [...(before.value as readonly string[]), ...added]
    const checked = parseValue(schema[path].kind, joined.join(","))
    if (checked.faults !== undefined) {
      this.problems.push({
        origin,
        path,
        value: valueText(added.join(",")),
        message: checked.faults[0]?.wrong ?? "is wrong",
      })
      return
    }
    const items = [...(before.items ?? []), ...added.map(() => origin)]
    this.assignments.set(path, { value: joined, origin: before.origin, items })
  }

  private word(word: string): void {
    if (this.open !== undefined) return this.assign(this.open.path, this.open.origin, word)
    const best = suggest(word, subcommands)
    const hint = best === undefined ? `subcommands: ${subcommands.join(", ")}` : `did you mean ${best}?`
    this.problems.push({ message: `${valueText(word)} is neither a flag nor a subcommand; ${hint}` })
  }

  private unknown(origin: Origin, name: string): void {
    const foreign = Object.hasOwn(foreignFlags, name) ? foreignFlags[name] : undefined
    const best = suggest(name, shownNames)
    const hint = foreign ?? (best === undefined ? "--help lists all" : `did you mean --${best}?`)
    this.problem(origin, `unknown flag; ${hint}`)
  }

  private problem(origin: Origin, message: string): void {
    this.problems.push({ origin, message })
  }

  finish(): Flags {
    const { assignments, problems } = this
    const asked = ["help", "version", "gen-config", "check-config", "print-config"].filter((name) =>
      this.actions.has(name),
    )
    const first = asked[0] ?? "run"
    const quiet = first === "help" || first === "version"
    if (asked.length > 1 && !quiet)
      problems.push({ message: `${asked.map((a) => `--${a}`).join(" and ")} exclude each other` })
    const json = this.actions.has("json")
    if (json && first !== "print-config" && !quiet)
      problems.push({ message: "--json goes with --print-config" })
    const action = (first === "print-config" ? { kind: first, json } : { kind: first }) as Action
    return {
      action,
      assignments,
      problems: quiet ? [] : problems,
      ...(this.configFile === undefined ? {} : { configFile: this.configFile }),
      ...(this.pidFile === undefined ? {} : { pidFile: this.pidFile }),
    }
  }
}
