/**
 * `UnverifiedLog` gives rows as they are stored, damaged ones with the others: for `verify`, `inspect` and the export of a
 * damaged log, which say what is wrong with each. Nothing may act on what comes from here; `EventStore` is for that.
 */
import { Effect } from "effect"
import { type EventPage, maxPage, type ReadStreamOptions } from "../core/EventStore.ts"
import * as Page from "../core/Page.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { type InvalidArgument, StoreUnavailable } from "../core/StoreError.ts"
import type { StreamId } from "../core/StreamId.ts"
import { selectEvents, streamNumber, toEvent } from "./LogTables.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"

type Read<A> = Effect.Effect<A, InvalidArgument | StoreUnavailable, SqlDatabase>

const inStream = (direction: "ASC" | "DESC"): string =>
  `WHERE e.stream = ${streamNumber} AND e.version BETWEEN ? AND ? ORDER BY e.version ${direction} LIMIT ?`
const inLog = "WHERE e.position > ? ORDER BY e.position LIMIT ?"

/** The rows of events, by what follows the tables. */
const select = (where: string, params: ReadonlyArray<unknown>) =>
  Effect.flatMap(SqlDatabase, ({ dialect, read }) =>
    Effect.mapBoth(read(`${selectEvents(dialect)} ${where}`, params), {
      onFailure: (error) => new StoreUnavailable({ operation: "read", cause: innermost(error) }),
      onSuccess: (rows) => rows.map(toEvent)
    })
  )

/** The bounds that were asked for, complete, and the rows within them: one more than the limit, where there is one. */
export const streamRows = (
  streamId: StreamId,
  options?: ReadStreamOptions
): Read<{ readonly bounds: Page.StreamBounds; readonly rows: ReadonlyArray<StoredEvent> }> =>
  Effect.flatMap(Page.streamBounds(options), (bounds) => {
    const { backwards, from, limit, to } = bounds
    return Effect.map(select(inStream(backwards ? "DESC" : "ASC"), [streamId, from, to, limit + 1]), (rows) => ({
      bounds,
      rows
    }))
  })

/** The rows of a page of the log, and one more where there is one. */
export const logRows = (after: number, limit: number): Read<ReadonlyArray<StoredEvent>> =>
  Effect.suspend(
    (): Read<ReadonlyArray<StoredEvent>> => Page.wrongLogBounds(after, limit) ?? select(inLog, [after, limit + 1])
  )

const pageOf = (rows: ReadonlyArray<StoredEvent>, limit: number): EventPage => {
  const { kept, more } = Page.cut(rows, limit)
  return { events: kept, more }
}

/** One page of a stream, as `EventStore.readStream` without its checks. */
export const readStream = (streamId: StreamId, options?: ReadStreamOptions): Read<EventPage> =>
  Effect.map(streamRows(streamId, options), ({ bounds, rows }) => pageOf(rows, bounds.limit))

/** One page of the log, as `EventStore.readAll` without its checks. */
export const readAll = (after: number, limit: number = maxPage): Read<EventPage> =>
  Effect.map(logRows(after, limit), (rows) => pageOf(rows, limit))
