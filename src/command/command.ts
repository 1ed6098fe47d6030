/**
 * What a command *is*, as data (Valkey's `src/commands/*.json` gave the idea): the parser, the help, the completion, the
 * manual and the rendering of replies all read this one shape, so that none of them can know of a command, an argument or
 * a rule that the others do not.
 *
 * Rejected: a class per command with `parse` and `run` methods. It spreads the rules of the command line over twenty files,
 * and the manual would again be written by hand.
 */
import type { ErrorName } from "../wire/errors.ts"

/**
 * What an argument means, and so how its text is checked:
 *
 * - `alias`: one word, 1 to 1024 bytes
 * - `content`, `comparand`: any bytes. As the last argument: the rest of the line after exactly one space
 * - `expiry`: one word: an RFC 3339 time, seconds since the epoch, or `never`
 * - `delta`: one word: seconds from now
 * - `prefix`: one word, at least one byte
 * - `address`: one word: `HOST[:PORT]`
 * - `node`: one word: a member's node id or its address
 * - `nodes`: one word: several of those with commas between them
 * - `setting`, `value`: one word: a setting of the cluster, and what it is to be
 * - `reason`: the rest of the line
 * - `command`: one word: a command's name
 */
export type ArgumentKind =
  | "alias"
  | "content"
  | "comparand"
  | "expiry"
  | "delta"
  | "prefix"
  | "address"
  | "node"
  | "nodes"
  | "setting"
  | "value"
  | "reason"
  | "command"

export interface Argument {
  readonly name: string
  readonly kind: ArgumentKind
  readonly optional: boolean
}

/** @param kind what it means; @param optional whether it may be left out */
export function argument(name: string, kind: ArgumentKind, optional: boolean = false): Argument {
  return { name, kind, optional }
}

/**
 * What follows an option: nothing; a `duration` (`20s`, `500ms`, `2m`, or seconds); a `count`; `nodes`, as the argument.
 */
export type OptionKind = "flag" | "duration" | "count" | "nodes"

/** A word that begins with two hyphens, anywhere behind the command's name. Commands that have any take no content. */
export interface CommandOption {
  readonly name: OptionName
  readonly kind: OptionKind
  /** A phrase: what it does. */
  readonly summary: string
}

export type OptionName = "--stable" | "--serving" | "--timeout" | "--wait" | "--force" | "--add" | "--remove"

/** `read`, `write`, `list` and `node` are the wire's classes (`core/entry/operation.ts`); `shell` never leaves the shell. */
export type CommandClass = "read" | "write" | "list" | "node" | "shell"

/**
 * How the answer is printed:
 *
 * - `silent`: nothing
 * - `content`: the bytes
 * - `swap`: the stored content, also where it did not match
 * - `boolean`: `true` or `false`
 * - `aliases`: one a line, in byte order
 * - `expiry`: RFC 3339 in UTC with milliseconds, or `never`
 * - `document`: JSON
 * - `progress`: nothing on success; how far it came on a terminal
 * - `text`: what the shell itself has to say
 */
export type ReplyKind =
  "silent" | "content" | "swap" | "boolean" | "aliases" | "expiry" | "document" | "progress" | "text"

export interface Example {
  readonly input: string
  /** What it prints; absent where it prints nothing. */
  readonly output?: string
}

export interface Command {
  readonly name: CommandName
  readonly class: CommandClass
  readonly arguments: readonly Argument[]
  readonly options?: readonly CommandOption[]
  /** One line, in the imperative, without a full stop. */
  readonly summary: string
  /** Sentences. */
  readonly description: string
  /** The first version of qdb that has it. */
  readonly since: string
  readonly reply: ReplyKind
  readonly examples: readonly Example[]
  /** Errors that say something about this command; those of every request (`timeout`, …) are not repeated. */
  readonly errors: readonly ErrorName[]
  /** What others call it: the shell suggests this command when it reads one of these. */
  readonly otherNames: readonly string[]
}

export type CommandName =
  | "put"
  | "update"
  | "get"
  | "remove"
  | "get_update"
  | "get_remove"
  | "cas"
  | "remove_if"
  | "expires_at"
  | "expires_from_now"
  | "get_expiry"
  | "prefix_get"
  | "remove_all"
  | "node_status"
  | "node_config"
  | "node_topology"
  | "cluster_status"
  | "cluster_wait"
  | "cluster_plan"
  | "cluster_remove_node"
  | "cluster_recover"
  | "cluster_set"
  | "stop_node"
  | "help"
  | "version"
  | "exit"

const restOfLine: ReadonlySet<ArgumentKind> = new Set(["content", "comparand", "reason"])

/**
 * @returns the argument that runs to the end of the line, if the command's last one does. A content that is not the last
 * argument (that of `cas`) is one word.
 */
export function trailingArgument(command: Command): Argument | undefined {
  const last = command.arguments.at(-1)
  return last !== undefined && restOfLine.has(last.kind) ? last : undefined
}

/** @returns `cas <alias> <content> <comparand>`; options, and arguments that may be left out, in brackets */
export function usageOf(command: Command): string {
  const words = command.arguments.map((a) => (a.optional ? `[<${a.name}>]` : `<${a.name}>`))
  const options = (command.options ?? []).map((o) =>
    o.kind === "flag" ? `[${o.name}]` : `[${o.name} <${o.kind}>]`,
  )
  return [command.name, ...words, ...options].join(" ")
}
