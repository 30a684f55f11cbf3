/**
 * The projection store on SQL. Its changes ride in the transactions of the appends: a projection that follows the log costs no
 * commit of its own, and a change that fails is undone alone.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Cause, Clock, Duration, Effect, Layer, Option } from "effect"
import { StoreUnavailable } from "../core/StoreError.ts"
import { tablesOf } from "../projection/Projection.ts"
import { ApplyFailed, CheckpointMoved } from "../projection/ProjectionError.ts"
import {
  type Checkpoint,
  type DeadLetter,
  type Failure,
  type Model,
  type ProjectionRow,
  ProjectionStore
} from "../projection/ProjectionStore.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"
import { type Work, Writer } from "./Writer.ts"

type Row = ReadonlyArray<unknown>

const modelColumns = "projection, generation, version, live, position, events, rate, started_at, failure"

const toModel = (row: Row): Model =>
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

const letterColumns = "stream_id, version, position, type, error, attempts, parked_at, retry"

const toLetter = (row: Row): DeadLetter =>
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

const selectProjections = "SELECT name, kind, rebuild_requested, paused FROM projections"
const selectModels = `SELECT ${modelColumns} FROM projection_models`

/** Rows of both tables, joined. */
const toRows = (projections: ReadonlyArray<Row>, models: ReadonlyArray<Row>): ReadonlyArray<ProjectionRow> =>
  projections.map(([name, kind, rebuildRequested, paused]) => {
    const own = models.filter(([projection]) => projection === name)
    const find = (live: number) => {
      const row = own.find((model) => model[3] === live)
      return row === undefined ? null : toModel(row)
    }
    return {
      name,
      kind,
      live: find(1),
      shadow: find(0),
      rebuildRequested: rebuildRequested === 1,
      paused: paused === 1
    } as ProjectionRow
  })

/** Moves the checkpoint if it is where the mover believes; gives no row where it is not. A failure is over with it. */
const moveCheckpoint = `UPDATE projection_models SET position = ?, events = events + ?, rate = ?, failure = NULL
  WHERE projection = ? AND generation = ? AND version = ? AND position = ? RETURNING generation`

const here = "projection = ? AND generation = ? AND version = ? AND position = ?"
const keyOf = ({ generation, position, projection, version }: Checkpoint) => [projection, generation, version, position]

/** Runs a statement with RETURNING; no row means that somebody else moved the checkpoint. */
const holding = (connection: Connection, at: Checkpoint, sql: string, params: ReadonlyArray<unknown>) =>
  Effect.flatMap(connection.executeValues(sql, params), (rows) =>
    rows.length > 0
      ? Effect.void
      : new CheckpointMoved({ projection: at.projection, generation: at.generation, expected: at.position })
  )

/**
 * Gives a row while so many streams are parked. To park one moves the checkpoint, so at one checkpoint their number only falls,
 * and the same number is the same streams.
 */
const stillParked =
  "SELECT count(*) FROM projection_dead_letters WHERE projection = ? AND generation = ? HAVING count(*) = CAST(? AS INTEGER)"

const dropTables = Effect.fnUntraced(function* (
  connection: Connection,
  { generation, projection }: Pick<Checkpoint, "projection" | "generation">
) {
  const rows = yield* connection.executeValues(
    "DELETE FROM projection_models WHERE projection = ? AND generation = ? RETURNING version, live, tables",
    [projection, generation]
  )
  for (const [version, live, text] of rows) {
    const tables: ReadonlyArray<string> = JSON.parse(text as string)
    for (const [view, table] of Object.entries(tablesOf({ tables, version: version as number }, generation))) {
      if (live === 1) yield* connection.executeRaw(`DROP VIEW ${view}`, [])
      yield* connection.executeRaw(`DROP TABLE ${table}`, [])
    }
    if (live === 1) yield* connection.executeRaw(`DROP VIEW ${projection}_checkpoint`, [])
  }
  yield* connection.executeRaw("DELETE FROM projection_dead_letters WHERE projection = ? AND generation = ?", [
    projection,
    generation
  ])
})

const insertModel = (
  connection: Connection,
  { generation, projection, version }: Checkpoint,
  live: boolean,
  tables: ReadonlyArray<string>
) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    connection.executeRaw(
      `INSERT INTO projection_models (projection, generation, version, live, tables, position, events, rate, started_at)
       VALUES (?, ?, ?, ?, ?, 0, 0, 0, ?)`,
      [projection, generation, version, live ? 1 : 0, JSON.stringify(tables), now]
    )
  )

const upsertHost = `INSERT INTO projection_host VALUES (1, ?, ?)
  ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, beat_at = excluded.beat_at`

