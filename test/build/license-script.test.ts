import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { projectRoot } from "../../scripts/source/files.ts"
import { bunPath } from "../../scripts/testing/runtime.ts"

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "qdb-license-"))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function run(...args: readonly string[]) {
  const command = ["--no-env-file", join(projectRoot, "scripts/license.ts"), ...args]
  const { status, stdout, stderr } = spawnSync(bunPath, command, { cwd: directory, encoding: "utf8" })
  return { status, stdout, stderr }
}

it("makes a key, issues a license with it, shows and verifies it", () => {
  const made = run("keygen", "private.pem")
  const publicKey = made.stdout.trim()
  expect(made.status).toBe(0)
  expect(publicKey).toMatch(/^[\w-]{43}$/)
  expect(run("keygen", "private.pem").stderr).toContain("private.pem")
  const more = ["--holder", "Some Company", "--expires", "2999-12-31", "--nodes", "5", "-o", "company.txt"]
  expect(run("issue", "--key", "private.pem", ...more)).toMatchObject({ status: 0, stdout: made.stdout })
  expect(run("inspect", "company.txt").stdout).toMatch(/holder: +Some Company\n[^]*expires: +2999-12-31\n/)
  const key = ["--public-key", publicKey]
  expect(run("verify", "company.txt", ...key)).toMatchObject({ status: 0, stderr: "" })
  // The embedded key belongs to somebody else.
  expect(run("verify", "company.txt")).toMatchObject({ status: 1, stdout: "" })
  const old = ["--holder", "x", "--valid-from", "2020-01-01", "--expires", "2020-12-31", "-o", "old.txt"]
  expect(run("issue", "--key", "private.pem", ...old).status).toBe(0)
  expect(run("verify", "old.txt", ...key)).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^old\.txt: the license expired on 2020-12-31/),
  })
})

it("tells how it is used, and in one line what is wrong", () => {
  expect(run("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("issue (--key") })
  expect(run()).toMatchObject({ status: 2, stdout: "" })
  expect(run("--wrong")).toMatchObject({ status: 2, stderr: expect.stringContaining("--wrong") })
  expect(run("inspect", "absent.txt")).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^[^\n]*absent\.txt[^\n]*\n$/),
  })
})
