/**
 * Bytes from the cluster on a terminal. A terminal obeys what it is sent: an entry may hold sequences that move the cursor,
 * change the title, or make the terminal type into the shell. So what is shown *on a terminal* has each control character
 * written as `\xNN` or `\u{N}`, and each byte that is not UTF-8 as `\xNN`. Into a file or a pipe all bytes go as they are.
 *
 * Also escaped are the characters that reorder text around them (Unicode's directional embeddings and isolates): with them
 * a line can be made to read as something else than it is.
 */
const controls = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
const controlsAndLines = /[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** @returns text that a terminal shows and does not obey; line ends and tabs stay */
export function safeText(text: string): string {
  return text.replaceAll(controls, escapeCharacter)
}

/** The same on one line: line ends and tabs are escaped too. */
export function safeLine(text: string): string {
  return text.replaceAll(controlsAndLines, escapeCharacter)
}

/** @returns a content for a terminal */
export function safeContent(bytes: Uint8Array): string {
  const whole = decode(bytes)
  if (whole !== undefined) return safeText(whole)
  let text = ""
  let at = 0
  while (at < bytes.length) {
    const length = characterLength(bytes, at)
    const character = length === 0 ? undefined : decode(bytes.subarray(at, at + length))
    text += character === undefined ? escapeByte(bytes[at] as number) : safeText(character)
    at += character === undefined ? 1 : length
  }
  return text
}

/** @returns the text, or undefined where the bytes are not UTF-8 */
export function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** @returns the bytes of the character that seems to begin here, 0 if none can */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number
  const length =
    first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  return at + length <= bytes.length ? length : 0
}

function escapeCharacter(character: string): string {
  const point = character.codePointAt(0) as number
  return point < 0x100 ? escapeByte(point) : `\\u{${point.toString(16)}}`
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`
}
