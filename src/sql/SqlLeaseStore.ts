/** Leases and the heartbeat, on SQL. */
import { Clock, Duration, Effect, Layer } from "effect"
import { LeaseStore } from "../projection/LeaseStore.ts"
import { access } from "./ProjectionRows.ts"
import type { SqlDatabase } from "./SqlDatabase.ts"
import type { Writer } from "./Writer.ts"

const upsertHost = `INSERT INTO projection_host VALUES (1, ?, ?)
  ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, beat_at = excluded.beat_at`

const make = Effect.gen(function* () {
  const { database, read, ride, run } = yield* access

  return LeaseStore.of({
    lease: (name, owner, duration) => {
      const { now } = database.dialect
      // Its own it may take again at any time; that of another is free when it has expired.
      const sql = `INSERT INTO projection_leases (projection, owner, expires_at) VALUES (?, ?, ${now} + ?)
        ON CONFLICT (projection) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
        WHERE projection_leases.owner = excluded.owner OR projection_leases.expires_at <= ${now} RETURNING owner`
      const params = [name, owner, Math.ceil(Duration.toMillis(duration))]
      return ride((connection) => Effect.map(connection.executeValues(sql, params), (rows) => rows.length > 0))
    },
    isHeld: (name) =>
      Effect.map(
        read(`SELECT 1 FROM projection_leases WHERE projection = ? AND expires_at > ${database.dialect.now}`, [name]),
        (rows) => rows.length > 0
      ),
    endLease: (name, owner) =>
      Effect.asVoid(run("DELETE FROM projection_leases WHERE projection = ? AND owner = ?", [name, owner])),
    beat: (owner) => Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.asVoid(run(upsertHost, [owner, now]))),
    host: Effect.map(read("SELECT owner, beat_at FROM projection_host", []), ([row]) =>
      row === undefined ? null : { owner: row[0] as string, beatAt: row[1] as number }
    ),
    leave: (owner) => Effect.asVoid(run("DELETE FROM projection_host WHERE owner = ?", [owner]))
  })
})

export const layer: Layer.Layer<LeaseStore, never, SqlDatabase | Writer> = Layer.effect(LeaseStore, make)
