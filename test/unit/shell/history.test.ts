import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { History, historyLinesMax, historyPath } from "../../../src/shell/history.ts"

let folder = ""
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "qdb-history-"))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const never = (text: string) => expect.unreachable(text)
const modeOf = (path: string) => statSync(path).mode & 0o777

describe("the history", () => {
  it("is kept in the user's state folder", () => {
    expect(historyPath({ HOME: "/u" })).toBe("/u/.local/state/qdb/history")
    expect(historyPath({ HOME: "/u", XDG_STATE_HOME: "/state" })).toBe("/state/qdb/history")
    expect(historyPath({ HOME: "/u", XDG_STATE_HOME: "relative" })).toBe("/u/.local/state/qdb/history")
  })

  it("is appended to, for its owner only, and read again", () => {
    const path = join(folder, "deep", "qdb", "history")
    const first = new History(path, never)
    for (const line of ["put a x", "get a", "get a", "", " secret", "x".repeat(5000), "get b"])
      first.append(line)
    expect(readFileSync(path, "utf8")).toBe("put a x\nget a\nget b\n")
    expect(modeOf(path)).toBe(0o600)
    expect(modeOf(join(folder, "deep", "qdb"))).toBe(0o700)
    expect(new History(path, never).lines).toEqual(["put a x", "get a", "get b"])
  })

  it("loses nothing of shells that run at once", () => {
    const path = join(folder, "history")
    const [one, two] = [new History(path, never), new History(path, never)]
    one.append("one")
    two.append("two")
    one.append("three")
    expect(new History(path, never).lines).toEqual(["one", "two", "three"])
  })

  it("is bounded, in memory and in the file, and closed to others", () => {
    const path = join(folder, "history")
    writeFileSync(path, Array.from({ length: 5000 }, (_, i) => `line ${i}\n`).join(""), { mode: 0o644 })
    const history = new History(path, never)
    expect(history.lines.length).toBe(historyLinesMax)
    expect(history.lines.at(-1)).toBe("line 4999")
    expect(readFileSync(path, "utf8").split("\n").length - 1).toBe(historyLinesMax)
    expect(modeOf(path)).toBe(0o600)
    history.append("new")
    expect(history.lines.length).toBe(historyLinesMax)
  })

  it("that cannot be kept is a warning, once", () => {
    const path = join(folder, "folder")
    mkdirSync(path)
    const warnings: string[] = []
    const history = new History(path, (text) => warnings.push(text))
    history.append("one")
    history.append("two")
    expect(warnings.length).toBe(1)
    expect(warnings[0]).toMatch(/^warning: the history is not kept: /)
    expect(history.lines).toEqual(existsSync(path) ? history.lines : [])
  })
})
