/** `qdbd confgen`: the generator on the command line, with the page's questions, answers and bytes. */
import { readFileSync, statSync } from "node:fs"
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { configFileBytesMax } from "../core/lib/limits.ts"
import { parseAnswersFile } from "./answers-file.ts"
import { defaultAnswers, fieldLabels, readAnswers } from "./answers.ts"
import type { Answers, Field, Remark } from "./answers.ts"
import { archiveName, download } from "./archive.ts"
import type { CommandIo } from "./command-io.ts"
import { communityLicense } from "./community-license.ts"
import { outputFiles, takenPaths, writeFiles } from "./confgen-output.ts"
import type { Made, OutputFile } from "./confgen-output.ts"
import { grownAnswers } from "./generate.ts"
import { askAnswers } from "./questions.ts"
import { printable } from "./problem.ts"
import { suggest } from "./suggest.ts"

const usage = `Usage: qdbd confgen --host HOST [--host HOST …] [flags]

Makes the configuration files of a whole cluster. One host: HOST.conf; several: a zip archive. On a terminal, without hosts,
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
    const ask = asksFor(values) ? io.ask : undefined
    const answers = ask === undefined ? answersOf(values, io) : await askAnswers(ask, io.stderr)
    if (answers === undefined)
      throw new Stop(2, "the input ended before all was answered; nothing is written")
    const { plan, faults, notices } = readAnswers(answers)
    for (const remark of notices) io.stderr(`note: ${remarkText(remark, answers)}\n`)
    if (plan === undefined) throw new Stop(2, faults.map((remark) => remarkText(remark, answers)).join("\n"))
    const license =
      values["license-file"] === undefined ? communityLicense : readText(values["license-file"], io)
    await write({ answers, plan, license }, values, { ...io, ask })
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
  const answers: Answers = {
    ...base,
    hosts,
    places: values.host === undefined ? base.places : [],
    ram: values.ram ?? base.ram,
    disk: values.disk ?? base.disk,
    cores: values.cores ?? base.cores,
    replication: values.replication ?? base.replication,
    sessions: values.sessions ?? base.sessions,
    sync: values.sync ?? base.sync,
    persistence: values.transient === undefined ? base.persistence : values.transient ? "transient" : "disk",
    logLevel: values["log-level"] ?? base.logLevel,
  }
  return values.add === undefined ? answers : grownAnswers(answers, values.add)
}

function readFrom(name: string, io: CommandIo): Answers {
  const { answers, wrong } = parseAnswersFile(readText(name, io))
  if (answers === undefined) throw new Stop(2, wrong.map((text) => `${name}: ${text}`).join("\n"))
  return answers
}

function readText(name: string, io: CommandIo): string {
  try {
    const path = resolve(io.cwd, name)
    const status = statSync(path)
    if (!status.isFile()) throw new Stop(2, `${name}: is no file`)
    if (status.size > configFileBytesMax)
      throw new Stop(2, `${name}: is larger than ${configFileBytesMax} bytes`)
    return readFileSync(path, "utf8")
  } catch (error) {
    if (error instanceof Stop) throw error
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

/** Answers from flags are not mixed with answers to questions; where to put the files may be told by flags as well. */
function asksFor(values: Values): boolean {
  const told = Object.keys(values).filter((name) => !["output", "force", "license-file"].includes(name))
  return told.length === 0
}

type Asking = Omit<CommandIo, "ask"> & { readonly ask: CommandIo["ask"] | undefined }

/** Nothing that exists is replaced unasked; whoever has answered all questions is asked, and loses no answer. */
async function write(made: Made, { output, force }: Values, io: Asking): Promise<void> {
  if (output === "-") return io.stdout(download(made.answers, made.plan, made.license).bytes)
  let name = output
  let files: readonly OutputFile[]
  for (;;) {
    const found = outputFiles(made, name, io.cwd)
    if ("wrong" in found) throw new Stop(2, `--output ${JSON.stringify(name)}: ${found.wrong}`)
    files = found
    const taken = takenPaths(files)
    if (taken.length === 0 || force === true) break
    const text = `${taken.join(", ")}: exists already`
    if (io.ask === undefined) throw new Stop(1, `${text}; --force replaces it`)
    const line = await io.ask(`${text}; another name, or empty to replace it: `)
    if (line === undefined) throw new Stop(1, "the input ended; nothing is written")
    if (line.trim() === "") break
    name = line.trim()
  }
  const wrong = writeFiles(files)
  if (wrong !== undefined) throw new Stop(1, wrong)
  for (const { path } of files) io.stderr(`wrote ${path}\n`)
}
