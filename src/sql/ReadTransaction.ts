/** `ReadTransaction` lets many reads see one and the same state of the database, whatever is written meanwhile. */
import { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import { StoreUnavailable } from "../core/StoreError.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"

/**
 * Runs the reads in one transaction of the client that reads, and so all other reads of this process too: for tools
 * that do one thing, such as an export.
 */
export const within = <A, E, R>(
  reads: Effect.Effect<A, E, R>
): Effect.Effect<A, E | StoreUnavailable, R | SqlDatabase> =>
  Effect.flatMap(SqlDatabase, ({ readWithin }) =>
    Effect.catchIf(
      readWithin(reads),
      (error) => error instanceof SqlError,
      (error) => new StoreUnavailable({ operation: "read", cause: innermost(error) })
    )
  )
