/** What operators took out of models and reactions, on SQL. */
import type { Connection } from "@effect/sql/SqlConnection"
import { Clock, Effect, Layer } from "effect"
import { ExclusionStore } from "../projection/ExclusionStore.ts"
import type { Abandonment, Skip } from "../projection/Model.ts"
import * as ModelTables from "./ModelTables.ts"
import { access, type Row, states, toModel } from "./ProjectionRows.ts"
import { letterColumns, toLetter } from "./SqlCheckpointStore.ts"
import type { SqlDatabase } from "./SqlDatabase.ts"
import type { Writer } from "./Writer.ts"

/** For a skip that an earlier release stored, the log says which event it is. */
const selectSkips = `SELECT s.position, coalesce(n.stream_id, t.stream_id, ''), coalesce(n.event_version, e.version, 0),
    coalesce(n.type, m.name, ''), n.principal, n.reason, n.skipped_at, n.lifted_after, s.version
  FROM projection_skips AS s
  LEFT JOIN projection_skip_notes AS n ON n.projection = s.projection AND n.version = s.version AND n.position = s.position
  LEFT JOIN log_events AS e ON e.position = s.position LEFT JOIN log_streams AS t ON t.stream = e.stream
  LEFT JOIN log_names AS m ON m.number = e.type
  WHERE s.projection = ? ORDER BY s.position`

const toSkip = (row: Row): Skip =>
  ({
    position: row[0],
    streamId: row[1],
    version: row[2],
    type: row[3],
    principal: row[4],
    reason: row[5],
    // 0 where only its undoing was noted.
    skippedAt: row[6] || null,
    lifted: row[7] !== null
  }) as Skip

const abandonmentColumns = "position, stream_id, version, type, principal, reason, abandoned_at, ended, undone"

const toAbandonment = (row: Row): Abandonment =>
  ({
    position: row[0],
    streamId: row[1],
    version: row[2],
    type: row[3],
    principal: row[4],
    reason: row[5],
    abandonedAt: row[6],
    ended: row[7] === 1,
    undone: row[8]
  }) as Abandonment

/**
 * A letter that is released this way has a time that no runner has seen, so what a runner was about to write about it
 * fails.
 */
const released = "retry = 1, parked_at = parked_at + 1"

