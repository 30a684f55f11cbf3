/** Projections, the generations of their tables, and the swap of one for another, on SQL. */
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Cause, Clock, Effect, Layer, Option } from "effect"
import { StoreUnavailable } from "../core/StoreError.ts"
import { GenerationStore } from "../projection/GenerationStore.ts"
import type { Checkpoint, Generation, ProjectionRow } from "../projection/Model.ts"
import type { Any } from "../projection/Projection.ts"
import { CheckpointMoved, CreateFailed } from "../projection/ProjectionError.ts"
import * as TableNames from "../projection/TableNames.ts"
import * as BesideWriter from "./BesideWriter.ts"
import * as ModelSwap from "./ModelSwap.ts"
import * as ModelTables from "./ModelTables.ts"
import { access, applicationConnection, type Row, states, toModel } from "./ProjectionRows.ts"
import { innermost, type SqlDatabase } from "./SqlDatabase.ts"
import type { Writer } from "./Writer.ts"

const selectProjections = "SELECT name, kind, rebuild_requested, paused FROM projections"

/** Rows of both tables, joined. */
const toRows = (projections: ReadonlyArray<Row>, models: ReadonlyArray<Row>): ReadonlyArray<ProjectionRow> =>
  projections.map(([name, kind, rebuildRequested, paused]) => {
    const own = models.filter(([projection]) => projection === name)
    const find = (state: number) => {
      const row = own.find((model) => model[3] === state)
      return row === undefined ? null : toModel(row)
    }
    return {
      name,
      kind,
      live: find(states.live),
      shadow: find(states.shadow),
      formers: own.filter((model) => model[3] === states.former).map(toModel),
      build: find(states.build)?.failure ?? null,
      retired: own.filter((model) => model[3] === states.retired).length,
      rebuildRequested: rebuildRequested === 1,
      paused: paused === 1
    } as ProjectionRow
  })

const insertModel = (
  connection: Connection,
  { generation, position, projection, version }: Checkpoint,
  state: number,
  tables: TableNames.Tables<string>
) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    connection.executeRaw(
      `INSERT INTO projection_models (projection, generation, version, live, tables, position, events, rate, started_at)
       VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?)`,
      [projection, generation, version, state, TableNames.stored(tables, version, generation), position, now]
    )
  )

/** Where the name of a reaction stands, beside its own row. */
const ofReactions = [
  ["projection_models", "projection"],
  ["projection_dead_letters", "projection"],
  ["projection_skips", "projection"],
  ["reaction_abandonments", "reaction"]
] as const