/** No change may hold the writer for longer; hung user code would hold all commands. */
const changeTimeout = "30 seconds"

const make = Effect.gen(function* () {
  const database = yield* SqlDatabase
  const writer = yield* Writer
  const client = database.writeClient

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

  /** User code within a transaction: whatever goes wrong in it is its own failure, but for a fault of the database. */
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
            const inner = error instanceof ApplyFailed ? error.cause : error
            if (database.dialect.isFault(inner)) return Effect.fail(new SqlError({ cause: innermost(inner) }))
            return Effect.fail(
              error instanceof ApplyFailed ? error : new ApplyFailed({ projection: at.projection, cause: error })
            )
          })
        )

  /** Whether an operator had it passed over: perhaps since the runner, which tried it, last looked. */
  const isSkipped = (connection: Connection, { projection, version }: Checkpoint, { position }: Failure) =>
    Effect.map(
      connection.executeValues("SELECT 1 FROM projection_skips WHERE projection = ? AND version = ? AND position = ?", [
        projection,
        version,
        position
      ]),
      (rows) => rows.length > 0
    )

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

  return ProjectionStore.of({
    register: (name, kind) =>
      Effect.flatMap(read("SELECT 1 FROM projections WHERE name = ?", [name]), ([known]) =>
        known !== undefined
          ? Effect.void
          : ride(
              Effect.fnUntraced(function* (connection) {
                const added = yield* connection.executeValues(
                  "INSERT INTO projections (name, kind) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING name",
                  [name, kind]
                )
                if (kind === "projection" || added.length === 0) return
                yield* insertModel(connection, { projection: name, version: 1, generation: 1, position: 0 }, true, [])
              })
            )
      ),
    // One statement, so that both tables are seen at one moment.
    find: (name) =>
      Effect.map(
        read(
          `SELECT p.name, p.kind, p.rebuild_requested, p.paused, ${modelColumns} FROM projections AS p
           LEFT JOIN projection_models AS m ON m.projection = p.name WHERE p.name = ?`,
          [name]
        ),
        (rows) =>
          Option.fromNullable(
            toRows(
              rows.slice(0, 1),
              rows.map((row) => row.slice(4))
            )[0]
          )
      ),
    list: Effect.zipWith(read(`${selectProjections} ORDER BY name`, []), read(selectModels, []), toRows),

    advance: (from, { events, parked, rate, to }, change) =>
      ride((connection) =>
        Effect.gen(function* () {
          // The checkpoint first: whoever lost the race does no work.
          yield* holding(connection, from, moveCheckpoint, [to, events, rate, ...keyOf(from)])
          if (parked !== undefined)
            yield* holding(connection, from, stillParked, [from.projection, from.generation, parked])
          yield* contained(from, change)
        })
      ),
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
    park: (from, { events, rate, to }, failure) =>
      Effect.flatMap(Clock.currentTimeMillis, (parkedAt) =>
        ride((connection) =>
          Effect.zipRight(
            holding(connection, from, moveCheckpoint, [to, events, rate, ...keyOf(from)]),
            insertLetter(connection, from, { ...failure, parkedAt, retry: false })
          )
        )
      ),
    unpark: (at, letter, rest, change) =>
      ride((connection) =>
        Effect.gen(function* () {
          yield* holding(connection, at, `SELECT 1 FROM projection_models WHERE ${here}`, keyOf(at))
          yield* holding(
            connection,
            at,
            `DELETE FROM projection_dead_letters
             WHERE projection = ? AND generation = ? AND stream_id = ? AND version = ? RETURNING version`,
            [at.projection, at.generation, letter.streamId, letter.version]
          )
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
    skipped: (projection, version) =>
      Effect.map(
        read("SELECT position FROM projection_skips WHERE projection = ? AND version = ?", [projection, version]),
        (rows) => new Set(rows.map(([position]) => position as number))
      ),
    release: (projection, streamId, how) =>
      ride(
        Effect.fnUntraced(function* (connection) {
          const models = (yield* connection.executeValues(`${selectModels} WHERE projection = ?`, [projection])).map(
            toModel
          )
          let found = false
          const release = Effect.fnUntraced(function* (model: Model, failure: Failure) {
            found = true
            if (how === "retry") return
            yield* connection.executeRaw("INSERT INTO projection_skips VALUES (?, ?, ?) ON CONFLICT DO NOTHING", [
              projection,
              model.version,
              failure.position
            ])
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
      ),
    clearFailures: (projection) =>
      Effect.asVoid(run("UPDATE projection_models SET failure = NULL WHERE projection = ?", [projection])),
    setPaused: (projection, paused) =>
      Effect.asVoid(run("UPDATE projections SET paused = ? WHERE name = ?", [paused ? 1 : 0, projection])),

    requestRebuild: (projection) =>
      ride((connection) =>
        Effect.zipRight(
          connection.executeRaw("UPDATE projections SET rebuild_requested = 1, paused = 0 WHERE name = ?", [
            projection
          ]),
          connection.executeRaw("UPDATE projection_models SET failure = NULL WHERE projection = ? AND live = 0", [
            projection
          ])
        )
      ),
    beginShadow: (projection) =>
      ride(
        Effect.fnUntraced(function* (connection) {
          const { name, version } = projection
          const rows = yield* connection.executeValues(
            "SELECT generation, live FROM projection_models WHERE projection = ? ORDER BY generation",
            [name]
          )
          const generation = ((rows.at(-1)?.[0] ?? 0) as number) + 1
          for (const [begun, live] of rows) {
            if (live === 0) yield* dropTables(connection, { projection: name, generation: begun as number })
          }
          const checkpoint = { projection: name, version, generation, position: 0 }
          yield* insertModel(connection, checkpoint, false, projection.tables)
          for (const statement of projection.create(tablesOf(projection, generation))) {
            yield* connection.executeRaw(database.dialect.definition(statement), [])
          }
          return checkpoint
        })
      ),
    swap: (shadow, live) =>
      ride(
        Effect.fnUntraced(function* (connection) {
          const rows = yield* connection.executeValues(
            "SELECT generation, position FROM projection_models WHERE projection = ? AND live = 1",
            [shadow.projection]
          )
          const [served] = rows
          if (served?.[0] !== live?.generation || ((served?.[1] ?? 0) as number) > shadow.position) {
            const { generation, position: expected, projection } = live ?? shadow
            return yield* new CheckpointMoved({ projection, generation, expected })
          }
          if (live !== null) yield* dropTables(connection, live)
          const swapped = yield* connection.executeValues(
            `UPDATE projection_models SET live = 1 WHERE ${here} RETURNING tables`,
            keyOf(shadow)
          )
          const [row] = swapped
          if (row === undefined) {
            const { generation, position: expected, projection } = shadow
            return yield* new CheckpointMoved({ projection, generation, expected })
          }
          const tables: ReadonlyArray<string> = JSON.parse(row[0] as string)
          for (const [view, table] of Object.entries(
            tablesOf({ tables, version: shadow.version }, shadow.generation)
          )) {
            yield* connection.executeRaw(`CREATE VIEW ${view} AS SELECT * FROM ${table}`, [])
          }
          // The name is one of a-z, 0-9 and _; a view takes no parameters.
          yield* connection.executeRaw(
            `CREATE VIEW ${shadow.projection}_checkpoint AS
             SELECT position FROM projection_models WHERE projection = '${shadow.projection}' AND live = 1`,
            []
          )
          yield* connection.executeRaw("UPDATE projections SET rebuild_requested = 0 WHERE name = ?", [
            shadow.projection
          ])
        })
      ),
    dropShadow: (shadow) => ride((connection) => dropTables(connection, shadow)),

    countEvents: (after, to) =>
      Effect.map(
        read("SELECT count(*) FROM log_events WHERE position > ? AND position <= ?", [after, to]),
        ([row]) => row?.[0] as number
      ),
    lease: (name, owner, duration) => {
      const { now } = database.dialect
      // Its own it may take again at any time; that of another is free when it has expired.
      const sql = `INSERT INTO projection_leases (projection, owner, expires_at) VALUES (?, ?, ${now} + ?)
        ON CONFLICT (projection) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
        WHERE projection_leases.owner = excluded.owner OR projection_leases.expires_at <= ${now} RETURNING owner`
      const params = [name, owner, Math.ceil(Duration.toMillis(duration))]
      return ride((connection) => Effect.map(connection.executeValues(sql, params), (rows) => rows.length > 0))
    },
    endLease: (name, owner) =>
      Effect.asVoid(run("DELETE FROM projection_leases WHERE projection = ? AND owner = ?", [name, owner])),
    beat: (owner) => Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.asVoid(run(upsertHost, [owner, now]))),
    host: Effect.map(read("SELECT owner, beat_at FROM projection_host", []), ([row]) =>
      row === undefined ? null : { owner: row[0] as string, beatAt: row[1] as number }
    ),
    leave: (owner) => Effect.asVoid(run("DELETE FROM projection_host WHERE owner = ?", [owner])),
    query: read
  })
})

export const layer: Layer.Layer<ProjectionStore, never, SqlDatabase | Writer> = Layer.effect(ProjectionStore, make)
