/** The ad-hoc signature, checked by reading it back with the offsets of the format, not with the code that wrote it. */
import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { signAdHoc } from "../../scripts/build/mach-o.ts"

const textCommand = 32
const linkEditCommand = 32 + 72
const signatureCommand = 32 + 144
const signedBytes = 10_000

/** A thin executable with the three load commands that matter; its old signature is shorter than the new one. */
function executable(): Buffer {
  const file = Buffer.alloc(signedBytes + 48, 0x5a)
  file.fill(0, 0, 256)
  file.writeUInt32LE(0xfeedfacf, 0)
  file.writeUInt32LE(3, 16)
  segment(file, textCommand, "__TEXT", 0n, 8192n)
  segment(file, linkEditCommand, "__LINKEDIT", 8192n, 1856n)
  file.writeUInt32LE(0x1d, signatureCommand)
  file.writeUInt32LE(16, signatureCommand + 4)
  file.writeUInt32LE(signedBytes, signatureCommand + 8)
  file.writeUInt32LE(48, signatureCommand + 12)
  return file
}

function segment(file: Buffer, at: number, name: string, offset: bigint, size: bigint): void {
  file.writeUInt32LE(0x19, at)
  file.writeUInt32LE(72, at + 4)
  file.write(name, at + 8, "latin1")
  file.writeBigUInt64LE(0x4000n, at + 32)
  file.writeBigUInt64LE(offset, at + 40)
  file.writeBigUInt64LE(size, at + 48)
}

describe("ad-hoc signature", () => {
  const signed = Buffer.from(signAdHoc(executable(), "org.qdb.test"))
  const signature = signed.subarray(signedBytes)
  const directory = signature.subarray(signature.readUInt32BE(16))

  it("says where it is and how long, in the header that it covers", () => {
    expect(signed.readUInt32LE(signatureCommand + 8)).toBe(signedBytes)
    expect(signed.readUInt32LE(signatureCommand + 12)).toBe(signature.length)
    expect(signed.readBigUInt64LE(linkEditCommand + 48)).toBe(BigInt(signed.length - 8192))
    expect(signature.length % 16).toBe(0)
  })

  it("is a SuperBlob with one CodeDirectory that names the program", () => {
    expect(signature.readUInt32BE(0)).toBe(0xfade0cc0)
    expect(signature.readUInt32BE(4)).toBeLessThanOrEqual(signature.length)
    expect(directory.readUInt32BE(0)).toBe(0xfade0c02)
    expect(directory.readUInt32BE(12) & 2, "the ad-hoc flag").toBe(2)
    const nameAt = directory.readUInt32BE(20)
    expect(directory.toString("latin1", nameAt, nameAt + 13)).toBe("org.qdb.test\0")
  })

  it("holds the digest of every page up to itself", () => {
    const hashesAt = directory.readUInt32BE(16)
    expect(directory.readUInt32BE(28)).toBe(3)
    for (let page = 0; page < 3; page++) {
      const bytes = signed.subarray(page * 4096, Math.min(signedBytes, (page + 1) * 4096))
      const found = directory.subarray(hashesAt + page * 32, hashesAt + page * 32 + 32)
      expect(found.toString("hex")).toBe(createHash("sha256").update(bytes).digest("hex"))
    }
  })

  it("signs a signed file to the same bytes", () => {
    expect(Buffer.from(signAdHoc(signed, "org.qdb.test")).equals(signed)).toBe(true)
  })

  it("refuses what is no thin executable, has no signature, or ends before it", () => {
    expect(() => signAdHoc(Buffer.from("ELF"), "x")).toThrow("not a thin 64-bit executable")
    const unsigned = executable()
    unsigned.writeUInt32LE(0x2a, signatureCommand)
    expect(() => signAdHoc(unsigned, "x")).toThrow("no signature")
    expect(() => signAdHoc(executable().subarray(0, 9_000), "x")).toThrow("outside the file")
  })
})
