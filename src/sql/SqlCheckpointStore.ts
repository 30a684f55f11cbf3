/** Checkpoints, failures, dead letters and skips, on SQL; and user code that changes a model, within their transaction. */
import { SqlClient } from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Cause, Clock, Effect, Layer } from "effect"
import * as Reason from "../core/Reason.ts"
import { CheckpointStore, type Move } from "../projection/CheckpointStore.ts"
import type { Checkpoint, DeadLetter, Failure, Model } from "../projection/Model.ts"
import { ApplyFailed, CheckpointMoved } from "../projection/ProjectionError.ts"
import { access, here, holding, keyOf, type Row, toModel } from "./ProjectionRows.ts"
import { innermost, type SqlDatabase } from "./SqlDatabase.ts"
import type { Writer } from "./Writer.ts"

export const letterColumns = "stream_id, version, position, type, error, attempts, parked_at, retry"

export const toLetter = (row: Row): DeadLetter =>
  ({
    streamId: row[0],
    version: row[1],
    position: row[2],
    type: row[3],
    error: row[4],
    attempts: row[5],
    parkedAt: row[6],
    retry: row[7] === 1
  }) as DeadLetter

/** A skip `s` that holds for a generation: it was not undone before that. */
const holds = `NOT EXISTS (SELECT 1 FROM projection_skip_notes AS n WHERE n.projection = s.projection
  AND n.version = s.version AND n.position = s.position AND n.lifted_after < ?)`

/**
 * Returns a row while these are the skips between two places: their number and their positions, folded into one number.
 */
const stillSkipped = `SELECT 1 FROM (SELECT count(*) AS skips, coalesce(sum(s.position % 1000000007), 0) AS places
    FROM projection_skips AS s WHERE s.projection = ? AND s.version = ? AND s.position > ? AND s.position <= ? AND ${holds}) AS f
  WHERE f.skips = CAST(? AS INTEGER) AND f.places = CAST(? AS BIGINT)`

/** Moves the checkpoint if it is where the mover believes; gives no row where it is not. A failure is over with it. */
const moveCheckpoint = `UPDATE projection_models SET position = ?, events = events + ?, rate = ?, failure = NULL,
    seen_position = ?, seen_hash = (SELECT hash FROM log_events WHERE log_events.position = ?)
  WHERE ${here} RETURNING generation`
const moved = (from: Checkpoint, { events, rate, to }: Move) => [to, events, rate, to, to, ...keyOf(from)]

/**
 * Returns a row while this many streams are parked. Parking a stream moves the checkpoint, so at one checkpoint their
 * number can only fall, and the same number means the same streams.
 */
const stillParked =
  "SELECT count(*) FROM projection_dead_letters WHERE projection = ? AND generation = ? HAVING count(*) = CAST(? AS INTEGER)"

/** No change may hold the writer for longer; hung user code would hold all commands. */
const changeTimeout = "30 seconds"

