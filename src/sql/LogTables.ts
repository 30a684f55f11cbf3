/** The tables `events` and `commands`: their columns, and the statements that more than one module needs. */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import type { Head, StoredCommand } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { Dialect } from "./SqlDatabase.ts"

type Row = ReadonlyArray<unknown>

/** A table whose rows are inserted many at a time. */
export interface Table<A> {
  readonly name: string
  readonly columns: ReadonlyArray<string>
  /** Those of the columns that hold whole numbers; the others hold text. */
  readonly numbers: ReadonlySet<string>
  /** Appends the row's values, in the order of the columns. */
  readonly push: (values: Array<unknown>, row: A) => void
}

const events: Table<StoredEvent> = {
  name: "events",
  columns: [
    "position",
    "stream_id",
    "version",
    "type",
    "schema_version",
    "data",
    "command_id",
    "correlation_id",
    "causation_id",
    "traceparent",
    "recorded_at",
    "previous_hash",
    "hash"
  ],
  numbers: new Set(["position", "version", "schema_version", "recorded_at"]),
  push: (values, event) =>
    values.push(
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
}

export const eventColumns = events.columns.join(", ")

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

const commands: Table<StoredCommand> = {
  name: "commands",
  columns: [
    "command_id",
    "stream_id",
    "fingerprint",
    "outcome",
    "answer",
    "version",
    "position",
    "command",
    "answer_version"
  ],
  numbers: new Set(["version", "position", "answer_version"]),
  push: (values, command) =>
    values.push(
      command.commandId,
      command.streamId,
      command.fingerprint,
      command.outcome,
      command.answer,
      command.version,
      command.position,
      command.command,
      command.answerVersion
    )
}

export const commandColumns = commands.columns.join(", ")

export const toCommand = (row: Row): StoredCommand =>
  ({
    commandId: row[0],
    streamId: row[1],
    fingerprint: row[2],
    outcome: row[3],
    answer: row[4],
    version: row[5],
    position: row[6],
    command: row[7],
    answerVersion: row[8]
  }) as StoredCommand

type Select<A, B> = (connection: Connection, given: A) => Effect.Effect<B, SqlError>
type Insert<A> = (connection: Connection, rows: ReadonlyArray<A>) => Effect.Effect<void, SqlError>

/** The statements of both tables in one dialect. */
export interface LogStatements {
  /** The last event of each of these streams that has one. */
  readonly selectHeads: Select<Iterable<string>, Map<string, Head>>
  /** Those of these commands that are stored. */
  readonly selectCommands: Select<Iterable<string>, Map<string, StoredCommand>>
  /** Where the log ends. */
  readonly selectEnd: (
    connection: Connection
  ) => Effect.Effect<{ readonly position: number; readonly recordedAt: number }, SqlError>
  readonly insertEvents: Insert<StoredEvent>
  readonly insertCommands: Insert<StoredCommand>
}

export const statements = (dialect: Dialect): LogStatements => {
  const selectCommands = `SELECT ${commandColumns} FROM ${dialect.wantedCommands}`
  const selectEnd = "SELECT position, recorded_at FROM events WHERE position = (SELECT max(position) FROM events)"
  return {
    selectHeads: (connection, streamIds) =>
      Effect.map(
        connection.executeValues(dialect.selectHeads, [JSON.stringify([...streamIds])]),
        (rows) =>
          new Map(
            rows.map(([streamId, version, position, hash]) => [streamId as string, { version, position, hash } as Head])
          )
      ),
    selectCommands: (connection, commandIds) =>
      Effect.map(
        connection.executeValues(selectCommands, [JSON.stringify([...commandIds])]),
        (rows) => new Map(rows.map((row) => [row[0] as string, toCommand(row)]))
      ),
    selectEnd: (connection) =>
      Effect.map(connection.executeValues(selectEnd, []), ([row]) => ({
        position: (row?.[0] ?? 0) as number,
        recordedAt: (row?.[1] ?? 0) as number
      })),
    insertEvents: dialect.insert(events),
    insertCommands: dialect.insert(commands)
  }
}
