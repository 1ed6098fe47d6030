/**
 * The real driver of SQLite, wrapped so that the process kills itself before or after the k-th call of one thread. It takes
 * the place of `#sqlite` in a copy of the sources that `driver-kill.test.ts` makes.
 *
 * `QDB_KILL_AT=ROLE:WHEN:K`: `main`, `commit`, `flush` or `help`; `before` or `after`; K counts from 1.
 */
import { isMainThread, workerData } from "node:worker_threads"
import type { SqlDatabase, SqlStatement, SqlValue } from "../../src/platform/sqlite/driver.ts"

const runtime = "bun" in process.versions ? "bun" : "deno" in process.versions ? "deno" : "node"
const real = (await import(`../../src/platform/sqlite/${runtime}.ts`)) as typeof import("#sqlite")

const [role, when, k] = (process.env["QDB_KILL_AT"] ?? "").split(":")
const here = isMainThread
  ? "main"
  : "ring" in workerData
    ? "commit"
    : "roundBytes" in workerData
      ? "flush"
      : "control" in workerData
        ? "help"
        : undefined
let calls = role === here ? 0 : -Infinity

function counted<A>(call: () => A): A {
  const last = ++calls === Number(k)
  if (last && when === "before") process.kill(process.pid, "SIGKILL")
  const result = call()
  if (last) process.kill(process.pid, "SIGKILL")
  return result
}

function wrap(statement: SqlStatement): SqlStatement {
  return {
    run: (...parameters: SqlValue[]) => counted(() => statement.run(...parameters)),
    get: (...parameters: SqlValue[]) => counted(() => statement.get(...parameters)),
    all: (...parameters: SqlValue[]) => counted(() => statement.all(...parameters)),
    iterate: (...parameters: SqlValue[]) => counted(() => statement.iterate(...parameters)),
    finalize: () => statement.finalize(),
  }
}

export const { resultOf } = real

export function openDatabase(path: string): SqlDatabase {
  const database = counted(() => real.openDatabase(path))
  return {
    exec: (sql) => counted(() => database.exec(sql)),
    prepare: (sql) => wrap(database.prepare(sql)),
    close: () => counted(() => database.close()),
  }
}
