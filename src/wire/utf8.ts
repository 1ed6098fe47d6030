/**
 * Whether bytes are well-formed UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF. By hand, in place:
 * `TextDecoder` would throw and build a string for each alias. Nearly all aliases are ASCII, which is one compare a byte.
 */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if ((bytes[at] as number) >= 0x80) return isMultibyteUtf8(bytes, at, end)
  }
  return true
}

function isMultibyteUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  while (at < end) {
    const first = bytes[at++] as number
    if (first < 0x80) continue
    // The second byte's range excludes overlong forms, surrogates and what is above U+10FFFF.
    let more: number
    let low = 0x80
    let high = 0xbf
    if (first >= 0xc2 && first <= 0xdf) more = 1
    else if (first >= 0xe0 && first <= 0xef) {
      more = 2
      if (first === 0xe0) low = 0xa0
      else if (first === 0xed) high = 0x9f
    } else if (first >= 0xf0 && first <= 0xf4) {
      more = 3
      if (first === 0xf0) low = 0x90
      else if (first === 0xf4) high = 0x8f
    } else return false
    if (more > end - at) return false
    const second = bytes[at] as number
    if (second < low || second > high) return false
    for (let i = 1; i < more; i++) {
      if (((bytes[at + i] as number) & 0xc0) !== 0x80) return false
    }
    at += more
  }
  return true
}
