/**
 * What somebody may have meant who wrote a word that is no command: a command that others call so, else the only one that
 * begins so, else the nearest by edit distance. It is only ever a suggestion; nothing is run that was not written.
 */
import type { Command } from "./command.ts"
import { commands } from "./table.ts"

/** A word further away than this from every command has nothing to do with any. */
const distanceMax = 2

export function suggestionFor(word: string): Command | undefined {
  const wanted = word.toLowerCase()
  const named = commands.find((c) => c.name === wanted || c.otherNames.includes(wanted))
  if (named !== undefined) return named
  if (wanted.length > longestName + distanceMax) return undefined
  const begin = wanted.length < 2 ? [] : commands.filter((c) => c.name.startsWith(wanted))
  if (begin.length === 1) return begin[0]
  return nearest(wanted)
}

const longestName = Math.max(...commands.map((c) => c.name.length))

function nearest(word: string): Command | undefined {
  let best: Command | undefined
  // Of a short word hardly a letter may differ, else everything is near.
  let bestDistance = Math.min(distanceMax, Math.floor(word.length / 3)) + 1
  for (const command of commands) {
    const distance = editDistance(word, command.name)
    if (distance < bestDistance) {
      best = command
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein's distance, with one row. */
function editDistance(a: string, b: string): number {
  const row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0] as number
    row[0] = i
    for (let j = 1; j <= b.length; j++) {
      const above = row[j] as number
      const left = row[j - 1] as number
      const changed = diagonal + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(above + 1, left + 1, changed)
      diagonal = above
    }
  }
  return row[b.length] as number
}
