/**
 * `UnverifiedLog` gives rows as they are stored, damaged ones with the others: for `verify`, `inspect` and the export
 * of a damaged log, which report what is wrong with each. No code may act on what comes from here; `EventStore` is for
 * that.
 */
import { Effect } from "effect"
import { type EventPage, maxPage, type ReadStreamOptions } from "../core/EventStore.ts"
import * as Page from "../core/Page.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { type InvalidArgument, StoreUnavailable } from "../core/StoreError.ts"
import type { StreamId } from "../core/StreamId.ts"
import * as LargeTexts from "./LargeTexts.ts"
import { selectEvents, streamNumber, toEvent } from "./LogTables.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"

type Read<A> = Effect.Effect<A, InvalidArgument | StoreUnavailable, SqlDatabase>

const inStream = (direction: "ASC" | "DESC"): string =>
  `WHERE e.stream = ${streamNumber} AND e.version BETWEEN ? AND ? ORDER BY e.version ${direction} LIMIT ?`
const inLog = "WHERE e.position > ? ORDER BY e.position LIMIT ?"

/** The rows of a page and one more where there is one; `limit` of them are the page. */
export interface PageRows {
  readonly rows: ReadonlyArray<StoredEvent>
  readonly limit: number
}

/** The rows of events, by what follows the tables, which takes one more than the limit. */
const select = (where: string, params: ReadonlyArray<unknown>, limit: number) =>
  Effect.flatMap(SqlDatabase, ({ dialect, read }) =>
    Effect.mapBoth(
      Effect.flatMap(read(`${selectEvents(dialect, LargeTexts.inline("e.data"))} ${where}`, params), (rows) =>
        LargeTexts.bounded(read, dialect.words, LargeTexts.events, rows, limit)
      ),
      {
        onFailure: (error) => new StoreUnavailable({ operation: "read", cause: innermost(error) }),
        onSuccess: (page): PageRows => ({ rows: page.rows.map(toEvent), limit: page.limit })
      }
    )
  )

/** The bounds that were asked for, complete, with the limit that the page came to, and its rows. */
export const streamRows = (
  streamId: StreamId,
  options?: ReadStreamOptions
): Read<{ readonly bounds: Page.StreamBounds; readonly rows: ReadonlyArray<StoredEvent> }> =>
  Effect.flatMap(Page.streamBounds(options), (bounds) => {
    const { backwards, from, limit, to } = bounds
    const where = inStream(backwards ? "DESC" : "ASC")
    return Effect.map(select(where, [streamId, from, to, limit + 1], limit), (page) => ({
      bounds: { ...bounds, limit: page.limit },
      rows: page.rows
    }))
  })

/** The rows of a page of the log. */
export const logRows = (after: number, limit: number): Read<PageRows> =>
  Effect.suspend((): Read<PageRows> => Page.wrongLogBounds(after, limit) ?? select(inLog, [after, limit + 1], limit))

const pageOf = (rows: ReadonlyArray<StoredEvent>, limit: number): EventPage => {
  const { kept, more } = Page.cut(rows, limit)
  return { events: kept, more }
}

/** One page of a stream, as `EventStore.readStream` without its checks. */
export const readStream = (streamId: StreamId, options?: ReadStreamOptions): Read<EventPage> =>
  Effect.map(streamRows(streamId, options), ({ bounds, rows }) => pageOf(rows, bounds.limit))

/** One page of the log, as `EventStore.readAll` without its checks. */
export const readAll = (after: number, limit: number = maxPage): Read<EventPage> =>
  Effect.map(logRows(after, limit), (page) => pageOf(page.rows, page.limit))
