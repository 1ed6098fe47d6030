import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { loadConfig } from "../../../src/config/load.ts"
import { describeLicense, run } from "../../../src/license/license-cli.ts"
import { LicenseError, licenseBody, licenseText, parseLicense } from "../../../src/license/license.ts"
import type { License, LicenseFault } from "../../../src/license/license.ts"
import { communityPublicKey } from "../../../src/license/public-key.ts"
import { licensePaths, loadLicense } from "../../../src/license/search.ts"
import { generateKeyPair, signLicense } from "../../../src/license/sign.ts"
import { exceededLimits, licenseReminders, verifyLicense } from "../../../src/license/verify.ts"

const { privateKey, publicKey } = generateKeyPair()
const base: License = {
  product: "qdb",
  edition: "test",
  holder: "Zoë & Söhne",
  issued: "2026-01-01",
  validFrom: "2026-01-01",
  expires: "2026-12-31",
  supportUntil: "2026-06-30",
  limits: { nodes: 3, sessions: 500, memoryBytes: 2 ** 34, diskBytes: undefined },
  others: [["Serial-Number", "17"]],
}
const signed = (changes: Partial<License> = {}) => signLicense({ ...base, ...changes }, privateKey)
const at = (text: string) => Date.parse(text)
const summer = at("2026-06-15T12:00:00Z")

function faultOf(act: () => unknown): LicenseFault | "none" {
  try {
    act()
    return "none"
  } catch (error) {
    if (error instanceof LicenseError) return error.fault
    throw error
  }
}
const verified = (text: string, nowMs = summer, key = publicKey) =>
  faultOf(() => verifyLicense(text, { publicKey: key, nowMs }))

