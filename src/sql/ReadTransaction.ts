/** `ReadTransaction` lets many reads see one and the same state of the database, whatever is written meanwhile. */
import { Effect } from "effect"
import { StoreUnavailable } from "../core/StoreError.ts"
import { innermost, SqliteDatabase } from "./SqliteDatabase.ts"

/**
 * Runs the reads in one transaction of the client that reads, and so all other reads of this process too: for tools that
 * do one thing, such as an export.
 */
export const within = <A, E, R>(
  reads: Effect.Effect<A, E, R>
): Effect.Effect<A, E | StoreUnavailable, R | SqliteDatabase> =>
  Effect.flatMap(SqliteDatabase, ({ read }) =>
    Effect.acquireUseRelease(
      Effect.mapError(
        read("BEGIN", []),
        (error) => new StoreUnavailable({ operation: "read", cause: innermost(error) })
      ),
      () => reads,
      () => Effect.ignore(read("ROLLBACK", []))
    )
  )
