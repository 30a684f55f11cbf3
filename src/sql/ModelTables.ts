/**
 * `ModelTables` drops the tables of models that no longer serve. On PostgreSQL somebody may still read them; then they
 * stay, retired, until nobody does. So a reader never holds up a writer.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import type { Checkpoint } from "../projection/Model.ts"
import * as TableNames from "../projection/TableNames.ts"
import { quoted } from "./ModelViews.ts"
import { states } from "./ProjectionRows.ts"
import type { Dialect } from "./SqlDatabase.ts"

const run = (connection: Connection, sql: string) => connection.executeRaw(sql, [])

/** Within a transaction of the writer: takes the locks if they are free now. Returns whether they were. */
const dropIfFree = Effect.fnUntraced(function* (
  connection: Connection,
  dialect: Dialect,
  tables: ReadonlyArray<string>
) {
  const beside = dialect.beside
  if (beside === null) {
    for (const table of tables) yield* run(connection, `DROP TABLE IF EXISTS ${quoted(table)}`)
    return true
  }
  const known: Array<string> = []
  for (const table of tables) {
    const rows = yield* connection.executeValues("SELECT 1 WHERE to_regclass(?) IS NOT NULL", [quoted(table)])
    if (rows.length > 0) known.push(quoted(table))
  }
  if (known.length === 0) return true
  yield* run(connection, "SAVEPOINT drop_if_free")
  const drop = run(connection, `LOCK TABLE ${known.join(", ")} IN ACCESS EXCLUSIVE MODE NOWAIT`).pipe(
    Effect.zipRight(run(connection, `DROP TABLE ${known.join(", ")}`)),
    Effect.as(true),
    Effect.catchIf(beside.isLocked, () => Effect.as(run(connection, "ROLLBACK TO drop_if_free"), false))
  )
  const isFree = yield* drop
  yield* run(connection, "RELEASE drop_if_free")
  return isFree
})

/** Removes a model that no view shows any more, or retires it. Returns whether it is gone. */
export const drop = (
  connection: Connection,
  dialect: Dialect,
  { generation, projection }: Pick<Checkpoint, "projection" | "generation">
): Effect.Effect<boolean, SqlError> =>
  Effect.gen(function* () {
    const key = [projection, generation]
    const [row] = yield* connection.executeValues(
      "SELECT version, tables FROM projection_models WHERE projection = ? AND generation = ?",
      key
    )
    if (row === undefined) return true
    const tables = TableNames.parse(row[1] as string, row[0] as number, generation)
    const isGone = yield* dropIfFree(connection, dialect, Object.values(tables))
    yield* connection.executeRaw(
      isGone
        ? "DELETE FROM projection_models WHERE projection = ? AND generation = ?"
        : `UPDATE projection_models SET live = ${states.retired}, failure = NULL WHERE projection = ? AND generation = ?`,
      key
    )
    yield* connection.executeRaw("DELETE FROM projection_dead_letters WHERE projection = ? AND generation = ?", key)
    return isGone
  })
