/** `node:sqlite` as a `SqliteDriver`. */
/// <reference path="./node-sqlite.d.ts" />
import { backup, DatabaseSync } from "node:sqlite"
import type { PreparedStatement, SqliteDriver } from "./SqliteDriver.ts"

/** better-sqlite3's default. It serves the opening; the settings of a connection come after. */
const timeoutMs = 5_000

/** Pages to copy in one step: more than there can be. */
const wholeDatabase = 2 ** 31 - 1

/** SQLite's primary result codes, by their number: https://www.sqlite.org/rescode.html */
const codes = (
  "OK ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL CANTOPEN PROTOCOL " +
  "EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB"
).split(" ")

/** Gives an error the `code` that better-sqlite3 would give it. The low byte of the number is the primary code. */
const named = (error: unknown): unknown =>
  error instanceof Error && "errcode" in error
    ? Object.assign(error, { code: `SQLITE_${codes[Number(error.errcode) & 0xff]}` })
    : error

const naming = <A>(work: () => A): A => {
  try {
    return work()
  } catch (error) {
    throw named(error)
  }
}

const prepare = (database: DatabaseSync, sql: string): PreparedStatement => {
  const statement = naming(() => database.prepare(sql))
  // What is set on a statement stays, so each run sets both.
  const all = (params: ReadonlyArray<unknown>, exact: boolean, asArrays: boolean) =>
    naming(() => {
      statement.setReadBigInts(exact)
      statement.setReturnArrays(asArrays)
      return statement.all(...params)
    })
  return {
    reads: statement.columns().length > 0,
    run: (params) => naming(() => statement.run(...params)),
    rows: (params, exact) => all(params, exact, false),
    values: (params, exact) => all(params, exact, true)
  }
}

export const open: SqliteDriver["open"] = (filename, { readonly }) => {
  const database = naming(() => new DatabaseSync(filename, { readOnly: readonly, timeout: timeoutMs }))
  return {
    prepare: (sql) => prepare(database, sql),
    close: () => database.close(),
    // Deno allows `VACUUM INTO` only with all permissions. The copy is one step that holds the process: with several,
    // each write of another process would start it again.
    copyInto: (copy) =>
      backup(database, copy, { rate: wholeDatabase }).catch((error: unknown) => {
        throw named(error)
      })
  }
}
