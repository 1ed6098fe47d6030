/** The chapter of the manual (`docs/shell.md`) that the command table writes: Markdown. */
import { errorTable } from "../../src/wire/errors.ts"
import { commands } from "../../src/command/table.ts"
import { type Command, type CommandClass, usageOf } from "../../src/command/command.ts"
import { wrap } from "../../src/command/help.ts"

const columnsMax = 110

const classTitles: Readonly<Record<CommandClass, string>> = {
  read: "Reads an entry.",
  write: "Changes an entry, exactly once however often it has to be sent.",
  list: "Walks many entries; not one step.",
  node: "Concerns a node or the cluster.",
  shell: "The shell's own; asks no node.",
}

/** @returns a table of all commands, then a section each */
export function commandManual(): string {
  const rows = commands.map(
    (c) => `| [\`${code(usageOf({ ...c, options: [] }))}\`](#${c.name}) | ${c.summary} |`,
  )
  const table = ["| command | |", "|---|---|", ...rows].join("\n")
  return `${table}\n\n${commands.map(section).join("\n")}`
}

function section(command: Command): string {
  const lines = [`### ${command.name}`, "", "```", usageOf(command), "```", ""]
  lines.push(
    ...wrap(`${command.description} ${classTitles[command.class]} Since ${command.since}.`, columnsMax),
  )
  if (command.options !== undefined) {
    lines.push("")
    for (const { name, kind, summary } of command.options) {
      lines.push(`- \`${kind === "flag" ? name : `${name} <${kind}>`}\`: ${summary}`)
    }
  }
  if (command.errors.length > 0) {
    const names = command.errors.map((name) => `[\`${name}\`](#errors)`)
    lines.push("", ...wrap(`Errors: ${names.join(", ")}.`, columnsMax))
  }
  lines.push("", "```")
  for (const example of command.examples) {
    lines.push(`ok:qdbsh> ${example.input}`)
    if (example.output !== undefined) lines.push(example.output)
  }
  lines.push("```", "")
  return lines.join("\n")
}

/** @returns a table of all errors */
export function errorManual(): string {
  const rows = errorTable.map(
    (e) => `| ${e.code} | \`${e.name}\` | ${e.exitStatus} | ${e.message} ${e.solution} |`,
  )
  return ["| code | name | exit status | |", "|---|---|---|---|", ...rows, ""].join("\n")
}

/** A bar would end the cell. */
function code(text: string): string {
  return text.replaceAll("|", "\\|")
}
