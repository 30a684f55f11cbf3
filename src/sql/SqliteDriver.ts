/**
 * `SqliteDriver` is what the client of SQLite needs of a driver, whose calls end before they return: better-sqlite3 on
 * Node, and `node:sqlite` on Deno, where better-sqlite3 does not load.
 *
 * Guarantees of a driver: errors carry the name of SQLite's result code as `code`, such as `SQLITE_BUSY`, and values
 * are null, numbers, strings, bytes and, where they are asked for, bigints.
 */

/** A statement that is prepared on one connection. */
export interface PreparedStatement {
  /** Whether it answers with rows. */
  readonly reads: boolean
  /** Runs a statement that answers with no rows. */
  readonly run: (params: ReadonlyArray<unknown>) => unknown
  /** The rows by column name. `exact`: whole numbers are bigints. */
  // biome-ignore lint/suspicious/noExplicitAny: rows are as the statement says.
  readonly rows: (params: ReadonlyArray<unknown>, exact: boolean) => ReadonlyArray<any>
  /** The rows as arrays of values. */
  // biome-ignore lint/suspicious/noExplicitAny: values are as the statement says.
  readonly values: (params: ReadonlyArray<unknown>, exact: boolean) => ReadonlyArray<ReadonlyArray<any>>
}

/** An open connection. */
export interface SqliteHandle {
  readonly prepare: (sql: string) => PreparedStatement
  readonly close: () => void
  /** Copies the database into a new file, in a driver that cannot `VACUUM INTO`. */
  readonly copyInto?: (filename: string) => Promise<unknown>
}

export interface SqliteDriver {
  readonly open: (filename: string, options: { readonly readonly: boolean }) => SqliteHandle
}

/** The only place that knows the drivers: Node 20 has no `node:sqlite`. */
export const load = (): Promise<SqliteDriver> =>
  "Deno" in globalThis ? import("./NodeSqlite.ts") : import("./BetterSqlite.ts")
