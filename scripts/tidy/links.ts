/** Links in documents that lead nowhere: to a missing file, or to a heading that the file does not have. */
import { dirname, join, normalize } from "node:path/posix"
import { lineAt, type Finding } from "./finding.ts"

export interface Documents {
  /** Text of each Markdown file, by path from the root. */
  readonly texts: ReadonlyMap<string, string>
  /** Whether a path from the root is a file or a folder. */
  exists(path: string): boolean
}

export function checkLinks(documents: Documents): ReadonlyArray<Finding> {
  return [...documents.texts].flatMap(([path, text]) => {
    const readable = withoutCode(text)
    return [...readable.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].flatMap((match) => {
      const message = problemOf(path, match[1] as string, documents)
      return message === undefined
        ? []
        : [{ path, line: lineAt(readable, match.index), rule: "links", message }]
    })
  })
}

function problemOf(from: string, link: string, documents: Documents): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(link)) return undefined
  const [file = "", anchor] = link.split("#") as [string, string?]
  const target = file === "" ? from : normalize(join(dirname(from), decodeURI(file))).replace(/\/$/, "")
  if (target.startsWith("..")) return `link leads out of the project: ${link}`
  if (!documents.exists(target)) return `link to a missing file: ${link}`
  const text = documents.texts.get(target)
  if (anchor === undefined || text === undefined) return undefined
  return headings(text).has(anchor) ? undefined : `link to a missing heading: ${link}`
}

/** Headings as the anchors that forges make of them: lower case, punctuation dropped, repeated ones numbered. */
function headings(text: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  for (const match of withoutCode(text).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const plain = (match[1] as string).replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase()
    const anchor = plain.replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-")
    let name = anchor
    for (let count = 1; anchors.has(name); count++) name = `${anchor}-${count}`
    anchors.add(name)
  }
  for (const match of text.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)) anchors.add(match[1] as string)
  return anchors
}

/** Fenced blocks and code spans blanked, with lines kept; a heading keeps the words of its code spans. */
function withoutCode(text: string): string {
  const fenced = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, (block) => block.replace(/[^\n]/g, " "))
  return fenced.replace(/^(?!#).*$/gm, (line) => line.replace(/`[^`]*`/g, (span) => " ".repeat(span.length)))
}
