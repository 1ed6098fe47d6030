/**
 * The command line of `qdbsh`: options first, and what follows is the command with its arguments, word by word as it stands.
 * So a content may begin with a hyphen. `--` ends the options where the command's name would be taken for one.
 */
import { requestTimeoutMsDefault, requestTimeoutMsMax } from "../core/lib/limits.ts"
import { parseDelta } from "../command/time.ts"

export interface Options {
  readonly daemons: readonly string[]
  readonly timeoutMs: number
  readonly json: boolean
  /** Colour where the terminal shows it. */
  readonly color: boolean
  /** What would be asked is answered with yes. */
  readonly yes: boolean
  /** The command and its arguments; empty where the commands come from standard input. */
  readonly words: readonly string[]
}

export type OptionsResult =
  | { readonly kind: "run"; readonly options: Options }
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "wrong"; readonly message: string }

/** Names of options, and whether a value follows (after `=` or as the next word). */
const known: ReadonlyMap<string, "value" | "flag"> = new Map([
  ["--daemon", "value"],
  ["--timeout", "value"],
  ["--json", "flag"],
  ["--no-color", "flag"],
  ["--yes", "flag"],
  ["--help", "flag"],
  ["--version", "flag"],
])
const short: ReadonlyMap<string, string> = new Map([
  ["-h", "--help"],
  ["-v", "--version"],
])

export const usageText = `qdbsh: the shell of qdb

  qdbsh [OPTION…]                          interactive on a terminal, else commands from standard input
  qdbsh [OPTION…] COMMAND [ARGUMENT…]      one command

Options:
  --daemon HOST[:PORT][,HOST[:PORT]…]      the daemons to try, in this order; port 2836 unless given
                                           (else the environment's QDB_DAEMON, else 127.0.0.1:2836)
  --timeout SECONDS                        what one request may take: 60 unless given, 300 at most
  --json                                   print each result as a line of JSON
  --no-color                               no colours, as with NO_COLOR in the environment
  --yes                                    let remove_all and cluster_recover go on without asking
  -h, --help                               this text
  -v, --version                            the version

qdbsh help lists the commands, qdbsh help COMMAND tells about one.
Exit status: 0 done, 1 failed, 2 usage, 3 cannot connect, 4 outcome unknown, 130 interrupted.
`

const wrong = (message: string): OptionsResult => ({ kind: "wrong", message })

/** @param argv without the executable */
export function parseOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): OptionsResult {
  const found = new Map<string, string>()
  let at = 0
  for (; at < argv.length; at++) {
    const word = argv[at] as string
    if (word === "--") {
      at++
      break
    }
    if (!word.startsWith("-") || word === "-") break
    const [written, inline] = splitOption(word)
    const name = short.get(written) ?? written
    const kind = known.get(name)
    if (kind === undefined) return wrong(`${JSON.stringify(written)} is not an option; see qdbsh --help`)
    if (kind === "flag") {
      if (inline !== undefined) return wrong(`${name} takes no value`)
      found.set(name, "")
      continue
    }
    const value = inline ?? argv[++at]
    if (value === undefined || value === "") return wrong(`${name} needs a value`)
    found.set(name, value)
  }
  if (found.has("--help")) return { kind: "help" }
  if (found.has("--version")) return { kind: "version" }
  return finish(found, argv.slice(at), env)
}

function finish(
  found: ReadonlyMap<string, string>,
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): OptionsResult {
  const timeout = found.get("--timeout")
  const timeoutMs = timeout === undefined ? requestTimeoutMsDefault : millisecondsOf(timeout)
  if (timeoutMs === undefined) {
    return wrong(`--timeout is a number of seconds above 0 and at most ${requestTimeoutMsMax / 1000}`)
  }
  // These two take no content, so the option may stand behind them.
  const asks =
    (words[0] === "remove_all" && words.length === 2) ||
    (words[0] === "cluster_recover" && words.length === 3)
  const yesBehind = asks && words.at(-1) === "--yes"
  return {
    kind: "run",
    options: {
      daemons: [found.get("--daemon") ?? (env["QDB_DAEMON"] || "127.0.0.1:2836")],
      timeoutMs,
      json: found.has("--json"),
      color: !found.has("--no-color") && !env["NO_COLOR"] && env["TERM"] !== "dumb",
      yes: found.has("--yes") || yesBehind,
      words: yesBehind ? words.slice(0, -1) : words,
    },
  }
}

function splitOption(word: string): [name: string, value: string | undefined] {
  const equals = word.startsWith("--") ? word.indexOf("=") : -1
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)]
}

function millisecondsOf(seconds: string): number | undefined {
  const parsed = parseDelta(seconds)
  return parsed.ok && parsed.value > 0 && parsed.value <= requestTimeoutMsMax ? parsed.value : undefined
}
