/** The event store on SQL: appends go through `Writer`, reads through the client that only reads. */
import type { Connection } from "@effect/sql/SqlConnection"
import { Clock, Effect, Exit, Layer, Stream } from "effect"
import * as AppendPlan from "../core/AppendPlan.ts"
import * as CommandId from "../core/CommandId.ts"
import * as Damage from "../core/Damage.ts"
import {
  type Append,
  type AppendError,
  type AppendRequest,
  type AppendResult,
  type Decided,
  EventStore,
  type Head,
  type JournalPage,
  type LookupError,
  maxDecided,
  maxPage,
  type QueuePlace,
  type StreamHead
} from "../core/EventStore.ts"
import type { JournalHead, ProposedOperation } from "../core/Journal.ts"
import * as Journal from "../core/Journal.ts"
import * as KeptPayload from "../core/KeptPayload.ts"
import * as Page from "../core/Page.ts"
import * as RecordedAt from "../core/RecordedAt.ts"
import * as StoredText from "../core/StoredText.ts"
import { CommandIdReused, InvalidArgument, StoreUnavailable } from "../core/StoreError.ts"
import type { StreamId } from "../core/StreamId.ts"
import * as LargeTexts from "./LargeTexts.ts"
import * as LogParts from "./LogParts.ts"
import * as LogStatements from "./LogStatements.ts"
import * as LogTables from "./LogTables.ts"
import { innermost, type Rows, SqlDatabase } from "./SqlDatabase.ts"
import * as UnverifiedLog from "./UnverifiedLog.ts"
import { Writer } from "./Writer.ts"

/**
 * One seek in each index for each stream, however many events it has: the next stream is the first id above the last.
 * Ends at the first id without the prefix. Text is compared by its bytes, and `substr` takes a prefix literally. A
 * stream of which only refusals are known has no events, and is passed over.
 */
const selectStreams = `
  WITH RECURSIVE
    bounds (prefix, after, most) AS (SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS INTEGER)),
    found (stream_id, number) AS (
      SELECT (SELECT stream_id FROM log_streams WHERE stream_id > after AND stream_id >= prefix
        AND EXISTS (SELECT 1 FROM log_events WHERE log_events.stream = log_streams.stream) ORDER BY stream_id LIMIT 1), 1 FROM bounds
      UNION ALL
      SELECT (SELECT stream_id FROM log_streams WHERE log_streams.stream_id > found.stream_id
        AND EXISTS (SELECT 1 FROM log_events WHERE log_events.stream = log_streams.stream) ORDER BY stream_id LIMIT 1), number + 1
      FROM found, bounds WHERE number < most AND substr(stream_id, 1, length(prefix)) = prefix
    )
  SELECT stream_id, (SELECT max(version) FROM log_events WHERE log_events.stream =
    (SELECT stream FROM log_streams WHERE log_streams.stream_id = found.stream_id)) FROM found, bounds
  WHERE substr(stream_id, 1, length(prefix)) = prefix AND number <= most`

interface Recording {
  readonly connection: Connection
  readonly log: LogStatements.LogStatements
  readonly now: number
  readonly maxClockLead: number
}

/** Within a transaction of the caller. `before` is the end of the journal where an entry was added. */
const operate = Effect.fnUntraced(function* <E, R>(
  operation: ProposedOperation,
  work: Effect.Effect<string, E, R>,
  { connection, log, maxClockLead, now }: Recording
) {
  const { key = null } = operation
  const taken = key === null ? undefined : yield* log.selectEntryOf(connection, key)
  if (taken !== undefined && !Journal.isIntact(taken)) return yield* LogStatements.damagedEntry(taken)
  if (taken !== undefined && Journal.isOfOperation(taken, operation)) {
    return { entry: taken, replayed: true, before: undefined }
  }
  if (key !== null && taken !== undefined) return yield* new CommandIdReused({ commandId: key })
  const detail = yield* work
  const end = yield* log.selectEnd(connection, undefined)
  const { epoch, eventHash, position } = end
  const recordedAt = RecordedAt.next(end.recordedAt, now, maxClockLead)
  const entry = Journal.ofOperation(operation, { end, epoch, eventHash, position, recordedAt }, detail)
  const known = yield* log.selectKnown(connection, { streamIds: [], names: [operation.name] })
  yield* log.insert(connection, known, { events: [], entries: [entry] })
  if (entry.kind === "epoch") yield* log.setIdentity(connection, { logId: end.logId, epoch: entry.version })
  return { entry, replayed: false, before: end }
})

