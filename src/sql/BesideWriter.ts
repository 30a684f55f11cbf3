/**
 * `BesideWriter` runs a separate transaction beside the writer, where the database can do that: work that may take long
 * or wait for others, such as making or exchanging tables, then does not hold up the writer. It takes the writers' lock
 * last, for as long as it takes to change a few rows.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, LogLevel } from "effect"
import * as FaultLog from "../core/FaultLog.ts"
import type { SqlDatabase } from "./SqlDatabase.ts"

/** Longest wait for one lock. */
const patienceMs = 100

/**
 * How to run such a transaction for a projection, on an adapted connection; null where changes run in the writer's
 * transactions.
 */
export const make = ({ dialect, writeClient }: SqlDatabase["Type"]) => {
  const { beside } = dialect
  if (beside === null || writeClient === null) return null

  /** The work failed for a reason of its own, which its caller gets; that the rollback failed too is for the log. */
  const rollBack = (projection: string, connection: Connection) =>
    Effect.catchAllCause(dialect.rollBack(connection), (cause) =>
      FaultLog.report(
        LogLevel.Warning,
        "a change of the tables of a read model could not be rolled back",
        { projection },
        cause
      )
    )

  const transact = <A, E>(
    projection: string,
    work: (connection: Connection) => Effect.Effect<A, E>
  ): Effect.Effect<A, E | SqlError> =>
    Effect.scoped(
      Effect.gen(function* () {
        // The driver would lose a connection whose caller is interrupted while it connects.
        const connection = dialect.adapt(yield* Effect.uninterruptible(writeClient.reserve))
        return yield* Effect.uninterruptible(
          Effect.gen(function* () {
            yield* beside.begin(connection, patienceMs)
            const result = yield* Effect.onError(work(connection), () => rollBack(projection, connection))
            yield* Effect.tapError(dialect.commit(connection, false), () => rollBack(projection, connection))
            return result
          })
        )
      })
    )
  return { ...beside, transact }
}

export type BesideWriter = NonNullable<ReturnType<typeof make>>
