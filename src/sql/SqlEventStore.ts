/** The event store on SQL: appends go through `Writer`, reads through the client that only reads. */
import { Effect, Layer, Stream } from "effect"
import * as AppendPlan from "../core/AppendPlan.ts"
import * as Damage from "../core/Damage.ts"
import { EventStore, type Head, maxPage, type StreamHead } from "../core/EventStore.ts"
import * as Page from "../core/Page.ts"
import { StoreUnavailable } from "../core/StoreError.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"
import * as UnverifiedLog from "./UnverifiedLog.ts"
import { Writer } from "./Writer.ts"

const selectHead = "SELECT version, position, hash FROM events WHERE stream_id = ? ORDER BY version DESC LIMIT 1"

/**
 * One seek in the index for each stream, however many events it has: the next stream is the first id above the last. Ends
 * at the first id without the prefix. Text is compared by its bytes, and `substr` takes a prefix literally.
 */
const selectStreams = `
  WITH RECURSIVE
    bounds (prefix, after, most) AS (SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS INTEGER)),
    streams (stream_id, number) AS (
      SELECT (SELECT min(stream_id) FROM events WHERE stream_id > after AND stream_id >= prefix), 1 FROM bounds
      UNION ALL
      SELECT (SELECT min(stream_id) FROM events WHERE stream_id > streams.stream_id), number + 1 FROM streams, bounds
      WHERE number < most AND substr(stream_id, 1, length(prefix)) = prefix
    )
  SELECT stream_id, (SELECT max(version) FROM events WHERE events.stream_id = streams.stream_id) FROM streams, bounds
  WHERE substr(stream_id, 1, length(prefix)) = prefix AND number <= most`

const make = Effect.gen(function* () {
  const database = yield* SqlDatabase
  const { dialect } = database
  const writer = yield* Writer
  const within = Effect.provideService(SqlDatabase, database)
  const read = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.mapError(
      database.read(sql, params),
      (error) => new StoreUnavailable({ operation: "read", cause: innermost(error) })
    )

  const lastPosition = Effect.map(
    read("SELECT coalesce(max(position), 0) FROM events", []),
    ([row]) => row?.[0] as number
  )
  /** Whether others write the log: into this file, or into the server that this one follows. */
  const follows =
    database.writeClient === null || dialect.follows === null
      ? Effect.succeed(database.writeClient === null)
      : Effect.map(read(`SELECT CASE WHEN ${dialect.follows} THEN 1 ELSE 0 END`, []), ([row]) => row?.[0] === 1)

  return EventStore.of({
    append: (requests) =>
      Effect.clockWith((clock) => {
        const wrong = AppendPlan.validate(requests)
        return wrong ?? writer.append({ requests, now: clock.unsafeCurrentTimeMillis() })
      }),
    readStream: (streamId, options) =>
      Effect.flatMap(within(UnverifiedLog.streamRows(streamId, options)), ({ bounds, rows }) =>
        Damage.streamPage(rows, bounds)
      ),
    readAll: (after, limit = maxPage) =>
      Effect.flatMap(within(UnverifiedLog.logRows(after, limit)), (rows) => Damage.logPage(rows, limit)),
    head: (streamId) =>
      Effect.map(read(selectHead, [streamId]), ([row]) =>
        row === undefined ? AppendPlan.noHead : ({ version: row[0], position: row[1], hash: row[2] } as Head)
      ),
    vouches: () => Effect.succeed(false),
    listStreams: (options) =>
      Effect.flatMap(Page.listBounds(options), ({ prefix, after, limit }) =>
        // No id holds U+0000, where SQLite would end the prefix and which PostgreSQL refuses.
        prefix.includes("\0")
          ? Effect.succeed({ streams: [], more: false })
          : Effect.map(read(selectStreams, [prefix, after.split("\0", 1)[0], limit + 1]), (rows) => {
              const { kept, more } = Page.cut(rows, limit)
              return { streams: kept.map(([streamId, version]) => ({ streamId, version }) as StreamHead), more }
            })
      ),
    lastPosition,
    writtenEnd: Effect.flatMap(follows, (isFollower) => (isFollower ? Effect.succeed(undefined) : lastPosition)),
    commits: Stream.merge(writer.commits, database.commitsElsewhere)
  })
})

export const layer: Layer.Layer<EventStore, never, SqlDatabase | Writer> = Layer.effect(EventStore, make)
