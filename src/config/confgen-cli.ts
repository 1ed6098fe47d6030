/** `qdbd confgen`: the generator on the command line, with the page's questions, answers and bytes. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { parseAnswersFile } from "./answers-file.ts"
import { defaultAnswers, fieldLabels, readAnswers } from "./answers.ts"
import type { Answers, Field, Plan, Remark } from "./answers.ts"
import { archiveName, download, zipFiles } from "./archive.ts"
import type { CommandIo } from "./command-io.ts"
import { communityLicense } from "./community-license.ts"
import { generateFiles } from "./generate.ts"
import { askAnswers } from "./questions.ts"
import { printable } from "./problem.ts"
import { suggest } from "./suggest.ts"

const usage = `Usage: qdbd confgen --host HOST [--host HOST …] [flags]

Makes the configuration files of a whole cluster. One host: HOST.conf; several: a zip archive. On a terminal, without flags,
it asks. The page at /confgen of a node's HTTP address does the same.

  --host=HOST[:PORT]     a node; repeat it for each (port 2836 if none is given)
  --replication=COPIES   copies of each entry, 1 to 4 [1]
  --ram=SIZE             memory per node, like 16GiB [automatic]
  --disk=SIZE            disk space per node, like 1TB [no quota]
  --cores=N              cores per node [automatic]
  --sessions=N           clients connected at once, per node [2000]
  --sync, --no-sync      acknowledge a write only once it is on disk [yes]
  --transient            keep entries in memory alone
  --log-level=LEVEL      detailed, debug, info, warning, error, panic [info]
  --from=ANSWERS.JSON    begin with the answers in a file; flags override them
  --add=HOST[:PORT]      add a node to those of --from; places on the ring of the others stay
  --license-file=PATH    the license to put into the archive [the community license]
  -o, --output=PATH      file to write; a folder, with / at its end or existing, gets the files themselves;
                         - is standard output [HOST.conf or ${archiveName}]
  --force                replace files that exist
  -h, --help             print this text

Exit status: 0 done, 1 could not be written, 2 usage or wrong answers.
`

const string = { type: "string" } as const
const boolean = { type: "boolean" } as const
const options = {
  host: { type: "string", multiple: true },
  add: { type: "string", multiple: true },
  replication: string,
  ram: string,
  disk: string,
  cores: string,
  sessions: string,
  sync: boolean,
  transient: boolean,
  "log-level": string,
  from: string,
  "license-file": string,
  output: { type: "string", short: "o" },
  force: boolean,
  help: { type: "boolean", short: "h" },
} as const

type Values = ReturnType<typeof parse>["values"]

const parse = (argv: readonly string[]) =>
  parseArgs({ args: [...argv], options, strict: true, allowPositionals: false, allowNegative: true })

/** What stops the command: a text for the person, and the exit status. */
class Stop extends Error {
  readonly status: 1 | 2
  constructor(status: 1 | 2, message: string) {
    super(message)
    this.status = status
  }
}

/** @param argv what follows `confgen`. @returns the exit status: 0 done, 1 could not be written, 2 usage or wrong answers */
export async function run(argv: readonly string[], io: CommandIo): Promise<0 | 1 | 2> {
  try {
    const values = readFlags(argv)
    if (values.help === true) {
      io.stdout(usage)
      return 0
    }
    const asks = argv.length === 0 && io.ask !== undefined
    const answers = asks ? await askAnswers(io.ask, io.stderr) : answersOf(values, io)
    if (answers === undefined)
      throw new Stop(2, "the input ended before all was answered; nothing is written")
    const { plan, faults, notices } = readAnswers(answers)
    for (const remark of notices) io.stderr(`note: ${remarkText(remark, answers)}\n`)
    if (plan === undefined) throw new Stop(2, faults.map((remark) => remarkText(remark, answers)).join("\n"))
    write(answers, plan, values, io)
    return 0
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    io.stderr(`${error.message}\n`)
    return error.status
  }
}

function readFlags(argv: readonly string[]): Values {
  try {
    return parse(argv).values
  } catch (error) {
    // parseArgs says what is wrong in its own words; what it does not do is to name the flag that was meant.
    const unknown = argv.find(
      (word) =>
        word.startsWith("--") &&
        !Object.hasOwn(options, (word.slice(2).split("=")[0] as string).replace(/^no-/, "")),
    )
    const best =
      unknown === undefined
        ? undefined
        : suggest(unknown.slice(2).split("=")[0] as string, Object.keys(options))
    const hint = best === undefined ? "qdbd confgen --help lists the flags" : `did you mean --${best}?`
    throw new Stop(2, `${(error as Error).message.split(". ")[0]}; ${hint}`)
  }
}

