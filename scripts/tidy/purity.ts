/**
 * Calls banned in the pure folders: the simulator replays a cluster from a seed, which one hidden clock or random number
 * would spoil; and a promise or a timer would be a second way in beside `step`.
 */
import type { ImportGraph } from "../source/import-graph.ts"
import { lineAt, type Finding } from "./finding.ts"
import { pureFolders } from "./layers.ts"

interface Banned {
  readonly pattern: RegExp
  readonly why: string
}

const banned: ReadonlyArray<Banned> = [
  { pattern: /\bDate\.now\b|\bnew Date\(\s*\)|(?<!new )(?<![.\w])Date\(/g, why: "time is a parameter" },
  { pattern: /(?<![.\w])performance\b/g, why: "time is a parameter" },
  { pattern: /\bMath\.random\b|(?<![.\w])crypto\./g, why: "randomness is a parameter" },
  { pattern: /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask|nextTick)\b/g, why: "no timers" },
  { pattern: /\b(?:async|await)\s|\bnew Promise\b|\bPromise\.\w/g, why: "no promises: effects are data" },
  { pattern: /(?<![.\w])(?:process|Bun|Deno|console|globalThis)\./g, why: "nothing outside" },
  { pattern: /(?<![.\w])fetch\(/g, why: "no input or output" },
]

export function checkPurity(graph: ImportGraph): ReadonlyArray<Finding> {
  const pure = [...graph.files.values()].filter((file) =>
    pureFolders.some((folder) => file.path.startsWith(folder)),
  )
  return pure.flatMap((file) =>
    banned.flatMap(({ pattern, why }) =>
      [...file.code.matchAll(pattern)].map((match) => ({
        path: file.path,
        line: lineAt(file.code, match.index),
        rule: "purity",
        message: `${match[0].trim()} in a pure folder: ${why}`,
      })),
    ),
  )
}
