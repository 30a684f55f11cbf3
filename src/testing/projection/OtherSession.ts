/**
 * `OtherSession` is another program on the database of a store: an analyst who reads the models, a reporter with a view
 * of their own, an operator who puts an older copy of the log back. A store's author gives it to the cases of
 * `ReadSideConformance`.
 */
import { Context, type Effect, type Scope } from "effect"

/** Somebody else's session on the same database, for what a neighbour may do. */
export class OtherSession extends Context.Tag("daybook/testing/OtherSession")<
  OtherSession,
  {
    readonly kind: "sqlite" | "postgres"
    /** Runs one statement and gives its rows as arrays of values. */
    readonly run: (sql: string) => Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, unknown>
    /**
     * Reads this in a transaction that stays open as long as the scope. Does nothing where the database has no second
     * reader.
     */
    readonly reading: (sql: string) => Effect.Effect<void, unknown, Scope.Scope>
    /** Takes from the log what was stored at this position and later. */
    readonly cutLog: (position: number) => Effect.Effect<void>
  }
>() {}
