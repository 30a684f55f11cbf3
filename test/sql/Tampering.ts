/** Changes rows of a database behind Daybook's back, with the triggers that forbid it away. */
import { Effect, Layer } from "effect"
import type { StoredEvent } from "../../src/core/StoredEvent.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import { Writer } from "../../src/sql/Writer.ts"
import { Tampering } from "../../src/testing/Tampering.ts"

const columns: Readonly<Record<keyof StoredEvent, string>> = {
  position: "position",
  streamId: "stream_id",
  version: "version",
  type: "type",
  schemaVersion: "schema_version",
  data: "data",
  commandId: "command_id",
  correlationId: "correlation_id",
  causationId: "causation_id",
  traceparent: "traceparent",
  recordedAt: "recorded_at",
  previousHash: "previous_hash",
  hash: "hash"
}

const triggers = {
  sqlite: ["DROP TRIGGER IF EXISTS events_no_update", "DROP TRIGGER IF EXISTS events_no_delete"],
  postgres: ["DROP TRIGGER IF EXISTS events_unchanging ON events"]
}

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
              if (edit === null)
                return yield* connection.executeRaw("DELETE FROM events WHERE position = ?", [position])
              const fields = Object.entries(edit) as ReadonlyArray<[keyof StoredEvent, unknown]>
              const set = fields.map(([field]) => `${columns[field]} = ?`).join(", ")
              const values = [...fields.map(([, value]) => value), position]
              yield* connection.executeRaw(`UPDATE events SET ${set} WHERE position = ?`, values)
            })
          )
        )
    }
  })
)
