/**
 * The snapshot store on SQL. Its writes ride in the transactions of the appends, so that a snapshot costs no commit.
 */
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Layer, Option } from "effect"
import * as Page from "../core/Page.ts"
import { type Snapshot, SnapshotStore } from "../core/SnapshotStore.ts"
import { StoreUnavailable } from "../core/StoreError.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"
import { type Work, Writer } from "./Writer.ts"

const columns = "stream_id, version, position, event_hash, fingerprint, data, recorded_at, checksum"

const toSnapshot = (row: ReadonlyArray<unknown>): Snapshot =>
  ({
    streamId: row[0],
    version: row[1],
    position: row[2],
    eventHash: row[3],
    fingerprint: row[4],
    data: row[5],
    recordedAt: row[6],
    checksum: row[7]
  }) as Snapshot

const insert = `INSERT INTO snapshots (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (stream_id, version) DO UPDATE SET position = excluded.position, event_hash = excluded.event_hash,
    fingerprint = excluded.fingerprint, data = excluded.data, recorded_at = excluded.recorded_at, checksum = excluded.checksum`

const deleteOld = `DELETE FROM snapshots WHERE stream_id = ? AND version <=
  (SELECT version FROM snapshots WHERE stream_id = ? ORDER BY version DESC LIMIT 1 OFFSET ?)`

const make = Effect.gen(function* () {
  const database = yield* SqlDatabase
  const writer = yield* Writer
  const read = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.mapBoth(database.read(sql, params), {
      onFailure: (error) => new StoreUnavailable({ operation: "read", cause: innermost(error) }),
      onSuccess: (rows) => rows.map(toSnapshot)
    })

  const write = (characters: number, work: Work<unknown, SqlError, never>) =>
    // Saving or removing again is harmless, so an unknown outcome can be treated as a failure.
    Effect.catchTag(writer.ride(characters, work), "OutcomeUnknown", ({ cause }) =>
      Effect.fail(new StoreUnavailable({ operation: "append", cause }))
    )

  return SnapshotStore.of({
    load: (streamId, maxVersion = Number.MAX_SAFE_INTEGER) =>
      Effect.map(
        read(`SELECT ${columns} FROM snapshots WHERE stream_id = ? AND version <= ? ORDER BY version DESC LIMIT 1`, [
          streamId,
          maxVersion
        ]),
        ([snapshot]) => Option.fromNullable(snapshot)
      ),
    save: (snapshots, keep) =>
      write(
        snapshots.reduce((bytes, { data }) => bytes + data.length, 0),
        Effect.fnUntraced(function* (connection) {
          for (const snapshot of snapshots) {
            const { streamId, version, position, eventHash, fingerprint, data, recordedAt, checksum } = snapshot
            yield* connection.executeRaw(insert, [
              streamId,
              version,
              position,
              eventHash,
              fingerprint,
              data,
              recordedAt,
              checksum
            ])
            yield* connection.executeRaw(deleteOld, [streamId, streamId, keep])
          }
        })
      ),
    remove: (streamId, { from = 0, to = Number.MAX_SAFE_INTEGER } = {}) =>
      write(0, (connection) =>
        connection.executeRaw("DELETE FROM snapshots WHERE stream_id = ? AND version BETWEEN ? AND ?", [
          streamId,
          from,
          to
        ])
      ),
    readAll: (after, limit) =>
      Effect.map(
        read(
          `SELECT ${columns} FROM snapshots WHERE (stream_id, version) > (?, ?) ORDER BY stream_id, version LIMIT ?`,
          [after?.streamId ?? "", after?.version ?? 0, limit + 1]
        ),
        (rows) => {
          const { kept: snapshots, more } = Page.cut(rows, limit)
          return { snapshots, more }
        }
      )
  })
})

export const layer: Layer.Layer<SnapshotStore, never, SqlDatabase | Writer> = Layer.effect(SnapshotStore, make)