const make = Effect.gen(function* () {
  const { database, models, read, ride, run } = yield* access
  const { dialect } = database
  const { remove, swap } = yield* ModelSwap.make

  const beside = BesideWriter.make(database)

  /** Makes the tables, on a connection for statements of the application. */
  const created = (projection: Any, tables: TableNames.Tables<string>, connection: Connection) =>
    Effect.flatMap(
      Effect.sync(() => projection.create(tables)),
      (statements) =>
        Effect.forEach(statements, (statement) => connection.executeRaw(dialect.definition(statement), []), {
          discard: true
        })
    ).pipe(
      Effect.catchAllCause((cause): Effect.Effect<never, SqlError | CreateFailed> => {
        const error = Cause.squash(cause)
        return error instanceof SqlError && !dialect.isMistake(error)
          ? Effect.fail(error)
          : new CreateFailed({ projection: projection.name, cause: innermost(error) })
      })
    )

  /** The generations that there are, with their states, and the one that comes next. */
  const generationsOf = (connection: Connection, name: string) =>
    Effect.map(
      connection.executeValues(
        "SELECT generation, live FROM projection_models WHERE projection = ? ORDER BY generation",
        [name]
      ),
      (rows) => ({ known: rows as ReadonlyArray<readonly [number, number]>, next: Number(rows.at(-1)?.[0] ?? 0) + 1 })
    )

  const nextOf = (projection: Any, generation: number): Generation => ({
    projection: projection.name,
    version: projection.version,
    generation,
    position: 0,
    tables: TableNames.ofGeneration(projection, generation)
  })

  /** Notes a model that is begun, in place of one that was begun and not finished. */
  const noteBegun = Effect.fnUntraced(function* (
    connection: Connection,
    begun: Generation,
    known: ReadonlyArray<readonly [number, number]>
  ) {
    for (const [generation, state] of known) {
      if (state !== states.shadow) continue
      yield* ModelTables.drop(connection, dialect, { projection: begun.projection, generation })
    }
    yield* insertModel(connection, begun, states.shadow, begun.tables)
  })

  /** Within the writer's transaction: the database has one that writes. */
  const beginWithin = (projection: Any) =>
    ride(
      Effect.fnUntraced(function* (connection) {
        const { known, next } = yield* generationsOf(connection, projection.name)
        const begun = nextOf(projection, next)
        yield* noteBegun(connection, begun, known)
        yield* created(projection, begun.tables, yield* applicationConnection)
        return begun
      })
    )

  /** What `create` does may take long, and no writer waits for it. */
  const beginBeside = ({ claim, isLocked, lockWriters, transact }: BesideWriter.BesideWriter, projection: Any) =>
    transact(projection.name, (adapted) =>
      Effect.gen(function* () {
        const connection = dialect.own(adapted)
        const isOurs = yield* claim(connection, projection.name)
        const { next } = yield* generationsOf(connection, projection.name)
        const begun = nextOf(projection, next)
        const moved = new CheckpointMoved({ projection: projection.name, generation: next, expected: 0 })
        if (!isOurs) return yield* moved
        yield* created(projection, begun.tables, adapted)
        yield* lockWriters(connection)
        const now = yield* generationsOf(connection, projection.name)
        if (now.next !== next) return yield* moved
        yield* noteBegun(connection, begun, now.known)
        return begun
      })
    ).pipe(
      Effect.catchIf(
        (error) => error instanceof SqlError,
        (error) => {
          const cause = innermost(error)
          return new StoreUnavailable({
            operation: "append",
            cause: isLocked(error) ? new Error("its tables wait for a lock that others hold", { cause }) : cause
          })
        }
      )
    )

  return GenerationStore.of({
    register: (name, kind) =>
      Effect.flatMap(read("SELECT 1 FROM projections WHERE name = ?", [name]), ([known]) =>
        known !== undefined
          ? Effect.void
          : ride(
              Effect.fnUntraced(function* (connection) {
                yield* connection.executeRaw(
                  "INSERT INTO projections (name, kind) VALUES (?, ?) ON CONFLICT DO NOTHING",
                  [name, kind]
                )
              })
            )
      ),
    begin: (reaction, position, version) =>
      ride(
        Effect.fnUntraced(function* (connection) {
          const added = yield* connection.executeValues(
            "INSERT INTO projections (name, kind) VALUES (?, 'reaction') ON CONFLICT DO NOTHING RETURNING name",
            [reaction]
          )
          if (added.length === 0) return false
          const at = { projection: reaction, version, generation: 1, position }
          yield* insertModel(connection, at, states.live, {})
          return true
        })
      ),
    rename: (former, name) =>
      ride(
        Effect.fnUntraced(function* (connection) {
          const [row] = yield* connection.executeValues(
            `SELECT paused FROM projections WHERE name = ? AND kind = 'reaction' AND EXISTS
               (SELECT 1 FROM projection_models WHERE projection = ?)`,
            [former, former]
          )
          if (row === undefined) return false
          const added = yield* connection.executeValues(
            "INSERT INTO projections (name, kind, paused) VALUES (?, 'reaction', ?) ON CONFLICT DO NOTHING RETURNING name",
            [name, row[0]]
          )
          if (added.length === 0) return false
          for (const [table, column] of ofReactions) {
            yield* connection.executeRaw(`UPDATE ${table} SET ${column} = ? WHERE ${column} = ?`, [name, former])
          }
          return true
        })
      ),
    // One statement, so that both tables are seen at one moment.
    find: (name) =>
      Effect.map(
        read(
          `SELECT p.name, p.kind, p.rebuild_requested, p.paused, ${models.columns} FROM projections AS p
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
    // Except the names that reactions had before.
    list: Effect.zipWith(
      read(`${selectProjections} ORDER BY name`, []),
      read(models.select, []),
      (projections, models) =>
        toRows(projections, models).filter(({ kind, live }) => kind === "projection" || live !== null)
    ),
    setPaused: (projection, paused) =>
      Effect.asVoid(run("UPDATE projections SET paused = ? WHERE name = ?", [paused ? 1 : 0, projection])),

    requestRebuild: (projection) =>
      ride((connection) =>
        Effect.zipRight(
          connection.executeRaw("UPDATE projections SET rebuild_requested = 1, paused = 0 WHERE name = ?", [
            projection
          ]),
          connection.executeRaw(
            `UPDATE projection_models SET failure = NULL WHERE projection = ? AND live <> ${states.live}`,
            [projection]
          )
        )
      ),
    beginShadow: (projection) => (beside === null ? beginWithin(projection) : beginBeside(beside, projection)),
    swap,
    remove,
    noteBuild: (projection, failure) =>
      ride((connection) =>
        Effect.gen(function* () {
          yield* connection.executeRaw(
            `DELETE FROM projection_models WHERE projection = ? AND live = ${states.build}`,
            [projection]
          )
          if (failure === null) return
          const { version } = failure
          yield* insertModel(connection, { projection, version, generation: 0, position: 0 }, states.build, {})
          yield* connection.executeRaw(
            "UPDATE projection_models SET failure = ? WHERE projection = ? AND generation = 0",
            [JSON.stringify(failure), projection]
          )
        })
      ),
    sweep: (projection) =>
      ride((connection) =>
        Effect.flatMap(
          connection.executeValues(
            `SELECT generation FROM projection_models WHERE projection = ? AND live = ${states.retired}`,
            [projection]
          ),
          (rows) =>
            Effect.forEach(
              rows,
              ([generation]) => ModelTables.drop(connection, dialect, { projection, generation: generation as number }),
              { discard: true }
            )
        )
      ),
    dropShadow: (shadow) => ride((connection) => Effect.asVoid(ModelTables.drop(connection, dialect, shadow))),

    countEvents: (after, to, most) =>
      Effect.map(
        read(
          `SELECT count(*), max(position) FROM (SELECT position FROM log_events
           WHERE position > ? AND position <= ? ORDER BY position LIMIT ?) AS page`,
          [after, to, most]
        ),
        ([row]) => {
          const events = row?.[0] as number
          return { events, to: events < most ? to : (row?.[1] as number) }
        }
      )
  })
})

export const layer: Layer.Layer<GenerationStore, never, SqlDatabase | Writer> = Layer.effect(GenerationStore, make)
