/**
 * `StatementRunner` runs what an application writes with a command, within the transaction that stores it. Whatever
 * goes wrong in it is its own failure, and undone with the command; a fault of the database is the transaction's.
 */
import { SqlClient, TransactionConnection } from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Cause, Context, Effect, Exit } from "effect"
import * as Reason from "../core/Reason.ts"
import { OutcomeUnknown } from "../core/StoreError.ts"
import type { RunStatements } from "./AppendGroup.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"

/** No statements may hold the writer for longer. */
const limit = "10 seconds"

const run = (connection: Connection, sql: string) => connection.executeRaw(sql, [])

/** The transaction was ended within it: whether the events are stored is not known. */
const ended = (error: SqlError) => new OutcomeUnknown({ cause: innermost(error) })

export interface Running {
  readonly database: SqlDatabase["Type"]
  /** The client that the application's statements get. */
  readonly client: SqlClient
  /** The connection of the transaction, for this package. */
  readonly connection: Connection
  /** The same one, for the application. */
  readonly guarded: Connection
}

/** `apart` runs the work of others so that it cannot end the fiber of the writer. */
export const make =
  (
    { client, connection, database, guarded }: Running,
    apart: <A, E>(work: () => Effect.Effect<A, E>) => Effect.Effect<A, E>
  ): RunStatements =>
  (statements, stored) =>
    Effect.gen(function* () {
      const provided = Context.make(SqlDatabase, database).pipe(
        Context.add(SqlClient, client),
        Context.add(TransactionConnection, [guarded, 0] as const)
      ) as Context.Context<never>
      yield* run(connection, "SAVEPOINT statements")
      const work = () =>
        Effect.timeoutFail(
          Effect.suspend(() => statements.run(stored, provided)),
          { duration: limit, onTimeout: () => new Error(`they took longer than ${limit}`) }
        )
      const exit = yield* Effect.exit(apart(work))
      if (Exit.isSuccess(exit)) {
        // PostgreSQL refuses it where a statement failed, even if the application went on.
        const released = yield* Effect.either(run(connection, "RELEASE statements"))
        if (released._tag === "Right") return undefined
        yield* Effect.mapError(run(connection, "ROLLBACK TO statements"), ended)
        return Cause.fail(released.left)
      }
      const fault = Reason.chain(Cause.squash(exit.cause)).find(database.dialect.isFault)
      if (fault !== undefined) return yield* new SqlError({ cause: innermost(fault) })
      yield* Effect.mapError(run(connection, "ROLLBACK TO statements"), ended)
      return exit.cause
    })
