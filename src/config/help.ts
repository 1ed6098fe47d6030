/** The text of `qdbd --help`, from the same rows that read the command line. */
import type { SettingValue } from "./config.ts"
import { actionFlags } from "./flags.ts"
import { schema, settingPaths } from "./schema.ts"
import type { Kind } from "./setting.ts"

const width = 100
const column = 34

/** @returns the help, at most 100 characters wide */
export function helpText(): string {
  const actions = Object.entries(actionFlags).map(([name, flag]) =>
    row(flag.short, name, flag.placeholder, flag.description),
  )
  const settings = settingPaths.flatMap((path) => {
    const { flag, short, placeholder, description, kind, default: value } = schema[path]
    return flag === undefined
      ? []
      : [row(short, flag, placeholder, `${description} [${defaultText(kind, value)}]`)]
  })
  return [
    "qdbd: the daemon of qdb, a masterless, replicated key-value database.",
    "",
    "Usage: qdbd [flags]             run a node",
    "       qdbd confgen [flags]     make the configuration files of a whole cluster",
    "       qdbd license [flags]     show the license that would be used, or why there is none",
    "       qdbd service [flags]     install, remove or show the system service",
    "       qdbd backup [flags]      copy the data of a node",
    "       qdbd check-data [flags]  verify the data of a stopped node",
    "       qdbd recover-quorum [flags]",
    "                                decide alone where a majority of the voters has lost its disks",
    "",
    "Flags:",
    ...actions,
    "",
    "Settings; a flag overrides the environment, which overrides the file:",
    ...settings,
    "",
    wrap(
      "Every key of the file can be set by --set PATH=VALUE, and by a variable: QDB_LOCAL__NETWORK__LISTEN_ON for local.network.listen_on. Yes-or-no flags also take =false, or --no- before their name. Byte counts take units: 16GiB.",
      0,
    ),
    "",
  ].join("\n")
}

/** @returns a default for people */
export function defaultText(kind: Kind, value: SettingValue): string {
  if (kind.type === "integer") {
    const name = kind.names?.[value as number]
    if (name !== undefined) return `${value}, ${name}`
    if (value === 0 && kind.zero !== undefined) return `0: ${kind.zero}`
    return String(value)
  }
  if (kind.type === "addresses" || kind.type === "paths") return "none"
  if (value === "") return "empty" in kind && kind.empty !== undefined ? kind.empty : "none"
  return String(value)
}

function row(
  short: string | undefined,
  name: string,
  placeholder: string | undefined,
  description: string,
): string {
  const flag = `  ${short === undefined ? "    " : `-${short}, `}--${name}${placeholder === undefined ? "" : `=${placeholder}`}`
  const text = wrap(description, column)
  return flag.length < column ? flag.padEnd(column) + text.trimStart() : `${flag}\n${text}`
}

function wrap(text: string, indent: number): string {
  const lines: string[] = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line].map((l) => " ".repeat(indent) + l).join("\n")
}
