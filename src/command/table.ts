/**
 * All commands of `qdbsh`. The order is that of the help and the manual: what one needs first comes first.
 *
 * The names and their meaning are quasardb's, but for those of a cluster's operator (`cluster-commands.ts`); `get_remove` was
 * in its interface for programs but not in its shell of that time.
 */
import { clusterCommands } from "./cluster-commands.ts"
import { argument, type Command, type CommandName } from "./command.ts"

const alias = argument("alias", "alias")
const content = argument("content", "content")
const comparand = argument("comparand", "comparand")
const expiry = argument("expiry", "expiry")

/** The sentence that belongs to each command that stores a content. */
const resetsExpiry = "The entry has no expiry afterwards, whatever it had before."

export const commands: readonly Command[] = [
  {
    name: "put",
    class: "write",
    arguments: [alias, content],
    summary: "create an entry",
    description:
      'Creates an entry. Fails if one of this alias exists: put never overwrites. Aliases that begin with "qdb" belong to the cluster.',
    since: "0.1.0",
    reply: "silent",
    examples: [{ input: "put entry thisismycontent" }],
    errors: ["alias_already_exists", "reserved_alias", "entry_too_large", "disk_full"],
    otherNames: ["add", "create", "insert", "blob_put"],
  },
  {
    name: "update",
    class: "write",
    arguments: [alias, content],
    summary: "create or replace an entry",
    description: `Stores the content under the alias, whether there was such an entry or not. ${resetsExpiry}`,
    since: "0.1.0",
    reply: "silent",
    examples: [{ input: "update entry another content, spaces included" }],
    errors: ["reserved_alias", "entry_too_large", "disk_full"],
    otherNames: ["set", "replace", "upsert", "blob_update"],
  },
  {
    name: "get",
    class: "read",
    arguments: [alias],
    summary: "print an entry's content",
    description: "Prints the content of an entry.",
    since: "0.1.0",
    reply: "content",
    examples: [{ input: "get entry", output: "thisismycontent" }],
    errors: ["alias_not_found"],
    otherNames: ["read", "show", "cat", "blob_get"],
  },
  {
    name: "remove",
    class: "write",
    arguments: [alias],
    summary: "remove an entry",
    description: "Removes an entry. Fails if there is none of this alias.",
    since: "0.1.0",
    reply: "silent",
    examples: [{ input: "remove entry" }],
    errors: ["alias_not_found", "reserved_alias"],
    otherNames: ["delete", "del", "rm", "erase", "unset"],
  },
  {
    name: "get_update",
    class: "write",
    arguments: [alias, content],
    summary: "replace an entry's content and print the former one",
    description: `Replaces the content of an entry, which must exist, and prints the content it had, in one step. ${resetsExpiry}`,
    since: "0.1.0",
    reply: "content",
    examples: [{ input: "get_update entry newcontent", output: "thisismycontent" }],
    errors: ["alias_not_found", "reserved_alias", "entry_too_large", "disk_full"],
    otherNames: ["get_and_update", "getset", "blob_get_and_update"],
  },
  {
    name: "get_remove",
    class: "write",
    arguments: [alias],
    summary: "remove an entry and print its content",
    description: "Removes an entry, which must exist, and prints the content it had, in one step.",
    since: "0.1.0",
    reply: "content",
    examples: [{ input: "get_remove entry", output: "newcontent" }],
    errors: ["alias_not_found", "reserved_alias"],
    otherNames: ["get_and_remove", "getdel", "pop", "blob_get_and_remove"],
  },
  {
    name: "cas",
    class: "write",
    arguments: [alias, content, comparand],
    summary: "replace an entry's content if it equals a comparand",
    description:
      "Compares and swaps: replaces the content of an entry, which must exist, if it equals the comparand, in one step. " +
      "Prints the content that was stored before; if that did not match, nothing was changed and the command fails with " +
      `unmatched_content. The new content is one word; the comparand is the rest of the line. ${resetsExpiry}`,
    since: "0.1.0",
    reply: "swap",
    examples: [{ input: "cas entry newcontent thisismycontent", output: "thisismycontent" }],
    errors: ["unmatched_content", "alias_not_found", "reserved_alias", "entry_too_large", "disk_full"],
    otherNames: ["compare_and_swap", "blob_compare_and_swap"],
  },
  {
    name: "remove_if",
    class: "write",
    arguments: [alias, comparand],
    summary: "remove an entry if its content equals a comparand",
    description:
      "Removes an entry, which must exist, if its content equals the comparand, in one step. Prints true if it was removed; " +
      "prints false, with exit status 1, if the content did not match.",
    since: "0.1.0",
    reply: "boolean",
    examples: [{ input: "remove_if entry thisismycontent", output: "true" }],
    errors: ["alias_not_found", "reserved_alias"],
    otherNames: ["delete_if", "blob_remove_if"],
  },
  {
    name: "expires_at",
    class: "write",
    arguments: [alias, expiry],
    summary: "set the time at which an entry expires",
    description:
      "Sets the time at which an entry expires: a time as in RFC 3339, seconds since the epoch, or never. A time that has " +
      "passed removes the entry. The time is the cluster's, to a millisecond.",
    since: "0.1.0",
    reply: "silent",
    examples: [
      { input: "expires_at entry 2030-01-01T00:00:00Z" },
      { input: "expires_at entry 1893456000" },
      { input: "expires_at entry never" },
    ],
    errors: ["alias_not_found", "reserved_alias"],
    otherNames: ["expireat", "expire_at"],
  },
  {
    name: "expires_from_now",
    class: "write",
    arguments: [alias, argument("seconds", "delta")],
    summary: "let an entry expire after some seconds",
    description:
      "Lets an entry expire so many seconds from now, by the cluster's clock and not by that of this machine. The seconds " +
      "may have decimals, down to a millisecond; 0 removes the entry.",
    since: "0.1.0",
    reply: "silent",
    examples: [{ input: "expires_from_now entry 60" }],
    errors: ["alias_not_found", "reserved_alias"],
    otherNames: ["expire", "ttl"],
  },
  {
    name: "get_expiry",
    class: "read",
    arguments: [alias],
    summary: "print the time at which an entry expires",
    description: "Prints the time at which an entry expires, in UTC, or never.",
    since: "0.1.0",
    reply: "expiry",
    examples: [{ input: "get_expiry entry", output: "2030-01-01T00:00:00.000Z" }],
    errors: ["alias_not_found"],
    otherNames: ["expiry", "get_ttl"],
  },
  {
    name: "prefix_get",
    class: "list",
    arguments: [argument("prefix", "prefix")],
    summary: "list the aliases that begin with a prefix",
    description:
      "Prints the aliases that begin with the prefix, one a line, in byte order. The prefix has at least one byte. Entries " +
      "that are created or removed meanwhile may or may not be listed.",
    since: "0.1.0",
    reply: "aliases",
    examples: [{ input: "prefix_get ent", output: "entry" }],
    errors: [],
    otherNames: ["keys", "list", "ls", "find", "scan"],
  },
  {
    name: "remove_all",
    class: "list",
    arguments: [],
    summary: "remove all entries of the cluster",
    description:
      "Removes every entry of the whole cluster, one by one. It is not one step: others see entries disappear, and what they " +
      "create meanwhile may remain. On a terminal it asks, and the answer must be yes; otherwise it needs the option --yes. " +
      "If an entry could not be removed the command fails, and what it had removed until then stays removed.",
    since: "0.1.0",
    reply: "progress",
    examples: [{ input: "remove_all" }],
    errors: [],
    otherNames: ["cluster_purge", "flush", "flushall", "clear", "truncate"],
  },
  ...clusterCommands,
  {
    name: "help",
    class: "shell",
    arguments: [argument("command", "command", true)],
    summary: "print the commands, or one command's description",
    description: "Prints the list of commands, or all there is to know about one.",
    since: "0.1.0",
    reply: "text",
    examples: [{ input: "help put" }],
    errors: [],
    otherNames: ["?", "man", "usage"],
  },
  {
    name: "version",
    class: "shell",
    arguments: [],
    summary: "print the shell's version",
    description: "Prints the shell's version.",
    since: "0.1.0",
    reply: "text",
    examples: [{ input: "version" }],
    errors: [],
    otherNames: [],
  },
  {
    name: "exit",
    class: "shell",
    arguments: [],
    summary: "leave the shell",
    description: "Leaves the shell, as the end of its input does.",
    since: "0.1.0",
    reply: "silent",
    examples: [{ input: "exit" }],
    errors: [],
    otherNames: ["quit", "bye", "logout", "q"],
  },
]

const byName: ReadonlyMap<string, Command> = new Map(commands.map((c) => [c.name, c]))

export function commandOf(name: CommandName): Command
export function commandOf(name: string): Command | undefined
export function commandOf(name: string): Command | undefined {
  return byName.get(name)
}
