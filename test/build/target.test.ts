/** The targets, and where their runtime executables come from. */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { checkIntegrity, lockedPackage } from "../../scripts/build/runtime-package.ts"
import { readTarEntry } from "../../scripts/build/tar.ts"
import { hostTargetName, readTarget, readTargets } from "../../scripts/build/target.ts"
import { projectRoot } from "../../scripts/source/files.ts"

describe("targets", () => {
  const targets = readTargets(projectRoot)

  it("are the nine, each with a runtime in the lock", () => {
    const names = [
      "darwin-arm64",
      "darwin-x64",
      "freebsd-x64",
      "linux-arm64",
      "linux-arm64-musl",
      "linux-x64",
    ]
    expect(targets.map((target) => target.name)).toEqual([
      ...names,
      "linux-x64-musl",
      "windows-arm64",
      "windows-x64",
    ])
    const lock = readFileSync(`${projectRoot}/package-lock.json`, "utf8")
    const versions = targets.map((target) => lockedPackage(lock, target.runtimePackage).version)
    expect(new Set(versions)).toEqual(new Set([lockedPackage(lock, "bun").version]))
  })

  it("hold the one that runs this test", () => {
    expect(targets.map((target) => target.name)).toContain(hostTargetName())
  })

  it("name what is wrong in a manifest", () => {
    const good = readFileSync(`${projectRoot}/dist-targets/linux-x64/target.json`, "utf8")
    const manifest = JSON.parse(good) as Record<string, unknown>
    const { bunTarget, ...incomplete } = manifest
    expect(bunTarget).toBe("bun-linux-x64")
    expect(() => readTarget("x", JSON.stringify(incomplete))).toThrow(
      "dist-targets/x/target.json: bunTarget is missing",
    )
    expect(() => readTarget("x", JSON.stringify({ ...manifest, signed: true }))).toThrow(
      "unknown field signed",
    )
  })
})

describe("runtime packages", () => {
  it("are refused without a digest in the lock, or with another digest", () => {
    expect(() => lockedPackage(`{"packages":{}}`, "@oven/none")).toThrow(
      "no version and SHA-512 of @oven/none",
    )
    const bytes = Buffer.from("runtime")
    const integrity = `sha512-${createHash("sha512").update(bytes).digest("base64")}`
    expect(() => checkIntegrity(bytes, integrity, "it")).not.toThrow()
    expect(() => checkIntegrity(Buffer.from("runtimf"), integrity, "it")).toThrow("it: SHA-512 differs")
  })

  it("are unpacked from a tar archive", () => {
    const archive = Buffer.concat([
      entry("package/package.json", "{}"),
      entry("package/bin/bun", "b".repeat(600)),
      Buffer.alloc(1024),
    ])
    expect(Buffer.from(readTarEntry(archive, "package/bin/bun")).toString()).toBe("b".repeat(600))
    expect(() => readTarEntry(archive, "package/bin/node")).toThrow("no package/bin/node")
    expect(() => readTarEntry(archive.subarray(0, 1600), "package/bin/bun")).toThrow("cut short")
  })
})

function entry(name: string, content: string): Buffer {
  const block = Buffer.alloc(512 + Math.ceil(content.length / 512) * 512)
  block.write(name, 0)
  block.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124)
  block.write(content, 512)
  return block
}
