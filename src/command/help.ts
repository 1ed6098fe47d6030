/** The help of the shell, written by the command table. Plain text, at most `columnsMax` wide. */
import { errorTable } from "../wire/errors.ts"
import { commands } from "./table.ts"
import type { Command } from "./command.ts"
import { usageOf } from "./command.ts"

const columnsMax = 100

/** @returns a line a command, ended by a line end each */
export function helpList(): string {
  // Options are told by the help of the command itself.
  const usages = commands.map((c) => usageOf({ ...c, options: [] }))
  const width = Math.max(...usages.map((usage) => usage.length))
  const lines = commands.map((c, i) => `${usages[i]?.padEnd(width)}  ${c.summary}`)
  return [...lines, "", "help <command> tells more about one."].join("\n") + "\n"
}

/** @returns all there is to know about one command */
export function helpOf(command: Command): string {
  const lines = [usageOf(command), "", ...wrap(command.description, columnsMax)]
  if (command.options !== undefined) {
    lines.push("", "Options:")
    for (const { name, kind, summary } of command.options) {
      lines.push(
        ...wrap(`${kind === "flag" ? name : `${name} <${kind}>`}: ${summary}`, columnsMax - 2).map(
          (l) => `  ${l}`,
        ),
      )
    }
  }
  if (command.errors.length > 0) {
    lines.push("", "Errors:")
    for (const name of command.errors) {
      const entry = errorTable.find((e) => e.name === name)
      lines.push(`  ${name}: ${entry?.message ?? ""}`)
    }
  }
  lines.push("", command.examples.length > 1 ? "Examples:" : "Example:")
  for (const example of command.examples) {
    lines.push(`  ${example.input}`)
    if (example.output !== undefined) lines.push(`  ${example.output}`)
  }
  return lines.join("\n") + "\n"
}

/** @returns the words in lines of at most `columns`, unless one word is longer */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line]
}
