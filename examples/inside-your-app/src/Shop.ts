/** The application as it was before there were orders: its own table, and its own statements. */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Schema } from "effect"

/** The constraint of the table said no. */
export class NotInStock extends Schema.TaggedError<NotInStock>()("NotInStock", { item: Schema.String }) {}

export const prepare = Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`CREATE TABLE IF NOT EXISTS stock (item TEXT PRIMARY KEY, pieces INTEGER NOT NULL CHECK (pieces >= 0))`
  yield* sql`INSERT INTO stock VALUES ('lamp', 5) ON CONFLICT DO NOTHING`
})

export const stock = Effect.flatMap(
  SqlClient,
  (sql) => sql<{ readonly item: string; readonly pieces: number }>`SELECT item, pieces FROM stock ORDER BY item`
)

export const take = (item: string, pieces: number) =>
  Effect.flatMap(SqlClient, (sql) => sql`UPDATE stock SET pieces = pieces - ${pieces} WHERE item = ${item}`).pipe(
    Effect.mapError(() => new NotInStock({ item }))
  )