const make = Effect.gen(function* () {
  const { database, models, read, ride } = yield* access

  const modelsOf = (connection: Connection, projection: string) =>
    Effect.map(connection.executeValues(`${models.select} WHERE projection = ?`, [projection]), (rows) =>
      rows.map((row) => ({ ...toModel(row), state: row[3] as number }))
    )
  const liveOf = (connection: Connection, projection: string) =>
    Effect.map(modelsOf(connection, projection), (models) => models.find(({ state }) => state === states.live))
  const letterOf = (connection: Connection, projection: string, generation: number, streamId: string) =>
    Effect.map(
      connection.executeValues(
        `SELECT ${letterColumns} FROM projection_dead_letters WHERE projection = ? AND generation = ? AND stream_id = ?`,
        [projection, generation, streamId]
      ),
      ([row]) => (row === undefined ? undefined : toLetter(row))
    )

  return ExclusionStore.of({
    skips: (projection) =>
      Effect.flatMap(
        read(`SELECT version FROM projection_models WHERE projection = ? AND live = ${states.live}`, [projection]),
        ([live]) =>
          Effect.map(read(selectSkips, [projection]), (rows) =>
            rows.filter((row) => live === undefined || row[8] === live[0]).map(toSkip)
          )
      ),
    unskip: (projection, streamId, version) =>
      ride(
        Effect.fnUntraced(function* (connection) {
          const models = yield* modelsOf(connection, projection)
          const rows = yield* connection.executeValues(selectSkips, [projection])
          const events: Array<Skip> = []
          let rebuilds = false
          for (const row of rows) {
            const skip = toSkip(row)
            if (skip.lifted || skip.streamId !== streamId || (version ?? skip.version) !== skip.version) continue
            events.push(skip)
            const key = [projection, row[8], skip.position]
            let passed = 0
            for (const model of models) {
              if (model.version !== row[8] || model.position < skip.position) continue
              const letter = yield* letterOf(connection, projection, model.generation, streamId)
              // A parked stream has not come to it.
              if (letter !== undefined && letter.position <= skip.position) continue
              if (model.state === states.shadow) yield* ModelTables.drop(connection, database.dialect, model)
              if (model.state === states.live) passed = model.generation
            }
            if (passed === 0) {
              for (const table of ["projection_skips", "projection_skip_notes"]) {
                yield* connection.executeRaw(
                  `DELETE FROM ${table} WHERE projection = ? AND version = ? AND position = ?`,
                  key
                )
              }
              continue
            }
            rebuilds = true
            yield* connection.executeRaw(
              `INSERT INTO projection_skip_notes VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, 0, ?)
               ON CONFLICT (projection, version, position) DO UPDATE SET lifted_after = excluded.lifted_after`,
              [...key, skip.streamId, skip.version, skip.type, passed]
            )
          }
          if (rebuilds) {
            yield* connection.executeRaw("UPDATE projections SET rebuild_requested = 1 WHERE name = ?", [projection])
          }
          return { events, rebuilds }
        })
      ),

    abandonments: (reaction) =>
      Effect.map(
        read(`SELECT ${abandonmentColumns} FROM reaction_abandonments WHERE reaction = ? ORDER BY position`, [
          reaction
        ]),
        (rows) => rows.map(toAbandonment)
      ),
    abandon: (reaction, { position, streamId }, undone, { principal = null, reason = null }) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        ride(
          Effect.fnUntraced(function* (connection) {
            const live = yield* liveOf(connection, reaction)
            if (live === undefined) return false
            const letter = yield* letterOf(connection, reaction, live.generation, streamId)
            const { failure } = live
            const isHalted = failure?.halted === true && failure.streamId === streamId
            const event = [letter, isHalted ? failure : undefined].find((each) => each?.position === position)
            if (event === undefined) return false
            const added = yield* connection.executeValues(
              `INSERT INTO reaction_abandonments (reaction, ${abandonmentColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)
               ON CONFLICT DO NOTHING RETURNING position`,
              [reaction, position, streamId, event.version, event.type, principal, reason, now, undone]
            )
            if (added.length === 0) return false
            yield* connection.executeRaw(
              event === letter
                ? `UPDATE projection_dead_letters SET ${released} WHERE projection = ? AND generation = ? AND stream_id = ?`
                : "UPDATE projection_models SET failure = NULL WHERE projection = ? AND generation = ?",
              event === letter ? [reaction, live.generation, streamId] : [reaction, live.generation]
            )
            return true
          })
        )
      ),
    endAbandonment: (reaction, position, undone) =>
      ride((connection) =>
        Effect.map(
          connection.executeValues(
            "UPDATE reaction_abandonments SET ended = 1, undone = ? WHERE reaction = ? AND position = ? RETURNING position",
            [undone, reaction, position]
          ),
          (rows) => rows.length > 0
        )
      ),
    takeUp: (reaction, streamId) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        ride(
          Effect.fnUntraced(function* (connection) {
            const live = yield* liveOf(connection, reaction)
            const rows = yield* connection.executeValues(
              `DELETE FROM reaction_abandonments WHERE reaction = ? AND stream_id = ? RETURNING ${abandonmentColumns}`,
              [reaction, streamId]
            )
            const events = rows.map(toAbandonment).sort((left, right) => left.position - right.position)
            const [first] = events
            if (first === undefined || live === undefined) return events
            const key = [reaction, live.generation, streamId]
            const letter = yield* letterOf(connection, reaction, live.generation, streamId)
            if (letter !== undefined && letter.version <= first.version) {
              yield* connection.executeRaw(
                `UPDATE projection_dead_letters SET ${released} WHERE projection = ? AND generation = ? AND stream_id = ?`,
                key
              )
              return events
            }
            const { position, type, version } = first
            const parkedAt = Math.max(now, (letter?.parkedAt ?? 0) + 1)
            yield* connection.executeRaw(
              `INSERT INTO projection_dead_letters (projection, generation, ${letterColumns})
               VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, 1)
               ON CONFLICT (projection, generation, stream_id) DO UPDATE SET version = excluded.version,
                 position = excluded.position, type = excluded.type, error = excluded.error, attempts = excluded.attempts,
                 parked_at = excluded.parked_at, retry = excluded.retry`,
              [...key, version, position, type, "an operator has taken it up again", parkedAt]
            )
            return events
          })
        )
      )
  })
})

export const layer: Layer.Layer<ExclusionStore, never, SqlDatabase | Writer> = Layer.effect(ExclusionStore, make)
