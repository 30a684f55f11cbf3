/** A read model that keeps the notes it was given, and what runs it: for the cases of the read side. */
import { SqlClient } from "@effect/sql/SqlClient"
import { Duration, Effect, Layer, Schema } from "effect"
import * as Event from "../core/Event.ts"
import { appendOrFail, EventStore, storedOf } from "../core/EventStore.ts"
import type { Recorded } from "../core/Recorded.ts"
import { StreamId } from "../core/StreamId.ts"
import * as Projection from "../projection/Projection.ts"
import * as ProjectionConfig from "../projection/ProjectionConfig.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import { type ProjectionStatus, Projections } from "../projection/Projections.ts"
import * as ProjectionsLocal from "../projection/ProjectionsLocal.ts"
import { ReadModels } from "../projection/ReadModels.ts"
import { proposed } from "./ProposedCommand.ts"

export const Noted = Event.make("Noted", { text: Schema.String })
export type Noted = Event.Of<typeof Noted>

/** A stored event of any form: its type, data and version of the schema. */
export interface Raw {
  readonly type?: string
  readonly schemaVersion?: number
  readonly data: string
}

let nextCommand = 0

/** Appends events to a stream and gives the position of the last one. */
export const appendRaw = (stream: string, events: ReadonlyArray<Raw>) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const commandId = `command ${nextCommand++}`
    const result = yield* appendOrFail(store, [
      {
        streamId: StreamId.make(stream),
        expectedVersion: "any",
        commands: [
          proposed(commandId, {
            isNew: true,
            events: events.map(({ data, schemaVersion = 1, type = "Noted" }) => ({ type, schemaVersion, data }))
          })
        ]
      }
    ])
    return storedOf(result).at(-1)?.position ?? 0
  })
export const note = (stream: string, ...texts: ReadonlyArray<string>) =>
  appendRaw(
    stream,
    texts.map((text) => ({ data: JSON.stringify({ text }) }))
  )

export interface Faults {
  /** Runs before each batch is applied. */
  readonly before?: (batch: ReadonlyArray<Recorded<Noted>>) => Effect.Effect<void, unknown, SqlClient>
  readonly version?: number
  readonly name?: string
  readonly onFailure?: "halt" | "park"
}

/** Keeps the texts of each stream in order and how many there were: an event counted twice, never or late shows. */
export const notes = ({ before, name = "notes", onFailure = "halt", version = 1 }: Faults = {}) =>
  Projection.make({
    name,
    version,
    events: [Noted],
    tables: [name],
    onFailure,
    create: (tables) => [
      `CREATE TABLE ${tables[name]} (stream_id TEXT PRIMARY KEY, count INTEGER NOT NULL, texts TEXT NOT NULL)`
    ],
    apply: (batch, tables) =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        for (const { event, stored } of batch) {
          yield* sql.unsafe(
            `INSERT INTO ${tables[name]} VALUES (?, 1, ?)
             ON CONFLICT (stream_id) DO UPDATE
             SET count = ${tables[name]}.count + 1, texts = ${tables[name]}.texts || ' ' || excluded.texts`,
            [stored.streamId, event.text]
          )
        }
        if (before !== undefined) yield* before(batch)
      })
  })

/** The names of the tables of all generations, in SQLite or in PostgreSQL. */
export const tablesOfNotes = Effect.flatMap(ReadModels, (models) =>
  Effect.catchAllDefect(
    models.query("SELECT name FROM sqlite_master WHERE name LIKE 'notes_v%' AND type = 'table'", []),
    () =>
      models.query(
        "SELECT tablename FROM pg_tables WHERE tablename LIKE 'notes_v%' AND schemaname = current_schema()",
        []
      )
  )
)

export const model = (name = "notes") =>
  Effect.flatMap(ReadModels, (models) =>
    Effect.map(models.query(`SELECT stream_id, texts, count FROM ${name} ORDER BY stream_id`, []), (rows) =>
      Object.fromEntries(rows.map(([stream, texts, count]) => [stream, `${count}: ${texts}`]))
    )
  )

/** Fast, so that a case waits for conditions and not for time. */
export const fast = {
  pollInterval: Duration.millis(20),
  minBackoff: Duration.millis(1),
  maxBackoff: Duration.millis(4),
  maxAttempts: 3,
  heartbeat: Duration.millis(20)
}
export const limits = ProjectionConfig.layer(fast)
/** Never halts, and takes few events at once. */
export const patient = ProjectionConfig.layer({
  ...fast,
  maxAttempts: Number.MAX_SAFE_INTEGER,
  maxBatch: 8,
  busyBatch: 8
})

/** Runs the projections while the effect runs. */
export const running = <A, E, R>(
  projections: ReadonlyArray<Projection.Any>,
  effect: Effect.Effect<A, E, R>,
  config = limits
): Effect.Effect<A, E, Exclude<R, Projections> | EventStore | ProjectionStore> =>
  Effect.provide(effect, Layer.provide(ProjectionsLocal.layer(projections), config))

/** Looks without running anything. */
export const beside = <A, E, R>(
  projections: ReadonlyArray<Projection.Any>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, Projections> | EventStore | ProjectionStore> =>
  Effect.provide(effect, Layer.provide(ProjectionsLocal.layerObserver(projections), limits))

export const service = Projections
export const caughtUp = (position: number, name = "notes") =>
  Effect.flatMap(service, (projections) => projections.awaitPosition(name, position, "60 seconds"))
export const status = (name = "notes") => Effect.flatMap(service, (projections) => projections.status(name))

/** Waits until the status is as wanted. */
export const until = (
  isReached: (status: ProjectionStatus) => boolean,
  name = "notes"
): Effect.Effect<ProjectionStatus, unknown, Projections> =>
  Effect.flatMap(status(name), (now) =>
    isReached(now) ? Effect.succeed(now) : Effect.zipRight(Effect.sleep("2 millis"), until(isReached, name))
  )
export const halted = (now: ProjectionStatus) => now.status === "halted"
