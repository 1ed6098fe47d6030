/**
 * Properties of the configuration: what is valid prints and reads back as itself, and nothing that a file may hold makes
 * the reader crash, hang or answer with a position outside the file.
 */
import fc from "fast-check"
import { readdirSync, readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { configFileText, defaults } from "../../src/config/print.ts"
import { readConfigFile } from "../../src/config/file.ts"
import { readFlags } from "../../src/config/flags.ts"
import { problemText } from "../../src/config/problem.ts"
import { schema, settingPaths } from "../../src/config/schema.ts"
import type { SettingPath, SettingValue } from "../../src/config/config.ts"
import type { Kind } from "../../src/config/setting.ts"
import { checkValue, parseValue } from "../../src/config/value.ts"
import { Prng } from "../../src/core/lib/prng.ts"

const utf8 = new TextEncoder()
const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6().map((text) => `[${text}]`),
  fc.stringMatching(/^[a-z][a-z0-9-]{0,10}[a-z0-9](\.[a-z]{2,5})?$/),
)
const address = fc
  .tuple(host, fc.integer({ min: 1, max: 65535 }))
  .map(([name, port]) => `${name}:${port}`)
  .filter((text) => checkValue({ type: "addresses" }, [text]).faults === undefined)
const path = fc
  .string({ minLength: 1, maxLength: 30, unit: "grapheme" })
  .filter((text) => !text.includes("\0") && text.isWellFormed())
const hex = fc.stringMatching(/^[0-9a-f]{1,16}$/)

function valueOf(kind: Kind): fc.Arbitrary<SettingValue> {
  switch (kind.type) {
    case "integer":
      return fc.integer({ min: kind.minimum, max: kind.maximum })
    case "boolean":
      return fc.boolean()
    case "choice":
      return fc.constantFrom(...kind.allowed)
    case "path":
      return path
    case "paths":
      return fc.uniqueArray(path, { maxLength: 4 })
    case "address":
      return fc.oneof(
        address,
        fc.constantFrom(
          ...(kind.auto === undefined ? [] : ["auto"]),
          ...(kind.empty === undefined ? [] : [""]),
          "node:1",
        ),
      )
    case "addresses":
      return fc
        .uniqueArray(address, { maxLength: 5 })
        .filter((list) => checkValue(kind, list).faults === undefined)
    case "node_id":
      return fc.oneof(
        fc.constantFrom("0-0-0-0", "random", "1/1", "17/32"),
        fc.tuple(hex, hex, hex, hex).map((g) => g.join("-")),
      )
  }
}
const settings = fc.record(
  Object.fromEntries(settingPaths.map((p) => [p, valueOf(schema[p].kind)])) as Record<
    SettingPath,
    fc.Arbitrary<SettingValue>
  >,
  { requiredKeys: [] },
)

test("a configuration that is printed reads back as itself", () => {
  fc.assert(
    fc.property(settings, (values) => {
      const { assignments, problems } = readConfigFile("f", utf8.encode(configFileText(values)))
      expect(problems.map(problemText)).toEqual([])
      expect(Object.fromEntries([...assignments].map(([p, { value }]) => [p, value]))).toEqual(values)
    }),
    { numRuns: 1000, seed: 1 },
  )
})

test("a value means the same in a flag as in a file", () => {
  fc.assert(
    fc.property(settings, (values) => {
      for (const [p, value] of Object.entries(values)) {
        // A comma in a path cannot be told from the list's.
        if (
          Array.isArray(value)
            ? value.some((item: string) => item.includes(",") || item !== item.trim())
            : false
        )
          continue
        if (Array.isArray(value) && value.length === 1 && value[0] === "") continue
        const { kind } = schema[p as SettingPath]
        expect(parseValue(kind, String(value)), p).toEqual({ value })
      }
    }),
    { numRuns: 500, seed: 2 },
  )
})

