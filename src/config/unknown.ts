/** What to say of a key, flag or variable that is none: the one that was probably meant. */
import { foreignKeys, reservedSections, settingPaths } from "./schema.ts"
import { suggest } from "./suggest.ts"

const lastKey = (path: string): string => path.slice(path.lastIndexOf(".") + 1)

/** @returns the path that was probably meant by an unknown one, or several if its key is at home in several sections */
function meant(path: string): string | undefined {
  const key = lastKey(path)
  const misplaced = settingPaths.filter((known) => lastKey(known) === key)
  if (misplaced.length > 0) return misplaced.join(" or ")
  const section = path.slice(0, path.length - key.length)
  const siblings = settingPaths.filter(
    (known) => known.startsWith(section) && known.slice(section.length).indexOf(".") < 0,
  )
  const sibling = section === "" ? undefined : suggest(key, siblings.map(lastKey))
  if (sibling !== undefined) return section + sibling
  const sections = new Set(
    settingPaths.flatMap((known) => [known.split(".")[0] as string, known.slice(0, known.lastIndexOf("."))]),
  )
  return suggest(path, [...settingPaths, ...sections])
}

/** @returns the message for a key that is not in the schema */
export function unknownKeyText(path: string): string {
  const reserved = reservedSections.find((section) => path === section || path.startsWith(`${section}.`))
  if (reserved !== undefined) return "reserved for a later version and not supported by this one; remove it"
  const foreign = Object.hasOwn(foreignKeys, path) ? foreignKeys[path] : undefined
  if (foreign !== undefined) return `unknown key; ${foreign}`
  const best = meant(path)
  return best === undefined
    ? "unknown key; --gen-config prints all there are"
    : `unknown key; did you mean ${best}?`
}
