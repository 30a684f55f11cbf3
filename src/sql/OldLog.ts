/**
 * The rows of a log without a journal while it is imported: separate tables, in the transaction of the import, from
 * which `JournalTransform.ts` makes the log.
 */
import type { StoredCommand } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { Table } from "./LogTables.ts"
import type { Dialect } from "./SqlDatabase.ts"

const events: Table<StoredEvent> = {
  name: "log_import_events",
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
  bytes: new Set(),
  values: (event) => [
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
  ]
}

const commands: Table<StoredCommand> = {
  name: "log_import_commands",
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
  bytes: new Set(),
  values: (command) => [
    command.commandId,
    command.streamId,
    command.fingerprint,
    command.outcome,
    command.answer,
    command.version,
    command.position,
    command.command,
    command.answerVersion
  ]
}

/** Commands of such a log have no name. */
const optional = new Set(["causation_id", "traceparent", "command"])

/** In the order of the rows of a file, which `JournalTransform` checks: the keys are what it finds rows by. */
const create = <A>({ columns, name, numbers }: Table<A>, keys: string): string => {
  const types = columns.map(
    (column) => `${column} ${numbers.has(column) ? "INTEGER" : "TEXT"}${optional.has(column) ? "" : " NOT NULL"}`
  )
  return `CREATE TABLE ${name} (${types.join(", ")}, ${keys}) STRICT`
}

const index = `${commands.name}_in_order`

/** The names of everything that is made here. */
export const names: ReadonlyArray<string> = [events.name, commands.name, index]

export const tables = (dialect: Dialect) => ({
  names: { events: events.name, commands: commands.name },
  create: [
    dialect.definition(create(events, "PRIMARY KEY (position), UNIQUE (stream_id, version)")),
    dialect.definition(create(commands, "PRIMARY KEY (command_id)")),
    `CREATE INDEX ${index} ON ${commands.name} (position, command_id)`
  ],
  insertEvents: dialect.insert(events),
  insertCommands: dialect.insert(commands),
  drop: [`DROP TABLE ${events.name}`, `DROP TABLE ${commands.name}`]
})
