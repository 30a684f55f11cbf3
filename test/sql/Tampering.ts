/** Changes rows of a database behind Daybook's back, with the triggers that forbid it away. */
import type { Connection } from "@effect/sql/SqlConnection"
import { Effect, Layer } from "effect"
import type { StoredEvent } from "../../src/core/StoredEvent.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import { Writer } from "../../src/sql/Writer.ts"
import { Tampering } from "../../src/testing/Tampering.ts"

const words: Readonly<Partial<Record<keyof StoredEvent, string>>> = { streamId: "stream_id", type: "name" }

/** Where a field is kept: a column of the event's row, or of its entry's. */
const ofEvent: Readonly<Partial<Record<keyof StoredEvent, string>>> = {
  position: "position",
  version: "version",
  schemaVersion: "schema_version",
  data: "data",
  recordedAt: "recorded_at",
  previousHash: "previous_hash",
  hash: "hash",
  sequence: "sequence"
}
const ofEntry: Readonly<Partial<Record<keyof StoredEvent, string>>> = {
  commandId: "command_id",
  correlationId: "correlation_id",
  causationId: "causation_id",
  traceparent: "traceparent",
  principal: "principal"
}

const triggers = {
  sqlite: ["log_events", "log_entries"].flatMap((table) => [
    `DROP TRIGGER IF EXISTS ${table}_no_update`,
    `DROP TRIGGER IF EXISTS ${table}_no_delete`
  ]),
  postgres: ["log_events", "log_entries"].map((table) => `DROP TRIGGER IF EXISTS ${table}_unchanging ON ${table}`)
}

/** Cuts the log off at this position, its entries with its events: what is left is that of an older copy. */
export const cut = Effect.fnUntraced(function* (position: number) {
  const { dialect } = yield* SqlDatabase
  const writer = yield* Writer
  yield* Effect.orDie(
    writer.transact((connection) =>
      Effect.gen(function* () {
        for (const sql of triggers[dialect.kind]) yield* connection.executeRaw(sql, [])
        const sql = "DELETE FROM log_entries WHERE sequence >= (SELECT sequence FROM log_events WHERE position = ?)"
        yield* connection.executeRaw(sql, [position])
        yield* connection.executeRaw("DELETE FROM log_events WHERE position >= ?", [position])
      })
    )
  )
})

/** The number of a stream or of a type, which it gets where it has none. */
const numberOf = Effect.fnUntraced(function* (connection: Connection, field: keyof StoredEvent, value: unknown) {
  const [table, number] = field === "streamId" ? ["log_streams", "stream"] : ["log_names", "number"]
  const find = connection.executeValues(`SELECT ${number} FROM ${table} WHERE ${words[field]} = ?`, [value])
  const [known] = yield* find
  if (known !== undefined) return known[0]
  yield* connection.executeRaw(
    `INSERT INTO ${table} SELECT coalesce(max(${number}), 0) + 1, CAST(? AS TEXT) FROM ${table}`,
    [value]
  )
  return (yield* find)[0]?.[0]
})

export const layer: Layer.Layer<Tampering, never, SqlDatabase | Writer> = Layer.effect(
  Tampering,
  Effect.gen(function* () {
    const { dialect } = yield* SqlDatabase
    const writer = yield* Writer
    return {
      edit: (position, edit) =>
        Effect.orDie(
          writer.transact((connection) =>
            Effect.gen(function* () {
              for (const sql of triggers[dialect.kind]) yield* connection.executeRaw(sql, [])
              if (edit === null) {
                return yield* connection.executeRaw("DELETE FROM log_events WHERE position = ?", [position])
              }
              for (const [name, value] of Object.entries(edit)) {
                const field = name as keyof StoredEvent
                const column = ofEntry[field]
                if (column !== undefined) {
                  const sql = `UPDATE log_entries SET ${column} = ? WHERE sequence =
                    (SELECT sequence FROM log_events WHERE position = ?)`
                  yield* connection.executeRaw(sql, [value, position])
                } else if (field in words) {
                  const number = yield* numberOf(connection, field, value)
                  const sql = `UPDATE log_events SET ${field === "streamId" ? "stream" : "type"} = ? WHERE position = ?`
                  yield* connection.executeRaw(sql, [number, position])
                } else {
                  const given = field === "hash" || field === "previousHash" ? dialect.words.unhex("?") : "?"
                  const sql = `UPDATE log_events SET ${ofEvent[field]} = ${given} WHERE position = ?`
                  yield* connection.executeRaw(sql, [value, position])
                }
              }
            })
          )
        )
    }
  })
)
