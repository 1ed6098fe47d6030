import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { check } from "./check.ts"
import { appendModel } from "./models/append.ts"
import { registerModel } from "./models/register.ts"
import { parseAppendLog, parseRegisterLog } from "./parse.ts"
import { report } from "./report.ts"

const directory = fileURLToPath(new URL("../fixtures/linearizability/", import.meta.url))
const read = (name: string) => readFileSync(directory + name, "utf8")
const names = readdirSync(directory).filter((name) => /^etcd_.*\.log$|^kv-.*\.txt$/.test(name))

/** The checker is given the history alone; what is expected is read afterwards, here. */
function verdictOf(name: string): string {
  if (name.startsWith("etcd")) return check(registerModel, parseRegisterLog(read(name))).verdict
  return check(appendModel, parseAppendLog(read(name))).verdict
}

describe("recorded histories", () => {
  const found = names.map((name) => [name, verdictOf(name)] as const)
  const known = JSON.parse(read("verdicts.json")) as Record<string, boolean>

  it("is all of them", () => {
    expect(names.toSorted()).toEqual(Object.keys(known).toSorted())
    expect(names.length).toBeGreaterThan(50)
  })

  it.each(found)("%s", (name, verdict) => {
    expect(verdict).toBe(known[name] ? "linearizable" : "violation")
  })

  it("shows a person where a wrong history ends", () => {
    const result = check(appendModel, parseAppendLog(read("kv-c01-bad.txt")))
    expect(result.blocked).toBeDefined()
    expect(result.longest.length).toBeGreaterThan(0)
    let state = appendModel.initial
    for (const { operation, state: next } of result.longest) {
      expect(appendModel.step(state, operation)).toContain(next)
      state = next
    }
    expect(report(appendModel, result)).toContain("cannot follow: get")
  })

  it("says unknown when out of steps", () => {
    expect(check(registerModel, parseRegisterLog(read("etcd_002.log")), 50).verdict).toBe("unknown")
  })
})