describe("verification", () => {
  test("what was signed is read back", () => {
    expect(verifyLicense(signed(), { publicKey, nowMs: summer })).toEqual(base)
  })

  test("copying may change line ends and the last newline, nothing else", () => {
    expect(verified(signed().replaceAll("\n", "\r\n"))).toBe("none")
    expect(verified(signed().trimEnd())).toBe("none")
    expect(verified(` ${signed()}`)).toBe("malformed")
    expect(verified(`${signed()}\n\n`)).toBe("malformed")
  })

  test("no byte of the file can be changed", () => {
    const bytes = Buffer.from(signed())
    let refused = 0
    for (let index = 0; index < bytes.length; index++) {
      const swaps = [
        ...Array.from({ length: 8 }, (_, bit) => (bytes[index] as number) ^ (1 << bit)),
        0,
        0x20,
        0x0a,
        0x0d,
        0x41,
      ]
      const altered = [
        ...swaps.map((byte) =>
          Buffer.from([...bytes.subarray(0, index), byte, ...bytes.subarray(index + 1)]),
        ),
        Buffer.from([...bytes.subarray(0, index), ...bytes.subarray(index + 1)]),
        Buffer.from([...bytes.subarray(0, index), bytes[index] as number, ...bytes.subarray(index)]),
      ]
      for (const file of altered) {
        const text = file.toString("utf8")
        // A doubled letter in a run, or a lost last newline, leaves the same license.
        if (text.replace(/\n$/, "") === signed().replace(/\n$/, "")) continue
        const fault = verified(text)
        if (fault !== "forged" && fault !== "malformed")
          throw new Error(`byte ${index}: ${fault}: ${JSON.stringify(text)}`)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(bytes.length * 13)
  })

  test("another key, another signature, another body", () => {
    expect(verified(signed(), summer, generateKeyPair().publicKey)).toBe("forged")
    const other = parseLicense(signed({ holder: "somebody else" }))
    expect(verified(licenseText(licenseBody(base), other.signature))).toBe("forged")
    expect(verified(licenseText(licenseBody(base), new Uint8Array(64)))).toBe("forged")
  })

  test("each fault is its own", () => {
    expect(verified(signed({ product: "other" }))).toBe("wrong_product")
    expect(verified(signed(), at("2025-12-31T23:59:59.999Z"))).toBe("not_yet_valid")
    expect(verified(signed(), at("2026-01-01T00:00:00Z"))).toBe("none")
    expect(verified(signed(), at("2026-12-31T23:59:59.999Z"))).toBe("none")
    expect(verified(signed(), at("2027-01-01T00:00:00Z"))).toBe("expired")
    expect(verified(signed({ expires: "never" }), at("9999-01-01T00:00:00Z"))).toBe("none")
    expect(verified(signed({ validFrom: "always" }), 0)).toBe("none")
    expect(verified("")).toBe("malformed")
    expect(verified("x".repeat(100_000))).toBe("malformed")
  })

  test.each([
    ["a field that is missing", (text: string) => text.replace(/Edition.*\n/, "")],
    ["a field twice", (text: string) => text.replace(/(Edition.*\n)/, "$1$1")],
    ["a day that is none", (text: string) => text.replace("2026-12-31", "2026-02-30")],
    ["a limit of nothing", (text: string) => text.replace("Nodes: 3", "Nodes: 0")],
    ["a limit beyond numbers", (text: string) => text.replace("Nodes: 3", "Nodes: 9999999999999999")],
    ["a line that is no field", (text: string) => text.replace("Edition: test", "Edition test")],
    ["no empty line", (text: string) => text.replace("\n\n", "\n")],
    ["no end", (text: string) => text.replace("-----END", "----END")],
    ["a control character", (text: string) => text.replace("Edition: test", "Edition: te\u001b[2Jst")],
  ])("malformed: %s", (_, change) => {
    expect(change(signed())).not.toBe(signed())
    expect(verified(change(signed()))).toBe("malformed")
  })
})

describe("reminders", () => {
  const reminders = (day: string, changes: Partial<License> = {}) =>
    licenseReminders({ ...base, ...changes }, at(day))

  test("from thirty days before, and after", () => {
    const never = { supportUntil: "never" }
    expect(reminders("2026-12-01T23:59:59Z", never)).toEqual([])
    expect(reminders("2026-12-02T00:00:01Z", never)[0]).toMatch(/expires in 29 days \(2026-12-31\)/)
    expect(reminders("2026-12-30T12:00:00Z", never)[0]).toMatch(/expires in 1 day /)
    expect(reminders("2026-12-31T12:00:00Z", never)[0]).toMatch(/expires today/)
    expect(reminders("2027-01-01T00:00:00Z", never)[0]).toMatch(
      /expired on 2026-12-31: this node keeps running/,
    )
    expect(reminders("2999-01-01T00:00:00Z", { ...never, expires: "never" })).toEqual([])
  })

  test("support ends without ending the license", () => {
    expect(reminders("2026-06-30T23:59:59Z")).toEqual([])
    expect(reminders("2026-07-01T00:00:00Z")).toEqual([
      "support ended on 2026-06-30; the license itself stays valid",
    ])
    expect(reminders("2026-07-01T00:00:00Z", { supportUntil: "none" })).toEqual([])
  })
})

test("limits that the configuration exceeds", () => {
  const use = { nodes: 3, sessions: 500, memoryBytes: 0, diskBytes: 10 ** 15 }
  expect(exceededLimits(base, use)).toEqual([])
  expect(exceededLimits(base, { ...use, nodes: 4, sessions: 2000 })).toEqual([
    "the license allows 3 nodes, and local.chord.bootstrapping_peers asks for 4",
    "the license allows 500 sessions, and local.network.server_sessions asks for 2000",
  ])
})

describe("the search", () => {
  let folder: string
  let executable: string
  let etc: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "qdb-license-"))
    ;[executable, etc] = ["bin", "etc"].map((name) => join(folder, name)) as [string, string]
    for (const path of [executable, etc, join(folder, "cwd")]) mkdirSync(path)
    writeFileSync(join(etc, "named.conf"), '{ "local": { "user": { "license_file": "my.txt" } } }')
    writeFileSync(join(etc, "silent.conf"), "{}")
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const paths = (argv: string[], env: Record<string, string> = {}) =>
    licensePaths(loadConfig({ argv, env, cwd: join(folder, "cwd") }), executable).map((path) =>
      path.slice(folder.length + 1),
    )

  test("where it looks", () => {
    expect(paths([])).toEqual(["bin/qdb_license.txt"])
    expect(paths(["-c", "../etc/silent.conf"])).toEqual(["bin/qdb_license.txt"])
    expect(paths(["-c", "../etc/named.conf"])).toEqual(["etc/my.txt", "bin/my.txt"])
    expect(paths(["-c", "../etc/named.conf", "--license-file=x.txt"])).toEqual(["cwd/x.txt"])
    expect(paths([], { QDB_LOCAL__USER__LICENSE_FILE: "y.txt" })).toEqual(["cwd/y.txt"])
    expect(paths(["--license-file", join(folder, "z.txt")])).toEqual(["z.txt"])
  })

  const load = (...names: string[]) =>
    loadLicense({ paths: names.map((name) => join(folder, name)), nowMs: summer, publicKey })

  test("missing names every path that was tried", () => {
    expect(() => load("etc/none.txt", "bin/none.txt")).toThrow(
      `no license found; looked for ${join(folder, "etc/none.txt")} and ${join(folder, "bin/none.txt")}; `,
    )
    expect(faultOf(() => load("none.txt", "etc/named.conf/none.txt"))).toBe("missing")
  })

  test("the first that is there decides", () => {
    writeFileSync(join(executable, "l.txt"), signed())
    expect(load("etc/l.txt", "bin/l.txt")).toMatchObject({
      path: join(executable, "l.txt"),
      license: { edition: "test" },
    })
    writeFileSync(join(etc, "l.txt"), "no license")
    expect(faultOf(() => load("etc/l.txt", "bin/l.txt"))).toBe("malformed")
    expect(() => load("etc/l.txt", "bin/l.txt")).toThrow(`${join(etc, "l.txt")}: the license is malformed`)
    expect(faultOf(() => load("etc"))).toBe("unreadable")
  })

  test("qdbd license shows it, or says why there is none", () => {
    const command = (argv: string[], nowMs = summer) => {
      const said = { out: "", error: "", status: -1 }
      const io = {
        stdout: (data: string | Uint8Array) => void (said.out += String(data)),
        stderr: (text: string) => void (said.error += text),
        env: {},
        cwd: folder,
        nowMs,
      }
      said.status = run(argv, io, { folder: executable, publicKey })
      return said
    }
    writeFileSync(join(executable, "qdb_license.txt"), signed())
    expect(command([])).toMatchObject({ status: 0, error: "" })
    expect(command([]).out).toMatch(/^file: +.*qdb_license.txt\nproduct: +qdb\n/)
    expect(JSON.parse(command(["--json"]).out)).toMatchObject({ holder: base.holder, limits: { nodes: 3 } })
    expect(command(["--license-file=none.txt"])).toMatchObject({ status: 1, out: "" })
    expect(command([], at("2027-02-01T00:00:00Z"))).toMatchObject({
      status: 1,
      error: expect.stringContaining("expired on 2026-12-31"),
    })
    expect(command(["--licence-file=x"])).toMatchObject({
      status: 2,
      error: expect.stringContaining("did you mean --license-file?"),
    })
    expect(command(["--help"])).toMatchObject({ status: 0 })
  })
})

describe("the community license", () => {
  const path = new URL("../../../qdb_license.txt", import.meta.url)

  test("is genuine, unlimited, and good for ever, whatever the clock says", () => {
    for (const nowMs of [0, summer, at("9999-12-31T00:00:00Z")]) {
      const license = verifyLicense(readFileSync(path, "utf8"), { publicKey: communityPublicKey, nowMs })
      expect(license).toMatchObject({ edition: "community", expires: "never", validFrom: "always" })
      expect(Object.values(license.limits)).toEqual([undefined, undefined, undefined, undefined])
      expect(licenseReminders(license, nowMs)).toEqual([])
      expect(describeLicense(license, "x", nowMs)).toContain("unlimited")
    }
  })

  test("lies where a run from source looks for it", () => {
    expect(licensePaths(loadConfig({ argv: [], env: {}, cwd: tmpdir() }))).toEqual([path.pathname])
  })
})