const make = Effect.gen(function* () {
  const {
    database,
    models: { isAhead, select },
    read,
    ride,
    run
  } = yield* access
  const client = database.writeClient

  /** User code within a transaction: whatever goes wrong in it is its own failure, except a fault of the database. */
  const contained = (at: Checkpoint, change: Effect.Effect<void, ApplyFailed, SqlClient>) =>
    client === null
      ? Effect.dieMessage("the database is open read only")
      : change.pipe(
          Effect.provideService(SqlClient, client),
          Effect.timeoutFail({
            duration: changeTimeout,
            onTimeout: () =>
              new ApplyFailed({ projection: at.projection, cause: new Error(`it took longer than ${changeTimeout}`) })
          }),
          Effect.catchAllCause((cause): Effect.Effect<never, SqlError | ApplyFailed> => {
            const error = Cause.squash(cause)
            const fault = Reason.chain(error).find(database.dialect.isFault)
            if (fault !== undefined) return Effect.fail(new SqlError({ cause: innermost(fault) }))
            return Effect.fail(
              error instanceof ApplyFailed ? error : new ApplyFailed({ projection: at.projection, cause: error })
            )
          })
        )

  /** Whether an operator had it passed over: perhaps since the runner, which tried it, last looked. */
  const isSkipped = (
    connection: Connection,
    { generation, projection, version }: Checkpoint,
    { position }: Pick<Failure, "position">
  ) =>
    Effect.map(
      connection.executeValues(
        `SELECT 1 FROM projection_skips AS s WHERE s.projection = ? AND s.version = ? AND s.position = ? AND ${holds}`,
        [projection, version, position, generation]
      ),
      (rows) => rows.length > 0
    )

  /** Fails with `CheckpointMoved` where the skips on the way are not those that the mover left out. */
  const holdingSkips = (connection: Connection, from: Checkpoint, to: number, skipped: ReadonlyArray<number>) => {
    const { generation, position, projection, version } = from
    const places = skipped.reduce((sum, each) => sum + (each % 1_000_000_007), 0)
    const params = [projection, version, position, to, generation, skipped.length, places]
    return holding(connection, from, stillSkipped, params)
  }

  const advance = Effect.fnUntraced(function* (
    connection: Connection,
    from: Checkpoint,
    move: Move,
    change: Effect.Effect<void, ApplyFailed, SqlClient>
  ) {
    // The checkpoint first: the loser of the race does no work.
    yield* holding(connection, from, moveCheckpoint, moved(from, move))
    if (move.parked !== undefined)
      yield* holding(connection, from, stillParked, [from.projection, from.generation, move.parked])
    if (move.skipped !== undefined) yield* holdingSkips(connection, from, move.to, move.skipped)
    yield* contained(from, change)
  })

  const insertLetter = Effect.fnUntraced(function* (connection: Connection, at: Checkpoint, letter: DeadLetter) {
    const retry = letter.retry || (yield* isSkipped(connection, at, letter))
    yield* connection.executeRaw(
      `INSERT INTO projection_dead_letters (projection, generation, ${letterColumns})
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (projection, generation, stream_id) DO UPDATE SET version = excluded.version,
         position = excluded.position, type = excluded.type, error = excluded.error, attempts = excluded.attempts,
         parked_at = excluded.parked_at, retry = excluded.retry`,
      [
        at.projection,
        at.generation,
        letter.streamId,
        letter.version,
        letter.position,
        letter.type,
        letter.error,
        letter.attempts,
        letter.parkedAt,
        retry ? 1 : 0
      ]
    )
  })

  return CheckpointStore.of({
    advance: (from, move, change) => ride((connection) => advance(connection, from, move, change)),
    noteFailure: (at, failure) =>
      ride((connection) =>
        Effect.gen(function* () {
          const isOver = failure === null || (yield* isSkipped(connection, at, failure))
          yield* holding(
            connection,
            at,
            `UPDATE projection_models SET failure = ? WHERE ${here} RETURNING generation`,
            [isOver ? null : JSON.stringify(failure), ...keyOf(at)]
          )
        })
      ),
    park: (from, move, failure) =>
      Effect.flatMap(Clock.currentTimeMillis, (parkedAt) =>
        ride((connection) =>
          Effect.gen(function* () {
            const letter = { ...failure, parkedAt, retry: false }
            yield* holding(connection, from, moveCheckpoint, moved(from, move))
            yield* insertLetter(connection, from, letter)
            return letter
          })
        )
      ),
    unpark: (at, letter, rest, change, taken) =>
      ride((connection) =>
        Effect.gen(function* () {
          yield* holding(connection, at, `SELECT 1 FROM projection_models WHERE ${here}`, keyOf(at))
          yield* holding(
            connection,
            at,
            `DELETE FROM projection_dead_letters
             WHERE projection = ? AND generation = ? AND stream_id = ? AND version = ? AND parked_at = ? RETURNING version`,
            [at.projection, at.generation, letter.streamId, letter.version, letter.parkedAt]
          )
          if (taken !== undefined && (yield* isSkipped(connection, at, taken)) !== taken.skipped) {
            const { generation, position: expected, projection } = at
            return yield* new CheckpointMoved({ projection, generation, expected })
          }
          if (rest !== null) yield* insertLetter(connection, at, rest)
          yield* contained(at, change)
        })
      ),
    deadLetters: ({ generation, projection }) =>
      Effect.map(
        read(
          `SELECT ${letterColumns} FROM projection_dead_letters WHERE projection = ? AND generation = ? ORDER BY stream_id`,
          [projection, generation]
        ),
        (rows) => rows.map(toLetter)
      ),
    skipped: ({ generation, projection, version }) =>
      Effect.map(
        read(`SELECT s.position FROM projection_skips AS s WHERE s.projection = ? AND s.version = ? AND ${holds}`, [
          projection,
          version,
          generation
        ]),
        (rows) => new Set(rows.map(([position]) => position as number))
      ),
    release: (projection, streamId, how, { principal = null, reason = null } = {}) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        ride(
          Effect.fnUntraced(function* (connection) {
            const models = (yield* connection.executeValues(`${select} WHERE projection = ?`, [projection])).map(
              toModel
            )
            const found: Array<Failure> = []
            const release = Effect.fnUntraced(function* (model: Model, failure: Failure) {
              found.push(failure)
              if (how === "retry") return
              const { position, type, version } = failure
              const key = [projection, model.version, position]
              yield* connection.executeRaw("INSERT INTO projection_skips VALUES (?, ?, ?) ON CONFLICT DO NOTHING", key)
              yield* connection.executeRaw(
                `INSERT INTO projection_skip_notes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)
                 ON CONFLICT (projection, version, position) DO UPDATE SET principal = excluded.principal,
                   reason = excluded.reason, skipped_at = excluded.skipped_at, lifted_after = NULL`,
                [...key, streamId, version, type, principal, reason, now]
              )
            })
            for (const model of models) {
              const { failure, generation } = model
              if (failure?.streamId === streamId) {
                yield* release(model, failure)
                yield* connection.executeRaw(
                  "UPDATE projection_models SET failure = NULL WHERE projection = ? AND generation = ?",
                  [projection, generation]
                )
              }
              const letters = yield* connection.executeValues(
                `UPDATE projection_dead_letters SET retry = 1 WHERE projection = ? AND generation = ? AND stream_id = ?
                 RETURNING ${letterColumns}`,
                [projection, generation, streamId]
              )
              for (const letter of letters) yield* release(model, toLetter(letter))
            }
            return found
          })
        )
      ),
    toEnd: (reaction) =>
      ride((connection) =>
        Effect.map(
          connection.executeValues(
            `UPDATE projection_models AS m SET position = coalesce((SELECT max(position) FROM log_events), 0),
               failure = NULL, seen_position = NULL, seen_hash = NULL
             WHERE projection = ? AND live = 1 AND ${isAhead} = 1
               AND EXISTS (SELECT 1 FROM projections WHERE name = m.projection AND kind = 'reaction')
             RETURNING generation`,
            [reaction]
          ),
          (rows) => rows.length > 0
        )
      ),
    raise: (reaction, version, after) =>
      ride(
        Effect.fnUntraced(function* (connection) {
          const [row] = yield* connection.executeValues(
            `UPDATE projection_models AS m SET generation = generation + 1, version = ?, failure = NULL,
               position = CASE WHEN position < ? THEN position ELSE ? END,
               seen_position = CASE WHEN position < ? THEN seen_position ELSE ? END,
               seen_hash = CASE WHEN position < ? THEN seen_hash ELSE
                 (SELECT hash FROM log_events WHERE log_events.position = ?) END
             WHERE projection = ? AND live = 1 AND version < ?
               AND EXISTS (SELECT 1 FROM projections WHERE name = m.projection AND kind = 'reaction')
             RETURNING generation, position`,
            [version, after, after, after, after, after, after, reaction, version]
          )
          if (row === undefined) return null
          const [generation, position] = row as [number, number]
          yield* connection.executeRaw("DELETE FROM projection_dead_letters WHERE projection = ? AND position > ?", [
            reaction,
            position
          ])
          yield* connection.executeRaw("UPDATE projection_dead_letters SET generation = ? WHERE projection = ?", [
            generation,
            reaction
          ])
          return position
        })
      ),
    rewind: (relay, position) =>
      ride(
        Effect.fnUntraced(function* (connection) {
          const rows = yield* connection.executeValues(
            `UPDATE projection_models SET generation = generation + 1, position = ?, failure = NULL,
               seen_position = ?, seen_hash = (SELECT hash FROM log_events WHERE log_events.position = ?)
             WHERE projection = ? AND live = 1 RETURNING generation`,
            [position, position, position, relay]
          )
          yield* connection.executeRaw("DELETE FROM projection_dead_letters WHERE projection = ?", [relay])
          yield* connection.executeRaw("UPDATE projections SET rebuild_requested = 1 WHERE name = ?", [relay])
          return rows.length > 0
        })
      ),
    endRewind: (at) =>
      ride((connection) =>
        Effect.zipRight(
          holding(connection, at, `SELECT 1 FROM projection_models WHERE ${here}`, keyOf(at)),
          connection.executeRaw("UPDATE projections SET rebuild_requested = 0 WHERE name = ?", [at.projection])
        )
      ),
    clearFailures: (projection, version) =>
      Effect.asVoid(
        run("UPDATE projection_models SET failure = NULL WHERE projection = ? AND version <= ?", [projection, version])
      )
  })
})

export const layer: Layer.Layer<CheckpointStore, never, SqlDatabase | Writer> = Layer.effect(CheckpointStore, make)
