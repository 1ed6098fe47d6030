/** One file out of a tar archive (ustar, as npm packs them): enough to need no program that a machine may lack. */
const blockBytes = 512

/** @throws an error when the archive has no such file */
export function readTarEntry(archive: Uint8Array, path: string): Uint8Array {
  let at = 0
  while (at + blockBytes <= archive.length) {
    const header = archive.subarray(at, at + blockBytes)
    const name = text(header, 0, 100)
    if (name === "") break
    const prefix = text(header, 345, 155)
    const sizeBytes = Number.parseInt(text(header, 124, 12).trim(), 8)
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new Error(`tar: bad size of ${name}`)
    const start = at + blockBytes
    if ((prefix === "" ? name : `${prefix}/${name}`) === path) {
      if (start + sizeBytes > archive.length) throw new Error(`tar: ${name} is cut short`)
      return archive.subarray(start, start + sizeBytes)
    }
    at = start + Math.ceil(sizeBytes / blockBytes) * blockBytes
  }
  throw new Error(`tar: no ${path} in the archive`)
}

function text(header: Uint8Array, from: number, length: number): string {
  const bytes = header.subarray(from, from + length)
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("utf8")
}
