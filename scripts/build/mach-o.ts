/**
 * Ad-hoc signature of a Mach-O executable, as `codesign --sign - --force` makes it, so that macOS programs can be built
 * anywhere. The bundler appends our program to a signed runtime and leaves the old signature in place, which no longer
 * fits; Apple silicon refuses such a file.
 *
 * An ad-hoc signature names nobody. It is a SuperBlob with one CodeDirectory: the SHA-256 of each 4 KiB page of the file
 * up to the signature. Everything in a SuperBlob is big-endian, everything in the Mach-O header little-endian. Sources:
 * the kernel's `osfmk/kern/cs_blobs.h` and `EXTERNAL_HEADERS/mach-o/loader.h`.
 */
import { createHash } from "node:crypto"

const magic64 = 0xfeedfacf
const loadCommandSegment64 = 0x19
const loadCommandCodeSignature = 0x1d

const magicSuperBlob = 0xfade0cc0
const magicCodeDirectory = 0xfade0c02
/** The version that knows `execSeg`, 2.4. */
const codeDirectoryVersion = 0x20400
/** `CS_ADHOC` and `CS_LINKER_SIGNED`: replaced without complaint by a real signature. */
const codeDirectoryFlags = 0x20002
const codeDirectoryHeaderBytes = 88
/** SuperBlob header (12) and its one index entry (8). */
const superBlobHeaderBytes = 20
const hashBytes = 32
const pageBytesLog2 = 12
const pageBytes = 1 << pageBytesLog2
const hashTypeSha256 = 2
const execSegMainBinary = 1n
/** Segments are mapped in pages of this size on Apple silicon. */
const segmentAlignBytes = 0x4000

interface Layout {
  /** Offset of the command that says where the signature lies. */
  readonly signatureCommand: number
  /** Offset of the command of the last segment, which holds the signature. */
  readonly linkEdit: number
  /** Offset of the command of the segment with the code. */
  readonly text: number
}

/**
 * @param source a thin 64-bit Mach-O executable that has, or had, a signature as its last part
 * @param identifier what the signature calls the program, such as `org.qdb.qdbd`
 * @returns the signed file
 */
export function signAdHoc(source: Uint8Array, identifier: string): Uint8Array {
  const file = Buffer.from(source)
  if (file.length < 32 || file.readUInt32LE(0) !== magic64)
    throw new Error("Mach-O: not a thin 64-bit executable")
  const layout = findLayout(file)
  const signedBytes = file.readUInt32LE(layout.signatureCommand + 8)
  if (signedBytes > file.length) throw new Error("Mach-O: the signature lies outside the file")
  const name = Buffer.from(`${identifier}\0`)
  const pages = Math.ceil(signedBytes / pageBytes)
  const directoryBytes = codeDirectoryHeaderBytes + name.length + pages * hashBytes
  const signatureBytes = Math.ceil((superBlobHeaderBytes + directoryBytes) / 16) * 16
  // The load commands lie in page 0: they must be final before the pages are hashed.
  patchLoadCommands(file, layout, signedBytes, signatureBytes)
  const signature = Buffer.alloc(signatureBytes)
  writeSuperBlob(signature, directoryBytes)
  writeCodeDirectory(signature, file, layout, { name, pages, signedBytes, directoryBytes })
  return Buffer.concat([file.subarray(0, signedBytes), signature])
}

function findLayout(file: Buffer): Layout {
  let signatureCommand = -1
  let linkEdit = -1
  let text = -1
  let at = 32
  for (let left = file.readUInt32LE(16); left > 0; left--) {
    const command = file.readUInt32LE(at)
    if (command === loadCommandCodeSignature) signatureCommand = at
    if (command === loadCommandSegment64) {
      const name = file.toString("latin1", at + 8, at + 24).replace(/\0.*$/s, "")
      if (name === "__LINKEDIT") linkEdit = at
      if (name === "__TEXT") text = at
    }
    at += file.readUInt32LE(at + 4)
  }
  if (signatureCommand < 0 || linkEdit < 0 || text < 0)
    throw new Error("Mach-O: no signature, __LINKEDIT or __TEXT")
  return { signatureCommand, linkEdit, text }
}

function patchLoadCommands(file: Buffer, layout: Layout, signedBytes: number, signatureBytes: number): void {
  file.writeUInt32LE(signatureBytes, layout.signatureCommand + 12)
  const fileOffset = Number(file.readBigUInt64LE(layout.linkEdit + 40))
  const fileSize = signedBytes + signatureBytes - fileOffset
  file.writeBigUInt64LE(BigInt(fileSize), layout.linkEdit + 48)
  const memorySize = BigInt(Math.ceil(fileSize / segmentAlignBytes) * segmentAlignBytes)
  if (memorySize > file.readBigUInt64LE(layout.linkEdit + 32))
    file.writeBigUInt64LE(memorySize, layout.linkEdit + 32)
}

function writeSuperBlob(signature: Buffer, directoryBytes: number): void {
  // magic, length, number of blobs; then the blob's type (0: CodeDirectory) and offset
  const fields = [magicSuperBlob, superBlobHeaderBytes + directoryBytes, 1, 0, superBlobHeaderBytes]
  fields.forEach((value, index) => signature.writeUInt32BE(value, index * 4))
}

interface DirectoryContent {
  readonly name: Buffer
  readonly pages: number
  readonly signedBytes: number
  readonly directoryBytes: number
}

function writeCodeDirectory(
  signature: Buffer,
  file: Buffer,
  layout: Layout,
  content: DirectoryContent,
): void {
  const directory = signature.subarray(superBlobHeaderBytes)
  const hashesAt = codeDirectoryHeaderBytes + content.name.length
  const words = [
    magicCodeDirectory,
    content.directoryBytes,
    codeDirectoryVersion,
    codeDirectoryFlags,
    hashesAt,
    codeDirectoryHeaderBytes, // offset of the identifier
    0, // special slots: no entitlements, no resources
    content.pages,
    content.signedBytes,
  ]
  words.forEach((value, index) => directory.writeUInt32BE(value, index * 4))
  directory.set([hashBytes, hashTypeSha256, 0, pageBytesLog2], 36)
  // Bytes 40 to 63: spare2, scatter, team, spare3, codeLimit64; all zero.
  directory.writeBigUInt64BE(file.readBigUInt64LE(layout.text + 40), 64)
  directory.writeBigUInt64BE(file.readBigUInt64LE(layout.text + 48), 72)
  directory.writeBigUInt64BE(execSegMainBinary, 80)
  directory.set(content.name, codeDirectoryHeaderBytes)
  for (let page = 0; page < content.pages; page++) {
    const bytes = file.subarray(page * pageBytes, Math.min(content.signedBytes, (page + 1) * pageBytes))
    directory.set(createHash("sha256").update(bytes).digest(), hashesAt + page * hashBytes)
  }
}
