/**
 * One line of text into one command with its arguments, by the rules of quasardb's shell:
 *
 * - Words are separated by one *or more* spaces. Nothing else separates, quotes or escapes.
 * - A content or comparand that is the last argument is preceded by *exactly one* space and runs to the end of the line:
 *   further spaces, also at its end, belong to it. So `put a  b` stores " b", and `put a ` (one space at the end) stores an
 *   empty content, while `put a` names none.
 * - A content that is not given, or is `-`, is read from standard input.
 *
 * The parser is the same for one-shot use (whose arguments are joined by one space), for scripts and for the interactive
 * shell; they differ in what standard input holds (`Input`). It works on strings and never looks inside of them, so a
 * caller may hand in text (one code unit a character) or bytes (one code unit a byte, latin1) and encodes the parts alike.
 */
import { aliasBytesMax } from "../core/lib/limits.ts"
import type { Argument, Command, OptionName } from "./command.ts"
import { trailingArgument, usageOf } from "./command.ts"
import { quote } from "./quote.ts"
import { takeOptions } from "./take-options.ts"
import { suggestionFor } from "./suggest.ts"
import { commandOf } from "./table.ts"
import { parseDelta, parseExpiry } from "./time.ts"

/**
 * What standard input is to the command: `free` for it to read, a `terminal` (to wait there silently would look like a hang,
 * so it must be asked for with `-`), or the `commands` themselves.
 */
export type Input = "free" | "terminal" | "commands"

/** The arguments of a command by kind. Fields that it does not have are empty, 0 or undefined. */
export interface Invocation {
  readonly command: Command
  alias: string
  prefix: string
  /** Undefined where `fromInput` says so. */
  content: string | undefined
  comparand: string | undefined
  /** The argument to be read from standard input. */
  fromInput: "content" | "comparand" | undefined
  /** Of `expires_at` milliseconds since the epoch, 0 = never; of `expires_from_now` milliseconds from now. */
  expiresMs: number
  address: string | undefined
  reason: string
  /** A node, or several; a setting and its value. */
  target: string
  value: string
  /** Durations in milliseconds. */
  options: ReadonlyMap<OptionName, string | number>
  /** The command that help is asked for. */
  topic: Command | undefined
}

export type ParseResult =
  | { readonly ok: true; readonly invocation: Invocation }
  | { readonly ok: false; readonly message: string; readonly command: Command | undefined }

/** @param line without its line end; a one-shot command may hold line ends in its content */
export function parseLine(line: string, input: Input): ParseResult {
  let scanner = new Scanner(line)
  const name = scanner.word()
  const command = commandOf(name)
  if (command === undefined) return unknownCommand(name)
  const invocation = emptyInvocation(command)
  if (command.options !== undefined) {
    const taken = takeOptions(command.options, scanner.rest())
    if (!taken.ok) return { ok: false, message: taken.wrong, command }
    invocation.options = taken.value.options
    scanner = new Scanner(taken.value.words)
  }
  const trailing = trailingArgument(command)
  for (const argument of command.arguments) {
    const wrong =
      argument === trailing && argument.kind !== "reason"
        ? readTrailing(argument, scanner, input, invocation)
        : readWord(argument, scanner, input, invocation)
    if (wrong !== undefined) return { ok: false, message: wrong, command }
  }
  const left = scanner.rest().trim()
  if (left !== "") return { ok: false, message: `too many arguments: ${quote(left)}`, command }
  return { ok: true, invocation }
}

class Scanner {
  private readonly line: string
  private position = 0

  constructor(line: string) {
    this.line = line
  }

  /** @returns the next word behind any spaces, or "" at the end */
  word(): string {
    while (this.line[this.position] === " ") this.position++
    const start = this.position
    const end = this.line.indexOf(" ", start)
    this.position = end < 0 ? this.line.length : end
    return this.line.slice(start, this.position)
  }

  /** @returns the next word, without going on to it */
  peek(): string {
    const position = this.position
    const word = this.word()
    this.position = position
    return word
  }

  /** @returns all behind exactly one space, or undefined if there is not even that space */
  trailing(): string | undefined {
    if (this.position >= this.line.length) return undefined
    const start = this.position + 1
    this.position = this.line.length
    return this.line.slice(start)
  }