/** One of several wounds: a flipped byte, a cut, a doubled piece, a foreign piece, brackets. */
function mutate(bytes: Uint8Array, others: readonly Uint8Array[], prng: Prng): Uint8Array {
  let result = Uint8Array.from(bytes)
  for (let wounds = prng.between(1, 4); wounds > 0; wounds--) {
    const at = prng.below(result.length + 1)
    const end = Math.min(result.length, at + prng.below(20))
    const pieces: readonly (() => Uint8Array)[] = [
      () => new Uint8Array([prng.below(256)]),
      () => new Uint8Array(0),
      () => Uint8Array.from([...result.subarray(at, end), ...result.subarray(at, end)]),
      () => {
        const other = prng.pick(others)
        const from = prng.below(other.length + 1)
        return other.subarray(from, from + prng.below(40))
      },
      () =>
        utf8.encode(
          prng.pick([
            '"',
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "//",
            "/*",
            "\\u",
            "1e999",
            "-",
            "\u2028",
            "😀",
            "null",
            "__proto__",
          ]),
        ),
    ]
    const piece = prng.pick(pieces)()
    result = Uint8Array.from([...result.subarray(0, at), ...piece, ...result.subarray(end)])
  }
  return result
}

test("10,000 mutated files: each ends in values or in problems with a place in the file", () => {
  const folder = new URL("../fixtures/config/", import.meta.url)
  const corpus = ["good", "bad"].flatMap((name) =>
    readdirSync(new URL(`${name}/`, folder))
      .filter((file) => file.endsWith(".conf"))
      .sort()
      .map((file) => new Uint8Array(readFileSync(new URL(`${name}/${file}`, folder)))),
  )
  corpus.push(utf8.encode(configFileText(defaults())))
  const prng = new Prng(4)
  let refused = 0
  for (let run = 0; run < 10_000; run++) {
    const bytes = mutate(prng.pick(corpus), corpus, prng)
    const { assignments, problems } = readConfigFile("f", bytes)
    const lineCount = new TextDecoder().decode(bytes).split(/\r\n|\r|\n/).length
    for (const problem of problems) {
      const { origin } = problem
      if (
        origin?.kind !== "file" ||
        origin.line < 1 ||
        origin.line > lineCount ||
        origin.column < 1 ||
        origin.column > bytes.length + 1
      ) {
        throw new Error(`run ${run}: no place in the file: ${problemText(problem)}`)
      }
      // oxlint-disable-next-line no-control-regex
      if (/[\u0000-\u001f]/.test(problemText(problem)))
        throw new Error(`run ${run}: a control character in ${problemText(problem)}`)
    }
    for (const [p, { value }] of assignments) {
      if (checkValue(schema[p].kind, value).faults !== undefined)
        throw new Error(`run ${run}: ${p} = ${String(value)} passed`)
    }
    if (problems.length > 0) refused++
  }
  expect(refused).toBeGreaterThan(8000)
})

test("nesting, repetition and length do not exhaust the reader", () => {
  for (const text of [
    "[".repeat(200_000),
    '{"a":'.repeat(100_000),
    `{${'"a":1,'.repeat(50_000)}"b":1}`,
    `{"${"k".repeat(500_000)}":1}`,
    `{"a":[${"1,".repeat(200_000)}1]}`,
    `{${"x ".repeat(300_000)}`,
    `{${",".repeat(900_000)}`,
  ]) {
    const { problems } = readConfigFile("f", utf8.encode(text))
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.every((problem) => problemText(problem).length < 1000)).toBe(true)
  }
})

test("no command line makes the reader crash", () => {
  const word = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      "-c",
      "-l",
      "--set",
      "--set=a=b",
      "--",
      "-",
      "--peer",
      "-dso",
      "--sync=",
      "--=",
      "--no-",
      "-c=x",
      "a:1",
    ),
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (argv) => {
      const { problems, assignments } = readFlags(argv)
      for (const problem of problems) expect(problemText(problem)).toMatch(/./)
      for (const [p, { value }] of assignments)
        expect(checkValue(schema[p].kind, value).faults).toBeUndefined()
    }),
    { numRuns: 5000, seed: 5 },
  )
})
