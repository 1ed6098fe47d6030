import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { Logger } from "../../../src/server/log/logger.ts"
import { FileSink } from "../../../src/server/log/sink.ts"

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "qdb-log-"))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test("lines that could not be written come once there is room", () => {
  const path = join(directory, "qdbd.log")
  symlinkSync("/dev/full", path)
  const logger = new Logger([new FileSink(path, "text")], 2, 0)
  for (const text of ["first", "second ü", "third"]) logger.info("test", text)
  rmSync(path)
  writeFileSync(path, "")
  logger.reopen()
  logger.info("test", "fourth")
  logger.close()
  const lines = readFileSync(path, "utf8").trimEnd().split("\n")
  expect(lines.map((line) => line.slice(25))).toEqual([
    "info  test: first",
    "info  test: second ü",
    "info  test: third",
    "info  test: fourth",
  ])
})
