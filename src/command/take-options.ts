/**
 * The options of a command out of the words behind its name: `--timeout 20s` or `--timeout=20s`, in front of arguments,
 * between or behind them.
 */
import { plannedNodesMax, requestTimeoutMsMax } from "../core/lib/limits.ts"
import type { CommandOption, OptionName } from "./command.ts"
import { quote } from "./quote.ts"
import { type Parsed, parseDuration } from "./time.ts"

export interface TakenOptions {
  /** The other words, joined by one space. */
  readonly words: string
  /** Values by name: of a flag "", of a duration its milliseconds. */
  readonly options: ReadonlyMap<OptionName, string | number>
}

export function takeOptions(known: readonly CommandOption[], text: string): Parsed<TakenOptions> {
  const options = new Map<OptionName, string | number>()
  const left: string[] = []
  const words = text.split(" ").filter((word) => word !== "")
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string
    if (!word.startsWith("--")) {
      left.push(word)
      continue
    }
    const equals = word.indexOf("=")
    const name = equals < 0 ? word : word.slice(0, equals)
    const option = known.find((o) => o.name === name)
    if (option === undefined) {
      return wrong(`${quote(name)} is not an option here; it has ${known.map((o) => o.name).join(", ")}`)
    }
    if (options.has(option.name)) return wrong(`${name} stands twice`)
    if (option.kind === "flag") {
      if (equals >= 0) return wrong(`${name} takes no value`)
      options.set(option.name, "")
      continue
    }
    const value = equals < 0 ? words[++at] : word.slice(equals + 1)
    if (value === undefined || value === "") return wrong(`${name} needs a value`)
    const parsed = parseValue(option, value)
    if (!parsed.ok) return wrong(`${name} ${quote(value)} ${parsed.wrong}`)
    options.set(option.name, parsed.value)
  }
  return { ok: true, value: { words: left.length === 0 ? "" : ` ${left.join(" ")}`, options } }
}

function parseValue({ kind }: CommandOption, value: string): Parsed<string | number> {
  if (kind === "nodes") return { ok: true, value }
  if (kind === "duration") {
    const parsed = parseDuration(value)
    if (!parsed.ok || (parsed.value > 0 && parsed.value <= requestTimeoutMsMax)) return parsed
    return wrong(`is not above 0 and at most ${requestTimeoutMsMax / 1000} s`)
  }
  const count = /^\d{1,4}$/.test(value) ? Number(value) : 0
  if (count > 0 && count <= plannedNodesMax) return { ok: true, value: count }
  return wrong(`is not a count from 1 to ${plannedNodesMax}`)
}

const wrong = (text: string) => ({ ok: false, wrong: text }) as const
