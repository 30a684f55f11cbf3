/** Projections, the generations of their tables, and the swap of one for another, on SQL. */
import type { Connection } from "@effect/sql/SqlConnection"
import { Clock, Effect, Layer, Option } from "effect"
import { GenerationStore } from "../projection/GenerationStore.ts"
import type { Checkpoint, ProjectionRow } from "../projection/Model.ts"
import { tablesOf } from "../projection/Projection.ts"
import { CheckpointMoved } from "../projection/ProjectionError.ts"
import { access, here, keyOf, modelColumns, type Row, selectModels, toModel } from "./ProjectionRows.ts"
import type { SqlDatabase } from "./SqlDatabase.ts"
import type { Writer } from "./Writer.ts"

const selectProjections = "SELECT name, kind, rebuild_requested, paused FROM projections"

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

const make = Effect.gen(function* () {
  const { database, read, ride, run } = yield* access

  return GenerationStore.of({
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
      )
  })
})

export const layer: Layer.Layer<GenerationStore, never, SqlDatabase | Writer> = Layer.effect(GenerationStore, make)
