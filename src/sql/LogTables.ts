/** The tables `events` and `commands`: their columns, and the statements that more than one module needs. */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import type { Head, StoredCommand } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"

type Row = ReadonlyArray<unknown>

export const eventColumns =
  "position, stream_id, version, type, schema_version, data, command_id, correlation_id, causation_id, traceparent, recorded_at, previous_hash, hash"

/** The tables are strict, so each value has the type of its column. Whether it is the stored one, the hash tells. */
export const toEvent = (row: Row): StoredEvent =>
  ({
    position: row[0],
    streamId: row[1],
    version: row[2],
    type: row[3],
    schemaVersion: row[4],
    data: row[5],
    commandId: row[6],
    correlationId: row[7],
    causationId: row[8],
    traceparent: row[9],
    recordedAt: row[10],
    previousHash: row[11],
    hash: row[12]
  }) as StoredEvent

export const commandColumns = "command_id, stream_id, fingerprint, outcome, answer, version, position"

export const toCommand = (row: Row): StoredCommand =>
  ({
    commandId: row[0],
    streamId: row[1],
    fingerprint: row[2],
    outcome: row[3],
    answer: row[4],
    version: row[5],
    position: row[6]
  }) as StoredCommand

/** The last event of each of these streams that has one. The inner query is one seek; GROUP BY would read every event. */
export const selectHeads = (
  connection: Connection,
  streamIds: Iterable<string>
): Effect.Effect<Map<string, Head>, SqlError> =>
  Effect.map(
    connection.executeValues(
      `SELECT e.stream_id, e.version, e.position, e.hash FROM json_each(?) AS wanted CROSS JOIN events AS e
       ON e.stream_id = wanted.value AND e.version = (SELECT max(version) FROM events WHERE stream_id = wanted.value)`,
      [JSON.stringify([...streamIds])]
    ),
    (rows) =>
      new Map(
        rows.map(([streamId, version, position, hash]) => [streamId as string, { version, position, hash } as Head])
      )
  )

/** Those of these commands that are stored. */
export const selectCommands = (
  connection: Connection,
  commandIds: Iterable<string>
): Effect.Effect<Map<string, StoredCommand>, SqlError> =>
  Effect.map(
    connection.executeValues(
      `SELECT ${commandColumns} FROM json_each(?) AS wanted CROSS JOIN commands ON command_id = wanted.value`,
      [JSON.stringify([...commandIds])]
    ),
    (rows) => new Map(rows.map((row) => [row[0] as string, toCommand(row)]))
  )

/** Where the log ends. */
export const selectEnd = (
  connection: Connection
): Effect.Effect<{ readonly position: number; readonly recordedAt: number }, SqlError> =>
  Effect.map(
    connection.executeValues(
      "SELECT position, recorded_at FROM events WHERE position = (SELECT max(position) FROM events)",
      []
    ),
    ([row]) => ({ position: (row?.[0] ?? 0) as number, recordedAt: (row?.[1] ?? 0) as number })
  )

/**
 * Rows in one statement: many, since each statement costs some 15 µs; in few sizes, so that few statements are prepared;
 * and 64 rows of 13 values stay far below the 32,766 values that SQLite takes.
 */
const chunkSizes = [64, 8, 1]

const insert = <A>(into: string, columns: number, push: (params: Array<unknown>, row: A) => void) => {
  const row = `(${Array(columns).fill("?").join(", ")})`
  const chunks = chunkSizes.map((size) => ({
    size,
    sql: `INSERT INTO ${into} VALUES ${Array(size).fill(row).join(", ")}`
  }))
  return Effect.fnUntraced(function* (
    connection: Connection,
    rows: ReadonlyArray<A>
  ): Effect.fn.Return<void, SqlError> {
    let from = 0
    for (const { size, sql } of chunks) {
      for (; rows.length - from >= size; from += size) {
        const params: Array<unknown> = []
        for (const row of rows.slice(from, from + size)) push(params, row)
        yield* connection.executeRaw(sql, params)
      }
    }
  })
}

export const insertEvents = insert<StoredEvent>(`events (${eventColumns})`, 13, (params, event) =>
  params.push(
    event.position,
    event.streamId,
    event.version,
    event.type,
    event.schemaVersion,
    event.data,
    event.commandId,
    event.correlationId,
    event.causationId,
    event.traceparent,
    event.recordedAt,
    event.previousHash,
    event.hash
  )
)

export const insertCommands = insert<StoredCommand>(`commands (${commandColumns})`, 7, (params, command) =>
  params.push(
    command.commandId,
    command.streamId,
    command.fingerprint,
    command.outcome,
    command.answer,
    command.version,
    command.position
  )
)
