/**
 * `ProjectionRows` is what the SQL files of the read side share: models as rows, the key by which a mover holds one, and the
 * two ways to the database. Changes ride in the transactions of the appends: a projection that follows the log costs no commit
 * of its own, and a change that fails is undone alone.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import { Effect } from "effect"
import { StoreUnavailable } from "../core/StoreError.ts"
import type { Checkpoint, Model } from "../projection/Model.ts"
import { CheckpointMoved } from "../projection/ProjectionError.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"
import { type Work, Writer } from "./Writer.ts"

export type Row = ReadonlyArray<unknown>

export const modelColumns = "projection, generation, version, live, position, events, rate, started_at, failure"

export const toModel = (row: Row): Model =>
  ({
    projection: row[0],
    generation: row[1],
    version: row[2],
    position: row[4],
    events: row[5],
    rate: row[6],
    startedAt: row[7],
    failure: row[8] === null ? null : JSON.parse(row[8] as string)
  }) as Model

export const selectModels = `SELECT ${modelColumns} FROM projection_models`

/** The condition under which a statement meets the model where its mover believes it is, and its parameters. */
export const here = "projection = ? AND generation = ? AND version = ? AND position = ?"
export const keyOf = ({ generation, position, projection, version }: Checkpoint) => [
  projection,
  generation,
  version,
  position
]

/** Runs a statement with RETURNING; no row means that somebody else moved the checkpoint. */
export const holding = (connection: Connection, at: Checkpoint, sql: string, params: ReadonlyArray<unknown>) =>
  Effect.flatMap(connection.executeValues(sql, params), (rows) =>
    rows.length > 0
      ? Effect.void
      : new CheckpointMoved({ projection: at.projection, generation: at.generation, expected: at.position })
  )

/** Reads what is committed; changes ride with the appends. */
export const access = Effect.gen(function* () {
  const database = yield* SqlDatabase
  const writer = yield* Writer

  const read = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.mapError(
      database.read(sql, params),
      (error) => new StoreUnavailable({ operation: "read", cause: innermost(error) })
    )

  /** Like `Writer.ride`, with a result. */
  const ride = <A, E>(work: Work<A, E, never>) =>
    Effect.suspend(() => {
      let result: A
      return Effect.map(
        writer.ride(0, (connection) =>
          Effect.map(work(connection), (value) => {
            result = value
          })
        ),
        () => result
      )
    })
  const run = (sql: string, params: ReadonlyArray<unknown>) => ride((connection) => connection.executeRaw(sql, params))

  return { database, read, ride, run }
})
