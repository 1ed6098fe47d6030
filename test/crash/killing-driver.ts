/**
 * The real driver of SQLite, each call of which is counted. It takes the place of `#sqlite` in a copy of the sources that
 * `driver-kill.test.ts` makes.
 */
import type { SqlDatabase, SqlStatement, SqlValue } from "../../src/platform/sqlite/driver.ts"
import { counted } from "./killing.ts"

const runtime = "bun" in process.versions ? "bun" : "deno" in process.versions ? "deno" : "node"
const real = (await import(`../../src/platform/sqlite/${runtime}.ts`)) as typeof import("#sqlite")

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
