/**
 * What SQLite does its own way: what its codes of errors mean, how a transaction begins and ends, and its own words in
 * statements.
 */
import { Buffer } from "node:buffer"
import type { Connection } from "@effect/sql/SqlConnection"
import { Effect, LogLevel, Schedule } from "effect"
import * as FaultLog from "../core/FaultLog.ts"
import { words } from "./JournalTables.ts"
import { type Dialect, innermost } from "./SqlDatabase.ts"
import { directly } from "./SqliteClient.ts"
import { codeOf } from "./SqliteErrorCode.ts"
import * as SqliteLock from "./SqliteLock.ts"
import * as TablePrefix from "./TablePrefix.ts"

/** The driver's own errors about parameters have no code, and neither has the one about a closed connection. */
const isMistake = (error: unknown): boolean => {
  const cause = innermost(error)
  if (cause instanceof RangeError || cause instanceof TypeError) return !cause.message.includes("not open")
  return /^SQLITE_(?:(?:ERROR|MISMATCH|CONSTRAINT|RANGE|TOOBIG|AUTH|MISUSE)|READONLY$)/.test(codeOf(error))
}

/** A transaction is open already. SQLite has no code for it. */
const isOpen = (error: unknown): boolean => {
  const cause = innermost(error)
  return cause instanceof Error && cause.message.includes("within a transaction")
}

const run = (connection: Connection, sql: string) => connection.executeRaw(sql, [])

/**
 * Rows in one statement. A statement costs as much as a row or two. There are few sizes, so that few statements are
 * prepared, and 64 rows of 22 values stay far below the 32,766 values that SQLite takes.
 */
const chunkSizes = [64, 8, 1]

const spoken = { kind: "sqlite", definition: (sql: string) => sql } as const
const names = TablePrefix.namesOf(spoken)

export const make = (prefix: string): Dialect => {
  const rename = TablePrefix.renaming(prefix, names)
  return {
    ...spoken,
    prefix,
    names,
    rename,
    adapt: (connection) => connection,
    own: prefix === "" ? (connection) => connection : TablePrefix.over(rename),
    begin: (connection, lockTimeout) => {
      const begin = SqliteLock.retryWhileBusy(Schedule.recurUpTo(lockTimeout))(run(connection, "BEGIN IMMEDIATE"))
      // The caller has the connection to itself: an application left its own transaction open, as after a commit that
      // failed.
      const message = "A transaction that the application left open is rolled back: end it before the next command."
      return Effect.catchIf(begin, isOpen, () =>
        FaultLog.report(LogLevel.Warning, message, {}).pipe(
          Effect.zipRight(run(connection, "ROLLBACK")),
          Effect.zipRight(begin)
        )
      )
    },
    beside: null,
    commit: (connection) => SqliteLock.retryWhileBusy()(run(connection, "COMMIT")),
    // Shows that no transaction is open by beginning one: SQLite refuses one within another.
    rollBack: (connection) =>
      Effect.ignore(run(connection, "ROLLBACK")).pipe(
        Effect.zipRight(run(connection, "BEGIN IMMEDIATE")),
        Effect.zipRight(run(connection, "ROLLBACK")),
        // It looks for a transaction before it asks for the lock.
        Effect.catchIf(SqliteLock.isBusy, () => Effect.void),
        Effect.asVoid
      ),
    isConstraint: (error) => codeOf(error).startsWith("SQLITE_CONSTRAINT"),
    isFault: (error) =>
      /^SQLITE_(BUSY|LOCKED|IOERR|FULL|NOMEM|READONLY|CORRUPT|CANTOPEN|PROTOCOL|NOTADB)/.test(codeOf(error)),
    // The frame that makes it a commit could not be written. A sync that fails comes after it.
    isUndone: (error) => /^SQLITE_(?:FULL|BUSY|READONLY|CONSTRAINT)/.test(codeOf(error)),
    isOvertaken: () => false,
    isMistake,
    now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    follows: null,
    // The inner query is one seek; GROUP BY would read every event.
    selectKnown: `SELECT 0, s.stream_id, s.stream, e.version, e.position, lower(hex(e.hash))
    FROM json_each(?) AS wanted CROSS JOIN log_streams AS s ON s.stream_id = wanted.value
    LEFT JOIN log_events AS e ON e.stream = s.stream
      AND e.version = (SELECT max(version) FROM log_events WHERE stream = s.stream)
    UNION ALL SELECT 1, n.name, n.number, NULL, NULL, NULL
    FROM json_each(?) AS wanted CROSS JOIN log_names AS n ON n.name = wanted.value`,
    words: words.sqlite,
    integrity: "PRAGMA integrity_check(20)",
    wantedEntries: {
      from: "json_each(?) AS wanted CROSS JOIN log_entries AS j ON j.command_id = wanted.value",
      where: ""
    },
    insert: ({ bytes, columns, name, values }) => {
      const row = `(${columns.map(() => "?").join(", ")})`
      const chunks = chunkSizes.map((size) => ({
        size,
        sql: `INSERT INTO ${rename(name)} (${columns.join(", ")}) VALUES ${Array(size).fill(row).join(", ")}`
      }))
      const digits = columns.flatMap((column, index) => (bytes.has(column) ? [index] : []))
      return (connection, rows, common) =>
        directly(connection, (prepare) => {
          let from = 0
          for (const { size, sql } of chunks) {
            for (; rows.length - from >= size; from += size) {
              const params = new Array<unknown>(size * columns.length)
              let next = 0
              for (let at = from; at < from + size; at++) {
                const first = next
                for (const value of values(rows[at] as (typeof rows)[number], common)) params[next++] = value
                // Cheaper than the function of SQLite that makes bytes of them.
                for (const index of digits) {
                  const value = params[first + index]
                  if (value !== null) params[first + index] = Buffer.from(value as string, "hex")
                }
              }
              prepare(sql).run(params)
            }
          }
        })
    }
  }
}

/** The dialect of a file that is Daybook's own. */
export const sqlite: Dialect = make("")
