/**
 * Contents of any length for histories of short ones: what is stored is made longer by letters that follow from it, so that
 * a content that was torn, or mixed of two, is no content at all.
 */
const separator = "~"

/** @param bytes how long it becomes at the most; 0: it stays as it is */
export function grown(content: string, bytes: number): string {
  if (content === "" || bytes === 0) return content
  let state = 7
  for (let i = 0; i < content.length; i++) state = Math.imul(state ^ content.charCodeAt(i), 0x01000193)
  const length = (state >>> 0) % bytes
  return content + separator + lettersOf(content, length)
}

/** @returns the content made so long */
export function lengthened(content: string, bytes: number): string {
  return content + separator + lettersOf(content, bytes - content.length - separator.length)
}

/** @returns the content; what does not belong to it, where something does not */
export function shrunk(stored: string): string {
  const at = stored.indexOf(separator)
  if (at === -1) return stored
  const content = stored.slice(0, at)
  const letters = stored.slice(at + 1)
  return letters === lettersOf(content, letters.length) ? content : `torn: ${stored}`
}

function lettersOf(content: string, length: number): string {
  return content.repeat(Math.ceil(length / content.length)).slice(0, length)
}
