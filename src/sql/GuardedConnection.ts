/**
 * `GuardedConnection` is the connection of a transaction as an application's statements use it: it refuses those that
 * would end the transaction or begin another one, since the events of a command stand in it too. Savepoints are the
 * application's to use.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Effect, Stream } from "effect"

/** At the beginning of a statement, behind comments and spaces. PostgreSQL takes several in one text. */
const control =
  /(?:^|;)(?:\s|--[^\n]*\n|\/\*.*?\*\/)*(?:BEGIN|START|COMMIT|END|ABORT|PREPARE\s+TRANSACTION|ROLLBACK(?!\s+(?:(?:WORK|TRANSACTION)\s+)?TO\b))\b/is

const literal = /'(?:[^']|'')*'/g
const isControl = (sql: string): boolean => control.test(sql.replaceAll(literal, "''"))

const refused = new SqlError({
  cause: new Error("a statement would end or begin a transaction: the one it runs in is that of the command"),
  message: "Failed to execute statement"
})

export const guard = (connection: Connection): Connection => {
  const allowed = <A>(sql: string, run: () => Effect.Effect<A, SqlError>): Effect.Effect<A, SqlError> =>
    isControl(sql) ? Effect.fail(refused) : run()
  return {
    execute: (sql, params, transform) => allowed(sql, () => connection.execute(sql, params, transform)),
    executeRaw: (sql, params) => allowed(sql, () => connection.executeRaw(sql, params)),
    executeStream: (sql, params, transform) =>
      isControl(sql) ? Stream.fail(refused) : connection.executeStream(sql, params, transform),
    executeValues: (sql, params) => allowed(sql, () => connection.executeValues(sql, params)),
    executeUnprepared: (sql, params, transform) =>
      allowed(sql, () => connection.executeUnprepared(sql, params, transform))
  }
}
