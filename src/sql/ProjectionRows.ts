/**
 * `ProjectionRows` is what the SQL files of the read side share: models as rows, the key by which a mover holds one,
 * and the two ways to the database. Changes ride in the transactions of the appends: a projection that follows the log
 * costs no commit of its own, and a change that fails is undone alone.
 */
import { TransactionConnection } from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Context, Effect } from "effect"
import { type OutcomeUnknown, StoreUnavailable } from "../core/StoreError.ts"
import type { Checkpoint, Model } from "../projection/Model.ts"
import { CheckpointMoved } from "../projection/ProjectionError.ts"
import * as TableNames from "../projection/TableNames.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"
import { type Work, Writer } from "./Writer.ts"

export type Row = ReadonlyArray<unknown>

/** What a row is, in its column `live`. Releases that do not know the last three pass them over. */
export const states = { shadow: 0, live: 1, retired: 2, build: 3, former: 4 }

/**
 * Whether the log is in this database. One beside it, in the memory of the process, is never restored to an earlier
 * end.
 */
export class HasLog extends Context.Reference<HasLog>()("daybook/sql/HasLog", { defaultValue: () => true }) {}

/**
 * Whether the log has no event at the checkpoint, or another one than was passed there. An earlier release moves the
 * checkpoint without noting the event, and so leaves the position of an older one here.
 */
const isAheadOfLog = `CASE WHEN m.position = 0 OR EXISTS (SELECT 1 FROM log_events AS e WHERE e.position = m.position
  AND (m.seen_position IS NULL OR m.seen_position <> m.position OR e.hash = m.seen_hash)) THEN 0 ELSE 1 END`

/** What is read of `projection_models AS m`: whether a model is ahead of the log, all columns, and all rows. */
export const selection = Effect.map(HasLog, (hasLog) => {
  const isAhead = hasLog ? isAheadOfLog : "0"
  const columns = `m.projection, m.generation, m.version, m.live, m.position, m.events, m.rate, m.started_at, m.failure,
    m.tables, ${isAhead}`
  return { isAhead, columns, select: `SELECT ${columns} FROM projection_models AS m` }
})

export const toModel = (row: Row): Model =>
  ({
    projection: row[0],
    generation: row[1],
    version: row[2],
    position: row[4],
    events: row[5],
    rate: row[6],
    startedAt: row[7],
    failure: row[8] === null ? null : JSON.parse(row[8] as string),
    tables: TableNames.parse(row[9] as string, row[2] as number, row[1] as number),
    isAhead: row[10] === 1
  }) as Model

/** The condition that the model is where its mover believes it is, and its parameters. */
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

/**
 * Within a transaction of the writer: its connection, for statements of the application, in which no name is changed.
 */
export const applicationConnection: Effect.Effect<Connection> = Effect.map(
  Effect.context<never>(),
  (context) => Context.unsafeGet(context, TransactionConnection)[0]
)

/** Reads what is committed; changes ride with the appends. */
export const access = Effect.gen(function* () {
  const database = yield* SqlDatabase
  const writer = yield* Writer
  const models = yield* selection

  const read = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.mapError(
      database.read(sql, params),
      (error) => new StoreUnavailable({ operation: "read", cause: innermost(error) })
    )

  const riding = <A, E>(work: Work<A, E, never>) => {
    let result: A
    return Effect.map(
      writer.ride(0, (connection) =>
        Effect.map(work(connection), (value) => {
          result = value
        })
      ),
      () => result
    )
  }
  type Failed<E> = Exclude<E, SqlError> | StoreUnavailable | OutcomeUnknown

  /** Like `Writer.ride`, with a result. Within the work of an operation it is part of that one's transaction. */
  const ride = <A, E>(work: Work<A, E, never>): Effect.Effect<A, Failed<E>> =>
    Effect.withFiberRuntime((fiber) => {
      const context = fiber.currentContext as Context.Context<never>
      if (!writer.isWithin(context)) return riding(work)
      const [connection] = Context.unsafeGet(context, TransactionConnection)
      return Effect.mapError(work(database.dialect.own(connection)), (error) =>
        error instanceof SqlError
          ? new StoreUnavailable({ operation: "append", cause: innermost(error) })
          : (error as Exclude<E, SqlError>)
      )
    })
  const run = (sql: string, params: ReadonlyArray<unknown>) => ride((connection) => connection.executeRaw(sql, params))

  return { database, models, read, ride, run }
})
