/**
 * `TablePrefix` puts a prefix before the names of all that Daybook makes in a database, so that it stands beside an
 * application's own tables and collides with none: tables, views, indices, triggers and functions. Statements are
 * written with the plain names everywhere; they are renamed on their way to the connection, and those of an application
 * are not.
 *
 * The names are read from the migrations, so that a new step needs nothing here. Texts and quoted names are left alone:
 * what a projection calls its tables is its own, and Daybook always quotes it.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import * as Migrations from "./Migrations.ts"
import * as OldLog from "./OldLog.ts"
import type { Dialect } from "./SqlDatabase.ts"
import { StatementCache } from "./StatementCache.ts"

/** PostgreSQL cuts a name after 63 bytes, and the longest of ours has less than 32. */
const pattern = /^(?:[a-z][a-z0-9_]{0,23})?$/

export const isPrefix = (text: string): boolean => pattern.test(text)

/** The table that the migrations are noted in. */
export const migrationsTable = "migrations"

const made = /\bCREATE (?:UNIQUE )?(?:TABLE|VIEW|INDEX|TRIGGER|FUNCTION) (?:IF NOT EXISTS )?([a-z][a-z0-9_]*)/g

/** The names of all that the migrations make in this kind of database, and of what an import makes and drops. */
export const namesOf = (dialect: Pick<Dialect, "definition" | "kind">): ReadonlySet<string> => {
  const statements = Migrations.migrationsOf(dialect).flatMap(({ up }) => up)
  const names = statements.flatMap((sql) => Array.from(sql.matchAll(made), ([, name]) => name ?? ""))
  return new Set([migrationsTable, ...OldLog.names, ...names])
}

/**
 * Texts and quoted names, a comment to the end of its line, a name with the `.` behind it, or what is none of these.
 */
const token = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|[A-Za-z_][A-Za-z0-9_]*\.?|[^\s]/g

/** A word after which a name is that of a table. */
const beforeTable = /^(?:FROM|JOIN|INTO|UPDATE|TABLE|EXISTS|ON|VIEW|ONLY)$/

/**
 * The statement with the prefix before each of the names. A name of one word, which a column may have too, is renamed
 * only where a table may stand.
 */
export const renaming = (prefix: string, names: ReadonlySet<string>): ((sql: string) => string) => {
  if (prefix === "") return (sql) => sql
  const renamed = new StatementCache(500, (sql) => {
    const lists = /^\s*DROP TABLE\b/.test(sql)
    let before = ""
    return sql.replaceAll(token, (found) => {
      const last = before
      before = found
      const name = found.endsWith(".") ? found.slice(0, -1) : found
      if (!names.has(name)) return found
      const isTable = name.includes("_") || found !== name || beforeTable.test(last) || (lists && last === ",")
      return isTable ? prefix + found : found
    })
  })
  return (sql) => renamed.get(sql)
}

/** A connection on which statements are renamed. Everything else stays as it is. */
export const over =
  (rename: (sql: string) => string) =>
  (connection: Connection): Connection => ({
    ...connection,
    execute: (sql, params, transform) => connection.execute(rename(sql), params, transform),
    executeRaw: (sql, params) => connection.executeRaw(rename(sql), params),
    executeStream: (sql, params, transform) => connection.executeStream(rename(sql), params, transform),
    executeValues: (sql, params) => connection.executeValues(rename(sql), params),
    executeUnprepared: (sql, params, transform) => connection.executeUnprepared(rename(sql), params, transform)
  })
