/**
 * `ApplicationClient` is the store's own client for an application's statements: on SQLite the one connection of the
 * process that writes, so that no two of them wait for each other while one holds the event loop. On PostgreSQL an
 * application has a pool.
 *
 * A transaction of the application holds up all that writes, so keep it short; an aggregate that is asked within it
 * dies with `WithinTransaction`, since it would wait for itself: use `Alongside`. One that is left open, as after a
 * commit that failed, is rolled back before the next command is stored.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Layer } from "effect"
import { SqlDatabase } from "./SqlDatabase.ts"

/** Opened read only, it is the client that reads. */
export const layer: Layer.Layer<SqlClient, never, SqlDatabase> = Layer.effect(
  SqlClient,
  Effect.map(SqlDatabase, ({ readClient, writeClient }) => writeClient ?? readClient)
)
