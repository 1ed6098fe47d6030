/** `docs/configuration.md`, written from the schema; a test compares, `scripts/configuration-manual.ts` writes it anew. */
import { variableOf } from "./environment.ts"
import { actionFlags } from "./flags.ts"
import { defaultText } from "./help.ts"
import { configFileText, defaults } from "./print.ts"
import { foreignKeys, reservedSections, schema, settingPaths } from "./schema.ts"
import type { SettingPath } from "./config.ts"
import { allowedText } from "./value.ts"

const introduction = `# Configuration

A node is configured by a file (\`qdbd -c FILE\`), by environment variables and by flags. A flag overrides a variable,
which overrides the file, which overrides the default. \`qdbd confgen\`, or the page of the same name, makes the files of a
whole cluster.

- \`qdbd --gen-config\` prints the file of defaults; other flags beside it are written into it.
- \`qdbd -c FILE --check-config\` reports **every** problem, not only the first, and starts nothing. A node that is started
  with such a file reports the same and exits with status 2.
- \`qdbd -c FILE --print-config\` prints what is in effect and where each value comes from; \`--json\` prints it as JSON.

A problem reads \`FILE:LINE:COLUMN: key = value: what is wrong; what is allowed\`. For a flag or a variable its name stands in
place of the file: \`flag --sessions: local.network.server_sessions = "12": is too small; allowed: …\`. Lines and columns count
from 1, columns in characters.

## The file

JSON in UTF-8, at most 1 MiB, without comments and without commas at the end of a list. Keys may be left out; a key that is
unknown, repeated, or has a value that is not allowed is an error: a mistyped replication factor must not silently mean 1.
A relative path is relative to the file; in a flag or variable, to the working directory. One that is left out is relative to
the file, if there is one. With every default written out:

`

const sources = `
## Variables

The variable of a key is \`QDB_\` and its path in capitals, levels joined by two underscores: \`local.network.listen_on\` is
\`QDB_LOCAL__NETWORK__LISTEN_ON\`. Lists are separated by commas. Any other variable that begins with \`QDB_\` is an error, except
\`QDB_DAEMON\`, which is the shell's.

## Flags

Any key can be set by \`--set PATH=VALUE\`, and those used most have flags of their own. A flag's value follows \`=\` or a space.
Yes-or-no flags also take \`=false\`, or \`--no-\` before their name. Byte counts take units (\`16GiB\`, \`2TB\`; a lone letter is
binary), log levels names or numbers. \`--peer\` and \`--log-file\` may be repeated. These ask for something else:

`

const agreed = `
## What the cluster agrees on

Keys marked *cluster* are fixed when the cluster is founded. A node that joins with other values adopts the cluster's, and
logs each difference; \`--print-config\` of its running self (\`node_config\` in the shell) then names \`cluster\` as their origin.
All others are each node's own.

`

/** @returns the manual's page */
export function configurationManual(): string {
  const parts = [
    introduction,
    "```json\n",
    configFileText(defaults()),
    "```\n",
    sources,
    actionTable(),
    agreed,
    "## Keys\n",
  ]
  let section = ""
  for (const path of settingPaths) {
    const here = path.slice(0, path.lastIndexOf("."))
    if (here !== section) parts.push(`\n### ${here}\n`)
    section = here
    parts.push(`\n${entry(path)}`)
  }
  return [...parts, elsewhere()].join("")
}

function actionTable(): string {
  const rows = Object.entries(actionFlags).map(([name, { short, placeholder, description, hidden = [] }]) => {
    const value = placeholder === undefined ? "" : `=${placeholder}`
    const shorts = short === undefined ? "" : `\`-${short}\`, `
    return `| ${shorts}\`--${name}${value}\` | ${description}${hiddenText(hidden)} |\n`
  })
  return `| flag | |\n|---|---|\n${rows.join("")}`
}

const hiddenText = (hidden: readonly string[]) =>
  hidden.length === 0 ? "" : ` Also: ${hidden.map((name) => `\`--${name}\``).join(", ")}.`

function entry(path: SettingPath): string {
  const { kind, default: value, description, scope, flag, short, placeholder, hidden = [] } = schema[path]
  const shorts = short === undefined ? "" : `\`-${short}\`, `
  const argument = placeholder === undefined ? "" : `=${placeholder}`
  const flagText =
    flag === undefined
      ? ""
      : `; flag: ${shorts}\`--${flag}${argument}\`.${hiddenText(hidden)}`.replace(/\.$/, "")
  const allowed = allowedText(kind).replace(/^allowed: /, "Allowed: ")
  return [
    `**\`${path}\`** (${scope}). ${description}`,
    `${allowed}. Default: ${defaultText(kind, value)}${flagText}; variable: \`${variableOf(path)}\`.\n`,
  ].join("\n")
}

function elsewhere(): string {
  const rows = Object.entries(foreignKeys).map(
    ([key, advice]) => `| \`${key}\` | ${advice.replace(/(use|see) (.*)/, "$1 `$2`")} |\n`,
  )
  return `
## Keys of quasardb that are not here

${reservedSections.map((name) => `\`${name}\``).join(", ")} are reserved for a later version: a file that has them is refused, since to
ignore a security setting would be worse. Other keys that some version of quasardb has, or has elsewhere, are errors that name
the key to use:

| key | |
|---|---|
${rows.join("")}
Defaults that differ from quasardb's: \`global.depot.sync\` is true, \`local.logger.log_to_console\` is true in the foreground, and
\`local.network.partitions_count\` is automatic.
`
}