function answersOf(values: Values, io: CommandIo): Answers {
  const from = values.from === undefined ? undefined : readFrom(values.from, io)
  if (from === undefined && values.host === undefined && values.add === undefined)
    throw new Stop(2, usage.trimEnd())
  if (from === undefined && values.add !== undefined)
    throw new Stop(2, "--add adds to an existing set: name its answers with --from answers.json")
  const base = from ?? { ...defaultAnswers, hosts: [] }
  const hosts = values.host ?? base.hosts
  const kept = values.host === undefined ? base.places.slice(0, hosts.length) : []
  return {
    ...base,
    hosts: [...hosts, ...(values.add ?? [])],
    places: kept,
    ram: values.ram ?? base.ram,
    disk: values.disk ?? base.disk,
    cores: values.cores ?? base.cores,
    replication: values.replication ?? base.replication,
    sessions: values.sessions ?? base.sessions,
    sync: values.sync ?? base.sync,
    persistence: values.transient === undefined ? base.persistence : values.transient ? "transient" : "disk",
    logLevel: values["log-level"] ?? base.logLevel,
  }
}

function readFrom(name: string, io: CommandIo): Answers {
  const { answers, wrong } = parseAnswersFile(readText(name, io))
  if (answers === undefined) throw new Stop(2, wrong.map((text) => `${name}: ${text}`).join("\n"))
  return answers
}

function readText(name: string, io: CommandIo): string {
  try {
    return readFileSync(resolve(io.cwd, name), "utf8")
  } catch (error) {
    throw new Stop(2, `${name}: cannot be read: ${(error as Error).message}`)
  }
}

const flagNames: Partial<Record<Field, string>> = {
  hosts: "host",
  logLevel: "log-level",
  persistence: "transient",
}

/** @returns a remark with the question it belongs to, its flag, and the answer */
function remarkText({ field, index, text }: Remark, answers: Answers): string {
  const value = answers[field]
  const item = index === undefined ? value : ((value as readonly string[])[index] ?? "")
  const shown =
    Array.isArray(item) || typeof item === "boolean" || item === ""
      ? ""
      : ` ${JSON.stringify(printable(String(item)))}`
  const node = index === undefined ? "" : ` of node ${index + 1}`
  return `${fieldLabels[field]}${node} (--${flagNames[field] ?? field})${shown}: ${text}`
}

function write(answers: Answers, plan: Plan, values: Values, io: CommandIo): void {
  const license =
    values["license-file"] === undefined ? communityLicense : readText(values["license-file"], io)
  const { name, bytes } = download(answers, plan, license)
  const output = values.output ?? name
  if (output === "-") {
    io.stdout(bytes)
    return
  }
  const path = resolve(io.cwd, output)
  const isFolder = /[/\\]$/.test(output) || (existsSync(path) && statSync(path).isDirectory())
  const files = isFolder
    ? folderFiles(path, answers, plan, license)
    : [{ path, bytes: asNamed(output, name, bytes, answers, plan, license) }]
  const taken = files.filter((file) => existsSync(file.path))
  if (taken.length > 0 && values.force !== true) {
    throw new Stop(1, `${taken.map((file) => file.path).join(", ")}: exists already; --force replaces it`)
  }
  try {
    for (const file of files) {
      mkdirSync(dirname(file.path), { recursive: true })
      writeFileSync(file.path, file.bytes)
    }
  } catch (error) {
    throw new Stop(1, `cannot be written: ${(error as Error).message}`)
  }
  for (const file of files) io.stderr(`wrote ${file.path}\n`)
}

/** Whoever names a zip for a single host gets one. */
function asNamed(
  output: string,
  name: string,
  bytes: Uint8Array,
  answers: Answers,
  plan: Plan,
  license: string,
): Uint8Array {
  return output.endsWith(".zip") && !name.endsWith(".zip")
    ? zipFiles(generateFiles(answers, plan, license))
    : bytes
}

function folderFiles(folder: string, answers: Answers, plan: Plan, license: string) {
  return generateFiles(answers, plan, license).map(({ name, text }) => ({
    path: join(folder, name),
    bytes: Buffer.from(text),
  }))
}