  rest(): string {
    const start = this.position
    this.position = this.line.length
    return this.line.slice(start)
  }
}

/** @returns what is wrong, or undefined */
function readTrailing(
  argument: Argument,
  scanner: Scanner,
  input: Input,
  into: Invocation,
): string | undefined {
  const text = scanner.trailing()
  const kind = argument.kind as "content" | "comparand"
  if (text !== undefined && text !== "-") {
    into[kind] = text
    return undefined
  }
  if (text === undefined && input === "terminal") {
    return `the ${kind} is missing; write - to type it, ended by Ctrl-D`
  }
  return takeInput(kind, text !== undefined, input, into)
}

function takeInput(
  kind: "content" | "comparand",
  dash: boolean,
  input: Input,
  into: Invocation,
): string | undefined {
  if (input === "commands") {
    return dash
      ? `the ${kind} cannot be read from standard input, which holds the commands`
      : `the ${kind} is missing`
  }
  if (into.fromInput !== undefined) return `only one argument can be read from standard input`
  into.fromInput = kind
  return undefined
}

/** @returns what is wrong, or undefined */
function readWord(argument: Argument, scanner: Scanner, input: Input, into: Invocation): string | undefined {
  if (argument.kind === "reason") {
    into.reason = scanner.rest().trim()
    return into.reason === "" ? "the reason is missing" : undefined
  }
  if (argument.kind === "address" && into.command.arguments.length > 1 && !isAddressLike(scanner.peek())) {
    return undefined
  }
  const word = scanner.word()
  if (word === "") return argument.optional ? undefined : `the ${argument.name} is missing`
  return takeWord(argument, word, input, into)
}

function takeWord(argument: Argument, word: string, input: Input, into: Invocation): string | undefined {
  switch (argument.kind) {
    case "alias":
    case "prefix":
      // The exact bound is on bytes and the server's; a string has no more code units than UTF-8 has bytes.
      if (word.length > aliasBytesMax) return `the ${argument.name} is longer than ${aliasBytesMax} bytes`
      into[argument.kind] = word
      return undefined
    case "expiry":
    case "delta": {
      const parsed = argument.kind === "expiry" ? parseExpiry(word) : parseDelta(word)
      if (!parsed.ok) return `${argument.name} ${quote(word)} ${parsed.wrong}`
      into.expiresMs = parsed.value
      return undefined
    }
    case "content":
    case "comparand":
      if (word === "-") return takeInput(argument.kind, true, input, into)
      into[argument.kind] = word
      return undefined
    case "address":
      into.address = word
      return undefined
    case "node":
    case "nodes":
    case "setting":
      into.target = word
      return undefined
    case "value":
      into.value = word
      return undefined
    case "command":
      into.topic = commandOf(word)
      return into.topic === undefined ? unknownMessage(word) : undefined
    case "reason":
      return undefined
  }
}

/**
 * Whether a word in front of a reason is an address. A bare name is not: the first word of a reason could be one, and the
 * wrong node would stop.
 */
function isAddressLike(word: string): boolean {
  return (
    /^\[[^\]]*\](:\d+)?$/.test(word) ||
    /^[^:]*[A-Za-z][^:]*:\d+$/.test(word) ||
    /^\d+(\.\d+){3}(:\d+)?$/.test(word)
  )
}

function unknownCommand(name: string): ParseResult {
  return {
    ok: false,
    message: name === "" ? "a command is missing" : unknownMessage(name),
    command: undefined,
  }
}

function unknownMessage(name: string): string {
  const suggestion = suggestionFor(name)
  const hint = suggestion === undefined ? "help lists the commands" : `did you mean ${usageOf(suggestion)}?`
  return `${quote(name)} is not a command; ${hint}`
}

function emptyInvocation(command: Command): Invocation {
  return {
    command,
    alias: "",
    prefix: "",
    content: undefined,
    comparand: undefined,
    fromInput: undefined,
    expiresMs: 0,
    address: undefined,
    reason: "",
    target: "",
    value: "",
    options: new Map(),
    topic: undefined,
  }
}
