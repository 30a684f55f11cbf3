/**
 * `PendingTimers` is the read model of the timers that wait for their time, in the order of their times. The driver
 * reads it, so that no process has them all in memory, and operators see it. It follows from the log and is rebuilt
 * like any other model.
 *
 * It may be behind the log. So nothing is decided by it: a timer decides itself whether it fires.
 */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect, Option } from "effect"
import * as StreamId from "../core/StreamId.ts"
import { GenerationStore } from "./GenerationStore.ts"
import * as Projection from "./Projection.ts"
import { ReadModels } from "./ReadModels.ts"
import { Timer } from "./Timer.ts"

/** A timer that waits. */
export interface Pending {
  readonly key: string
  /** Milliseconds since 1970-01-01 UTC. */
  readonly due: number
  /** What is sent, without its payload. */
  readonly aggregate: string
  readonly id: string
  readonly command: string
  /** The version of the event that scheduled it. */
  readonly scheduledAt: number
  readonly version: number
  readonly position: number
  readonly correlationId: string
}

/** Where a page ended. */
export type Place = Pick<Pending, "due" | "key">

export const prefix: string = StreamId.prefixOf(Timer.aggregate)

export const projection = Projection.make({
  name: "pending_timers",
  version: 1,
  events: Timer.events,
  tables: ["pending_timers"],
  // No row depends on two timers: one that cannot be read holds up no other.
  onFailure: "park",
  create: ({ pending_timers: table }) => [
    `CREATE TABLE ${table} (
       timer TEXT PRIMARY KEY,
       due INTEGER NOT NULL,
       aggregate TEXT NOT NULL,
       target TEXT NOT NULL,
       command TEXT NOT NULL,
       scheduled_at INTEGER NOT NULL,
       version INTEGER NOT NULL,
       position INTEGER NOT NULL,
       correlation_id TEXT NOT NULL
     ) STRICT, WITHOUT ROWID`,
    `CREATE INDEX ${table}_by_due ON ${table} (due, timer)`
  ],
  apply: (batch, { pending_timers: table }) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const rowsOf = sql.onDialectOrElse({
        pg: () => "json_array_elements(?::json) AS j (value)",
        orElse: () => "json_each(?) AS j"
      })
      /** The row that each timer of the batch ends with, or none. */
      const rows = new Map<string, ReadonlyArray<unknown> | undefined>()
      for (const { event, stored } of batch) {
        const key = stored.streamId.slice(prefix.length)
        if (event._tag !== "TimerScheduled") {
          rows.set(key, undefined)
          continue
        }
        const { aggregate, command, due, id } = event
        const { correlationId, position, recordedAt, version } = stored
        rows.set(key, [key, due, aggregate, id, command, recordedAt, version, position, correlationId])
      }
      yield* sql.unsafe(`DELETE FROM ${table} WHERE timer IN (SELECT j.value ->> 0 FROM ${rowsOf})`, [
        JSON.stringify(Array.from(rows.keys(), (key) => [key]))
      ]).raw
      const pending = [...rows.values()].filter((row) => row !== undefined)
      if (pending.length === 0) return
      const integer = (index: number) => `CAST(j.value ->> ${index} AS INTEGER)`
      const columns = [
        "j.value ->> 0",
        integer(1),
        "j.value ->> 2",
        "j.value ->> 3",
        "j.value ->> 4",
        integer(5),
        integer(6),
        integer(7),
        "j.value ->> 8"
      ]
      const inserted = `INSERT INTO ${table} SELECT ${columns.join(", ")} FROM ${rowsOf}`
      yield* sql.unsafe(
        sql.onDialectOrElse({
          pg: () => inserted.replaceAll("INTEGER", "BIGINT"),
          orElse: () => `${inserted} WHERE true`
        }),
        [JSON.stringify(pending)]
      ).raw
    })
})

const columns = "timer, due, aggregate, target, command, scheduled_at, version, position, correlation_id"

const toPending = (row: ReadonlyArray<unknown>): Pending =>
  ({
    key: row[0],
    due: row[1],
    aggregate: row[2],
    id: row[3],
    command: row[4],
    scheduledAt: row[5],
    version: row[6],
    position: row[7],
    correlationId: row[8]
  }) as Pending

/** Whether the model was ever built: before that there is nothing to query. */
export const isThere = Effect.gen(function* () {
  const row = yield* Effect.flatMap(GenerationStore, (generations) => generations.find(projection.name))
  return Option.exists(row, ({ live }) => live !== null)
})

/** What is asked for of the timers that wait. */
interface Asked {
  /** Those behind this place, in the order of their times; null: from the first one. */
  readonly after: Place | null
  /** Those that are due at this time. Default: all. */
  readonly until?: number
  readonly limit: number
}

/** Timers in the order of their times, where the model is there. */
export const page = (options: Asked) =>
  Effect.gen(function* () {
    const { query } = yield* ReadModels
    const { after, limit, until } = options
    const conditions = [
      ...(after === null ? [] : ["(due, timer) > (?, ?)"]),
      ...(until === undefined ? [] : ["due <= ?"])
    ]
    const rows = yield* query(
      `SELECT ${columns} FROM pending_timers
       ${conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`} ORDER BY due, timer LIMIT ?`,
      [...(after === null ? [] : [after.due, after.key]), ...(until === undefined ? [] : [until]), limit]
    )
    return rows.map(toPending)
  })

/** The same, and none as long as the model is not there. */
export const list = (asked: Asked) =>
  Effect.flatMap(isThere, (there) => (there ? page(asked) : Effect.succeed<ReadonlyArray<Pending>>([])))

/** The first time after one at which a timer is due. */
export const nextAfter = (time: number) =>
  Effect.gen(function* () {
    const { query } = yield* ReadModels
    const [row] = yield* query("SELECT due FROM pending_timers WHERE due > ? ORDER BY due LIMIT 1", [time])
    return row === undefined ? undefined : (row[0] as number)
  })

export interface Overview {
  readonly pending: number
  /** Those whose time has passed and that have not fired. */
  readonly due: number
  /** How long ago the first of them should have fired, in milliseconds. */
  readonly lateMillis: number
}

const nothing: Overview = { pending: 0, due: 0, lateMillis: 0 }

/** How many wait, and how late they are. */
export const overview = (now: number) =>
  Effect.gen(function* () {
    if (!(yield* isThere)) return nothing
    const { query } = yield* ReadModels
    const [row] = yield* query(
      `SELECT (SELECT count(*) FROM pending_timers), (SELECT count(*) FROM pending_timers WHERE due <= ?),
         (SELECT min(due) FROM pending_timers)`,
      [Math.floor(now)]
    )
    const [pending = 0, due = 0, first = null] = (row ?? []) as [number?, number?, (number | null)?]
    return { pending, due, lateMillis: first === null ? 0 : Math.max(now - first, 0) } satisfies Overview
  })
