/** @returns the text for a message: shortened, so that a mistyped content does not fill the screen */
export function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text)
}