const make = Effect.gen(function* () {
  const database = yield* SqlDatabase
  const { dialect, log } = database
  const writer = yield* Writer
  const { maxClockLead } = writer
  const within = Effect.provideService(SqlDatabase, database)
  const selectHead = `SELECT version, position, ${dialect.words.hex("hash")} FROM log_events WHERE stream = ${LogTables.streamNumber} ORDER BY version DESC LIMIT 1`
  const selectForwards = `${LogTables.selectStreamEvents(dialect)}
    WHERE e.stream = ${LogTables.streamNumber} AND e.version BETWEEN ? AND ? ORDER BY e.version LIMIT ?`
  const selectEntries = LogTables.selectEntries(dialect)
  const selectEntryOf = `${selectEntries} WHERE j.sequence = (SELECT sequence FROM log_events WHERE position = ?)`
  const selectJournal = `${LogTables.selectEntries(dialect, undefined, LargeTexts.inline("j.answer"))} WHERE j.sequence > ? ORDER BY j.sequence LIMIT ?`
  const selectOperations = `${LogTables.selectEntries(dialect, undefined, LargeTexts.inline("j.answer"))} WHERE j.kind <> 0 AND j.sequence > ? ORDER BY j.sequence LIMIT ?`
  const selectLastEntry = `${selectEntries} WHERE j.sequence = (SELECT max(sequence) FROM log_entries WHERE stream = ${LogTables.streamNumber})`
  const selectCommand = `${selectEntries} WHERE j.command_id = ? AND j.kind = 0`
  const selectDecided = `${selectEntries} WHERE j.stream = ${LogTables.streamNumber} AND j.sequence > ? ORDER BY j.sequence LIMIT ?`
  const selectOldPayloads = (what: string) => `SELECT ${what} FROM (SELECT p.sequence FROM log_payloads AS p
    JOIN log_entries AS j ON j.sequence = p.sequence WHERE j.recorded_at < ? ORDER BY p.sequence LIMIT ?) AS old`
  const selectEnd = LogStatements.selectEndSql(dialect)
  const read = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.mapError(
      database.read(sql, params),
      (error) => new StoreUnavailable({ operation: "read", cause: innermost(error) })
    )
  const bounded = (source: LargeTexts.Source, rows: Rows, limit: number) =>
    LargeTexts.bounded(read, dialect.words, source, rows, limit)

  const lastPosition = Effect.map(
    read("SELECT coalesce(max(position), 0) FROM log_events", []),
    ([row]) => row?.[0] as number
  )
  /** Whether others write the log: into this file, or into the server that this one follows. */
  const follows =
    database.writeClient === null || dialect.follows === null
      ? Effect.succeed(database.writeClient === null)
      : Effect.map(read(`SELECT CASE WHEN ${dialect.follows} THEN 1 ELSE 0 END`, []), ([row]) => row?.[0] === 1)
  /**
   * The dictionary of types, as far as it was needed: reading a name beside each event would take a tenth of the time
   * of a replay. A name keeps its number, except in a log that was set back under this process: it is read again before
   * anything is called damaged.
   */
  let names: ReadonlyMap<number, string> = new Map()
  const readNames = Effect.map(read("SELECT number, name FROM log_names", []), (rows) => {
    names = new Map(rows.map(([number, name]) => [number as number, name as string]))
  })
  const forwardPage = (streamId: StreamId, rows: Rows, bounds: Page.StreamBounds) => {
    const page = Effect.suspend(() => Damage.streamPage(LogTables.toStreamEvents(streamId, rows, names), bounds))
    const again = Effect.zipRight(readNames, page)
    return rows.every((row) => names.has(LogTables.typeOf(row)))
      ? Effect.catchTag(page, "StreamDamaged", () => again)
      : again
  }
  const end = Effect.map(read(selectEnd, []), ([row]): JournalHead => {
    const { epoch, hash, logId, position, recordedAt, sequence } = LogStatements.toEnd(row)
    return { logId, epoch, sequence, position, hash, recordedAt }
  })

  const entryPage = (sql: string, after: number, limit: number) =>
    Effect.suspend((): Effect.Effect<JournalPage, LookupError> => {
      const wrong = Page.wrongLogBounds(after, limit)
      const page = read(sql, [after, limit + 1]).pipe(
        Effect.flatMap((rows) => bounded(LargeTexts.entries, rows, limit)),
        Effect.map(({ limit, rows }) => {
          const { kept, more } = Page.cut(rows, limit)
          return { entries: kept.map(LogTables.toEntry), more }
        })
      )
      return wrong ?? page
    })
  const withPayloads = (rows: Rows): Effect.Effect<ReadonlyArray<Decided>, StoreUnavailable> =>
    Effect.map(
      read(`SELECT sequence, text FROM log_payloads WHERE sequence ${dialect.words.listed}`, [
        JSON.stringify(rows.map(([sequence]) => sequence))
      ]),
      (found) => {
        const texts = new Map(found.map(([sequence, text]) => [sequence, text as string]))
        return rows.map((row) => ({ entry: LogTables.toEntry(row), payload: texts.get(row[0]) ?? null }))
      }
    )
  const removePayloads = Effect.fnUntraced(function* (before: number, most: number) {
    const [row] = yield* read(selectOldPayloads("count(*)"), [before, most])
    const found = Number(row?.[0] ?? 0)
    if (found === 0) return 0
    const operation = KeptPayload.removal(before, found)
    const now = yield* Clock.currentTimeMillis
    // In the transaction it may find fewer: another process was first.
    const { before: end, removed } = yield* writer.transact((connection) =>
      Effect.gen(function* () {
        const sql = `DELETE FROM log_payloads WHERE sequence IN (${selectOldPayloads("sequence")}) RETURNING sequence`
        const { length: removed } = yield* connection.executeValues(sql, [before, found])
        if (removed === 0) return { removed, before: undefined }
        const { detail } = KeptPayload.removal(before, removed)
        const done = yield* operate(operation, Effect.succeed(detail), { connection, log, now, maxClockLead })
        return { removed, before: done.before }
      })
    )
    if (end !== undefined) yield* writer.reportAhead(end, now)
    return removed
  })
  const operated: EventStore["Type"]["operate"] = (operation, work) =>
    Effect.gen(function* () {
      const wrong = Journal.wrongOperation(operation)
      if (wrong !== undefined) return yield* wrong
      const now = yield* Clock.currentTimeMillis
      const { before, entry, replayed } = yield* writer.transact((connection) =>
        operate(operation, work, { connection, log, now, maxClockLead })
      )
      if (before !== undefined) yield* writer.reportAhead(before, now)
      return { entry, replayed }
    })

  const append = (requests: ReadonlyArray<AppendRequest>, place?: QueuePlace) =>
    Effect.clockWith((clock): Effect.Effect<AppendResult, AppendError> => {
      const misfits = AppendPlan.check(requests)
      if (misfits instanceof InvalidArgument) return misfits
      return writer.append({ requests, misfits, now: clock.unsafeCurrentTimeMillis() }, place)
    })
  const appendDirectly: Append["direct"] = ({ now, place, requests }, answered) => {
    const misfits = AppendPlan.check(requests)
    if (misfits instanceof InvalidArgument) answered(Exit.fail(misfits))
    else writer.appendDirectly({ requests, misfits, now }, place, answered)
  }

  return EventStore.of({
    append: Object.assign(append, { direct: appendDirectly }),
    record: (operation) => Effect.map(operated(operation, Effect.succeed(operation.detail)), ({ entry }) => entry),
    operate: operated,
    readOperations: (after, limit = maxPage) => entryPage(selectOperations, after, limit),
    isWithin: writer.isWithin,
    takesStatements: true,
    maxClockLead,
    readStream: (streamId, options) =>
      Effect.flatMap(Page.streamBounds(options), (bounds) => {
        const { backwards, from, limit, to } = bounds
        if (backwards) {
          const page = within(UnverifiedLog.streamRows(streamId, options))
          return Effect.flatMap(page, ({ bounds, rows }) => Damage.streamPage(rows, bounds))
        }
        return read(selectForwards, [Math.max(from, 1), streamId, from, to, limit + 1]).pipe(
          Effect.flatMap((rows) => bounded(LargeTexts.streamEvents, rows, limit)),
          Effect.flatMap(({ limit, rows }) => forwardPage(streamId, rows, { ...bounds, limit }))
        )
      }),
    readAll: (after, limit = maxPage) =>
      Effect.flatMap(within(UnverifiedLog.logRows(after, limit)), (page) => Damage.logPage(page.rows, page.limit)),
    head: (streamId) =>
      Effect.map(read(selectHead, [streamId]), ([row]) =>
        row === undefined ? AppendPlan.noHead : ({ version: row[0], position: row[1], hash: row[2] } as Head)
      ),
    vouches: (place) =>
      Effect.map(
        read(selectEntryOf, [place.position]),
        ([row]) => row !== undefined && Journal.vouchesFor(LogTables.toEntry(row), place)
      ),
    findDecided: (commandId) =>
      CommandId.fits(commandId) && StoredText.misfit(commandId) === undefined
        ? Effect.map(Effect.flatMap(read(selectCommand, [commandId]), withPayloads), ([found]) => found)
        : Effect.succeed(undefined),
    readDecided: (streamId, after, limit = maxDecided) =>
      Effect.gen(function* () {
        const rows = yield* read(selectDecided, [streamId, after, Math.min(limit, maxDecided) + 1])
        const { kept, more } = Page.cut(rows, Math.min(limit, maxDecided))
        return { decided: yield* withPayloads(kept), more }
      }),
    removePayloads,
    ...LogParts.make(dialect, read),
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
    readJournal: (after, limit = maxPage) => entryPage(selectJournal, after, limit),
    lastEntry: (streamId) =>
      Effect.map(read(selectLastEntry, [streamId]), ([row]) =>
        row === undefined ? undefined : LogTables.toEntry(row)
      ),
    identity: Effect.map(end, ({ epoch, logId }) => ({ logId, epoch })),
    journalHead: end,
    // Each side of a merge holds one that its reader has not taken, so that a reader that was busy would be woken once
    // for each side and once for what came after.
    commits: Stream.merge(writer.commits, database.commitsElsewhere).pipe(
      Stream.buffer({ capacity: 1, strategy: "sliding" })
    )
  })
})

export const layer: Layer.Layer<EventStore, never, SqlDatabase | Writer> = Layer.effect(EventStore, make)
