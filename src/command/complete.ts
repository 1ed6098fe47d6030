/**
 * Completion of what is typed so far: the name of a command, behind `help` that of a topic, options, and settings. Aliases are not completed:
 * that would ask the cluster at each press of a key, and its answer changes under one's fingers.
 */
import { liveSettings } from "../wire/status.ts"
import { commandOf, commands } from "./table.ts"

export interface Completion {
  /** Whole words that could stand in the place of `word`, in order, each with a space behind it where arguments follow. */
  readonly candidates: readonly string[]
  /** The word at the end of the line that they complete. */
  readonly word: string
}

export function complete(line: string): Completion {
  const words = line.split(" ").filter((w) => w !== "")
  const open = line === "" || line.endsWith(" ")
  const word = open ? "" : (words.at(-1) as string)
  const before = open ? words : words.slice(0, -1)
  if (before.length === 0) {
    return { candidates: namesWith(word).map((n) => (takesArguments(n) ? `${n} ` : n)), word }
  }
  if (before.length === 1 && before[0] === "help") return { candidates: namesWith(word), word }
  const command = commandOf(before[0] as string)
  if (before.length === 1 && command?.arguments[0]?.kind === "setting") {
    return {
      candidates: liveSettings.filter((name) => name.startsWith(word)).map((name) => `${name} `),
      word,
    }
  }
  if (command?.options !== undefined && word.startsWith("-")) {
    const open = command.options.filter((o) => o.name.startsWith(word) && !before.includes(o.name))
    return { candidates: open.map((o) => (o.kind === "flag" ? o.name : `${o.name} `)).sort(), word }
  }
  return { candidates: [], word }
}

function namesWith(begin: string): string[] {
  return commands
    .map((c) => c.name)
    .filter((n) => n.startsWith(begin))
    .sort()
}

function takesArguments(name: string): boolean {
  const command = commandOf(name)
  return command !== undefined && command.arguments.length + (command.options ?? []).length > 0
}
