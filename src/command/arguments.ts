/**
 * The arguments of a one-shot shell into the line that the parser reads: joined by one space.
 *
 * A shell of the operating system has quoted them, and joining forgets where one ends. Where that would change the meaning
 * without a word (`qdbsh cas a "new content" old`, whose new content would become `new` and whose comparand `content old`)
 * it is refused. A whole command in one argument (`qdbsh "put a b c"`) is joined as it stands, as are contents of many words.
 */
import { trailingArgument } from "./command.ts"
import { commandOf } from "./table.ts"
import type { Parsed } from "./time.ts"

/** @param words what is left of the command line behind the options; at least one */
export function joinArguments(words: readonly string[]): Parsed<string> {
  const command = commandOf(words[0] ?? "")
  if (command !== undefined) {
    const trailing = trailingArgument(command) === undefined ? 0 : 1
    // An optional argument in front may be left out, and then the trailing one begins earlier.
    const fixed = command.arguments.filter((a) => !a.optional).length - trailing
    for (let i = 1; i <= fixed && i < words.length; i++) {
      const word = words[i] as string
      const name = command.arguments[i - 1]?.name ?? "argument"
      if (word === "") return { ok: false, wrong: `the ${name} is empty` }
      if (word.includes(" "))
        return { ok: false, wrong: `the ${name} ${JSON.stringify(word)} has a space in it` }
    }
  }
  for (const word of words) {
    // The runtime puts U+FFFD where an argument is not UTF-8: what was meant is lost.
    if (word.includes("\ufffd")) {
      return { ok: false, wrong: "an argument is not UTF-8; give such a content on standard input" }
    }
  }
  return { ok: true, value: words.join(" ") }
}
