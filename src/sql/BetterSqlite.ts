/** better-sqlite3 as a `SqliteDriver`. */
import { createRequire } from "node:module"
import type { PreparedStatement, SqliteDriver } from "./SqliteDriver.ts"

/** The part of better-sqlite3 that is used, so that this package's types need no other package's. */
interface Database {
  prepare(sql: string): Statement
  close(): void
}
interface Statement {
  readonly reader: boolean
  run(...params: ReadonlyArray<unknown>): unknown
  all(...params: ReadonlyArray<unknown>): ReadonlyArray<never>
  raw(asArrays: boolean): unknown
  safeIntegers(exact: boolean): unknown
}
type Driver = new (filename: string, options: { readonly readonly: boolean }) => Database

/**
 * The one that Effect's client for SQLite brings, so that an application has one driver and one SQLite in its process.
 */
const load = (): Driver => {
  const client = createRequire(import.meta.url).resolve("@effect/sql-sqlite-node/SqliteClient")
  return createRequire(client)("better-sqlite3") as Driver
}

const prepare = (database: Database, sql: string): PreparedStatement => {
  const statement = database.prepare(sql)
  // What is set on a statement stays, and setting it costs as much as a small query.
  let isExact = false
  let isRaw = false
  const all = (params: ReadonlyArray<unknown>, exact: boolean, asArrays: boolean) => {
    if (isExact !== exact) {
      statement.safeIntegers(exact)
      isExact = exact
    }
    if (isRaw !== asArrays) {
      statement.raw(asArrays)
      isRaw = asArrays
    }
    return statement.all(...params)
  }
  return {
    reads: statement.reader,
    run: (params) => statement.run(...params),
    rows: (params, exact) => all(params, exact, false),
    values: (params, exact) => all(params, exact, true)
  }
}

export const open: SqliteDriver["open"] = (filename, options) => {
  const database = new (load())(filename, options)
  return { prepare: (sql) => prepare(database, sql), close: () => database.close() }
}
