import { describe, expect, test } from "vitest"
import {
  addressKey,
  familyOf,
  formatAddress,
  hostKey,
  isLoopback,
  isWildcard,
  parseAddress,
} from "../../../src/config/address.ts"
import { Lines } from "../../../src/config/position.ts"
import { printable } from "../../../src/config/problem.ts"
import { formatBytes, parseBytes } from "../../../src/config/size.ts"
import { editDistance, suggest } from "../../../src/config/suggest.ts"

describe("addresses", () => {
  test.each([
    ["127.0.0.1:2836", "127.0.0.1", 2836, "IPv4"],
    ["[::1]:2836", "::1", 2836, "IPv6"],
    ["[fe80::1%eth0]:1", "fe80::1%eth0", 1, "IPv6"],
    ["[::ffff:192.0.2.1]:65535", "::ffff:192.0.2.1", 65535, "IPv6"],
    ["node-1.example.org:80", "node-1.example.org", 80, "name"],
    ["db_1:80", "db_1", 80, "name"],
  ])("%s", (text, host, port, family) => {
    expect(parseAddress(text)).toEqual({ ok: true, value: { host, port, family } })
    expect(formatAddress(host, port)).toBe(text)
  })

  test.each([
    "",
    ":2836",
    "a",
    "a:",
    "a:x",
    "a:0",
    "a:65536",
    "a:1:2",
    "1.2.3:1",
    "1.2.3.256:1",
    "01.2.3.4:1",
    "[1.2.3.4]:1",
    "[::1",
    "::1",
    "[:::]:1",
    "[1:2:3:4:5:6:7]:1",
    "[1:2:3:4:5:6:7:8:9]:1",
    "[::12345]:1",
    "[::1%]:1",
    "-a:1",
    "a-:1",
    "a..b:1",
    " a:1",
    "a b:1",
    `${"a".repeat(64)}:1`,
    "a/b:1",
    "a:+1",
    "a:1 ",
    "[]:1",
  ])("%j is none", (text) => {
    expect(parseAddress(text).ok).toBe(false)
  })

  test("two spellings of one host have one key", () => {
    expect(hostKey("::1")).toBe(hostKey("0:0:0:0:0:0:0:1"))
    expect(hostKey("::FFFF:192.0.2.1")).toBe(hostKey("::ffff:c000:201"))
    expect(hostKey("Node.Example.")).toBe("node.example")
    expect(hostKey("1::")).not.toBe(hostKey("::1"))
    expect(addressKey({ host: "A", port: 1, family: "name" })).toBe(
      addressKey({ host: "a", port: 1, family: "name" }),
    )
  })

  test("wildcards, loopbacks and families", () => {
    expect(["0.0.0.0", "::", "0:0:0:0:0:0:0:0"].every(isWildcard)).toBe(true)
    expect(["127.0.0.1", "127.9.9.9", "::1", "localhost", "x.localhost"].every(isLoopback)).toBe(true)
    expect(["1.2.3.4", "::2", "node", "0.0.0.0", "::"].some(isLoopback)).toBe(false)
    expect(["1.2.3.4", "::1", "node", "1.2.3", "a b"].map(familyOf)).toEqual([
      "IPv4",
      "IPv6",
      "name",
      undefined,
      undefined,
    ])
  })
})

describe("sizes", () => {
  test.each([
    ["1048576", 1048576],
    ["16 GiB", 16 * 2 ** 30],
    ["16gib", 16 * 2 ** 30],
    ["2TB", 2e12],
    ["1.5g", 1.5 * 2 ** 30],
    ["0.1 kB", 100],
    ["512K", 512 * 1024],
    ["1 byte", 1],
    ["0", 0],
    ["7.9PiB", 8894609264056729],
  ])("%s", (text, bytes) => {
    expect(parseBytes(text)).toEqual({ ok: true, value: bytes })
  })

  test.each(["", "GiB", "-1", "1.5", "1,5 GB", "1e9", "9 PiB", "1 XB", "1 ib", "1 GiB GiB", "∞"])(
    "%j is none",
    (text) => {
      expect(parseBytes(text).ok).toBe(false)
    },
  )

  test("what is printed reads back as the same", () => {
    for (const bytes of [
      0,
      1,
      1000,
      1024,
      1536,
      2 ** 30,
      5 * 2 ** 28,
      2e12,
      16 * 2 ** 30,
      123_456_789,
      2 ** 53 - 1,
    ]) {
      expect(parseBytes(formatBytes(bytes)), formatBytes(bytes)).toEqual({ ok: true, value: bytes })
    }
    expect(formatBytes(16 * 2 ** 30)).toBe("16 GiB")
    expect(formatBytes(2e12)).toBe("2 TB")
    expect(formatBytes(1.5 * 2 ** 40)).toBe("1.5 TiB")
  })
})

test("edit distance counts insertions, deletions, replacements and swaps", () => {
  expect(editDistance("", "abc")).toBe(3)
  expect(editDistance("sesions", "sessions")).toBe(1)
  expect(editDistance("sesisons", "sessions")).toBe(1 + 0)
  expect(editDistance("kitten", "sitting")).toBe(3)
  expect(suggest("replicaton", ["replication", "root"])).toBe("replication")
  expect(suggest("xyz", ["replication", "root"])).toBeUndefined()
  expect(suggest("x".repeat(100_000), ["x"])).toBeUndefined()
})

test("positions count characters, and all three line ends", () => {
  const lines = new Lines("a\r\nb\rc\n😀d")
  expect([0, 3, 5, 7, 9].map((offset) => lines.at(offset))).toEqual([
    { line: 1, column: 1 },
    { line: 2, column: 1 },
    { line: 3, column: 1 },
    { line: 4, column: 1 },
    { line: 4, column: 2 },
  ])
})

test("text from outside cannot write to the terminal", () => {
  expect(printable("a\u001b[2Jb\nc\u2028")).toBe("a\\u001b[2Jb\\u000ac\\u2028")
  expect(printable("x".repeat(100), 10)).toBe(`${"x".repeat(10)}…`)
})
