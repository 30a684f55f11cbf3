/**
 * The whole log out of one database and into another, row by row as it is stored: what export and import are made of.
 */
import { hash } from "node:crypto"
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Chunk, Deferred, Effect, Option, Stream } from "effect"
import { noHead } from "../core/AppendPlan.ts"
import * as EventLoop from "../core/EventLoop.ts"
import { EventStore, type Head, type ReadError, type StoredCommand } from "../core/EventStore.ts"
import type { JournalEntry, LogIdentity } from "../core/Journal.ts"
import * as JournalCheck from "../core/JournalCheck.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { type OutcomeUnknown, StoreUnavailable } from "../core/StoreError.ts"
import { LogDamaged, RestoreRefused } from "./DatabaseError.ts"
import * as JournalTransform from "./JournalTransform.ts"
import * as LargeTexts from "./LargeTexts.ts"
import * as LogTables from "./LogTables.ts"
import * as OldLog from "./OldLog.ts"
import { type Dialect, innermost, type Rows, SqlDatabase } from "./SqlDatabase.ts"
import * as UnverifiedLog from "./UnverifiedLog.ts"
import { Writer } from "./Writer.ts"

/** The text of a command's payload, beside its entry. */
export interface Payload {
  readonly sequence: number
  readonly text: string
}

/** A part of a log: its identity, a row of its tables, or a command from a log without a journal. */
export type LogRow =
  | { readonly _tag: "Log"; readonly identity: LogIdentity }
  | { readonly _tag: "Event"; readonly event: StoredEvent }
  | { readonly _tag: "Entry"; readonly entry: JournalEntry }
  | { readonly _tag: "Payload"; readonly payload: Payload }
  | { readonly _tag: "Command"; readonly command: StoredCommand }

/** The pages of a table, each from where the one before ended. */
const pages = <A, E, R>(keyOf: (row: A) => number, read: (after: number) => Effect.Effect<ReadonlyArray<A>, E, R>) =>
  Stream.paginateChunkEffect(0, (after) =>
    Effect.map(read(after), (rows) => {
      const last = rows.at(-1)
      const next = last === undefined ? Option.none() : Option.some(keyOf(last))
      return [Chunk.unsafeFromArray(rows as Array<A>), next] as const
    })
  )

/** Rows written, and rows checked, before other fibers run. Each may hold a megabyte. */
const pageSize = 256

/** Payloads in one page: few, since each may be large. */
const payloadPage = 16

const selectPayloads = `SELECT sequence, text FROM log_payloads WHERE sequence > ? ORDER BY sequence LIMIT ${payloadPage}`
const toPayload = ([sequence, text]: ReadonlyArray<unknown>): Payload => ({ sequence, text }) as Payload

const asUnavailable = (error: SqlError) => new StoreUnavailable({ operation: "read", cause: innermost(error) })

/** What is wrong with the payloads that are kept: each must be what its entry vouches for. */
const checkPayloads = Effect.fnUntraced(function* <E>(
  query: (sql: string, params: ReadonlyArray<unknown>) => Effect.Effect<Rows, E>,
  { words: { hex } }: Pick<Dialect, "words">
) {
  const sql = `SELECT p.sequence, p.text, ${hex("j.payload_digest")} FROM log_payloads AS p
    LEFT JOIN log_entries AS j ON j.sequence = p.sequence WHERE p.sequence > ? ORDER BY p.sequence LIMIT ${payloadPage}`
  const problems: Array<JournalCheck.Problem> = []
  for (let after = 0; ; ) {
    const rows = yield* query(sql, [after])
    for (const [sequence, text, digest] of rows as ReadonlyArray<readonly [number, string, string | null]>) {
      after = sequence
      if (hash("sha256", text) === digest) continue
      problems.push({
        streamId: "journal",
        version: 0,
        sequence,
        problem: `the payload of entry ${sequence} is not its own`
      })
    }
    if (rows.length < payloadPage || problems.length > 0) return problems
    yield* EventLoop.turn
  }
})

/** The first payloads that are not what their entries vouch for. */
export const wrongPayloads: Effect.Effect<
  ReadonlyArray<JournalCheck.Problem>,
  StoreUnavailable,
  SqlDatabase
> = Effect.flatMap(SqlDatabase, ({ dialect, read }) => Effect.mapError(checkPayloads(read, dialect), asUnavailable))

/** One page of the payloads that are kept, after this sequence. */
export const readPayloads = (after: number): Effect.Effect<ReadonlyArray<Payload>, StoreUnavailable, SqlDatabase> =>
  Effect.flatMap(SqlDatabase, ({ read }) =>
    Effect.mapBoth(read(selectPayloads, [after]), {
      onFailure: asUnavailable,
      onSuccess: (rows) => rows.map(toPayload)
    })
  )

/**
 * The whole log: which one it is, the events in their order, then the entries in theirs. For one state of it, within
 * `ReadTransaction.within`. Unverified: damaged rows are among the others.
 */
export const rows: Stream.Stream<LogRow, ReadError, EventStore | SqlDatabase> = Stream.unwrap(
  Effect.map(EventStore, (store) =>
    Stream.fromEffect(Effect.map(store.identity, (identity): LogRow => ({ _tag: "Log", identity }))).pipe(
      Stream.concat(
        Stream.map(
          pages(
            (event: StoredEvent) => event.position,
            (after) => Effect.map(UnverifiedLog.readAll(after), ({ events }) => events)
          ),
          (event): LogRow => ({ _tag: "Event", event })
        )
      ),
      Stream.concat(
        Stream.map(
          pages(
            (entry: JournalEntry) => entry.sequence,
            (after) => Effect.map(store.readJournal(after, pageSize), ({ entries }) => entries)
          ),
          (entry): LogRow => ({ _tag: "Entry", entry })
        )
      ),
      Stream.concat(
        Stream.map(
          pages((payload: Payload) => payload.sequence, readPayloads),
          (payload): LogRow => ({ _tag: "Payload", payload })
        )
      )
    )
  )
)

const refuse = (reason: string, at: { readonly streamId: string; readonly version: number } | null = null) =>
  new RestoreRefused({ reason, streamId: at?.streamId ?? null, version: at?.version ?? null })

/**
 * What the database itself finds wrong with its file, such as an index that misses a row, and with what it follows; for
 * `verify`.
 */
export const damages: Effect.Effect<ReadonlyArray<string>, StoreUnavailable, SqlDatabase> = Effect.flatMap(
  SqlDatabase,
  ({ damagesElsewhere = Effect.succeed([]), dialect, read }) => {
    const here =
      dialect.integrity === null
        ? Effect.succeed([])
        : Effect.mapBoth(read(dialect.integrity, []), {
            onFailure: asUnavailable,
            onSuccess: (rows) => rows.map(([text]) => String(text)).filter((text) => text !== "ok")
          })
    return Effect.zipWith(here, damagesElsewhere, (own, elsewhere) => [...own, ...elsewhere])
  }
)

/** The first fault in a journal and its events, read back as they were written. */
export const firstProblem = Effect.fnUntraced(function* (
  query: (sql: string, params: ReadonlyArray<unknown>) => Effect.Effect<Rows, SqlError>,
  identity: LogIdentity,
  maxClockLead: number,
  database: SqlDatabase["Type"]
) {
  const { dialect } = database
  const entries = `${LogTables.selectEntries(dialect, undefined, LargeTexts.inline("j.answer"))}
    WHERE j.sequence > ? ORDER BY j.sequence LIMIT ${pageSize}`
  const events = `${LogTables.selectEvents(dialect, LargeTexts.inline("e.data"))}
    WHERE e.position > ? ORDER BY e.position LIMIT ${pageSize}`
  const page = (source: LargeTexts.Source, sql: string, after: number) =>
    Effect.flatMap(query(sql, [after]), (rows) =>
      Effect.map(LargeTexts.bounded(query, dialect.words, source, rows, pageSize), ({ limit, rows }) =>
        rows.slice(0, limit)
      )
    )
  let first: JournalCheck.Problem | undefined
  yield* JournalCheck.run({
    identity,
    maxClockLead,
    readEntries: (after) => Effect.map(page(LargeTexts.entries, entries, after), (rows) => rows.map(LogTables.toEntry)),
    readEvents: (after) => Effect.map(page(LargeTexts.events, events, after), (rows) => rows.map(LogTables.toEvent)),
    onEvent: () => {},
    found: (problem) => {
      first ??= problem
    }
  })
  return first ?? (yield* checkPayloads(query, database.dialect))[0]
})

/** How the rows of a log are taken in: in pages, between a beginning and an end. */
interface Taker {
  readonly begin: Effect.Effect<void, SqlError>
  readonly take: (page: ReadonlyArray<LogRow>) => Effect.Effect<void, SqlError | RestoreRefused>
  readonly end: Effect.Effect<void, SqlError | RestoreRefused>
}

/** Takes in the rows of a log that has a journal. */
const ofJournal = (connection: Connection, database: SqlDatabase["Type"], maxClockLead: number): Taker => {
  const { dialect, log } = database
  const insertPayloads = dialect.insert(LogTables.payloads)
  let identity: LogIdentity | undefined
  let last: StoredEvent | undefined
  return {
    begin: Effect.void,
    take: Effect.fnUntraced(function* (page) {
      const events: Array<StoredEvent> = []
      const entries: Array<JournalEntry> = []
      const payloads: Array<Payload> = []
      const names = new Set<string>()
      for (const row of page) {
        switch (row._tag) {
          case "Log": {
            identity = row.identity
            yield* log.setIdentity(connection, identity)
            break
          }
          case "Event": {
            events.push(row.event)
            names.add(row.event.type)
            break
          }
          case "Entry": {
            entries.push(row.entry)
            if (row.entry.command !== null) names.add(row.entry.command)
            break
          }
          case "Payload": {
            payloads.push(row.payload)
            break
          }
          case "Command":
            return yield* refuse("an answer stands outside of the journal", row.command)
        }
      }
      const streamIds = new Set(events.map(({ streamId }): string => streamId))
      for (const { streamId } of entries) if (streamId !== null) streamIds.add(streamId)
      const known = yield* log.selectKnown(connection, { streamIds, names })
      const heads = new Map<string, Head>()
      for (const event of events) {
        const head = heads.get(event.streamId) ?? known.streams.get(event.streamId)?.head ?? noHead
        const wrong = JournalTransform.wrongEvent(event, head, last)
        if (wrong !== undefined) return yield* refuse(wrong, event)
        heads.set(event.streamId, event)
        last = event
      }
      yield* log.insert(connection, known, { events, entries })
      yield* insertPayloads(connection, payloads)
    }),
    end: Effect.gen(function* () {
      if (identity === undefined) return
      const query = (sql: string, params: ReadonlyArray<unknown>) => connection.executeValues(sql, params)
      const problem = yield* firstProblem(query, identity, maxClockLead, database)
      if (problem !== undefined) return yield* refuse(problem.problem, problem)
    })
  }
}

/** Takes in the rows of a log without a journal, and adds one. */
const ofOldLog = (connection: Connection, { dialect, log }: SqlDatabase["Type"]): Taker => {
  const old = OldLog.tables(dialect)
  const transform = JournalTransform.ofTables(old.names)
  let last = 0
  return {
    take: Effect.fnUntraced(function* (page) {
      const events = page.flatMap((row) => (row._tag === "Event" ? [row.event] : []))
      const commands = page.flatMap((row) => (row._tag === "Command" ? [row.command] : []))
      if (events.length + commands.length < page.length) return yield* refuse("a part of a journal stands without it")
      for (const event of events) {
        if (event.position <= last) {
          return yield* refuse("does not have a later position than the event before it in the log", event)
        }
        last = event.position
      }
      yield* old.insertEvents(connection, events)
      yield* old.insertCommands(connection, commands)
    }),
    // The id is the database's own. It is set so that a log that is kept elsewhere is told that a whole one follows.
    begin: Effect.flatMap(log.selectEnd(connection, undefined), ({ epoch, logId }) =>
      Effect.zipRight(
        log.setIdentity(connection, { logId, epoch }),
        Effect.forEach(old.create, (sql) => connection.executeRaw(sql, []), { discard: true })
      )
    ),
    end: Effect.zipRight(
      Effect.catchIf(
        transform(connection, dialect),
        (error) => error instanceof LogDamaged,
        (error) => refuse(error.reason, error)
      ),
      Effect.forEach(old.drop, (sql) => connection.executeRaw(sql, []), { discard: true })
    )
  }
}

/**
 * Writes the rows into an empty database, all or none. They begin with the log's identity, and then are events in the
 * order of the log and entries in theirs; or without it, and are events in the order of the log and commands anywhere
 * between, which get their entries here. Checks hashes, chains, versions, positions and times, and that entries and
 * events belong together. Memory holds one page, so the rows may come from a file. An interruption undoes it.
 */
export const restore = <E, R>(
  rows: Stream.Stream<LogRow, E, R>
): Effect.Effect<
  { readonly events: number; readonly commands: number },
  Exclude<E, SqlError> | RestoreRefused | StoreUnavailable | OutcomeUnknown,
  R | SqlDatabase | Writer
> =>
  Effect.gen(function* () {
    const writer = yield* Writer
    const database = yield* SqlDatabase
    const { dialect, log } = database
    const written = { events: 0, commands: 0 }
    const abandoned = yield* Deferred.make<never, RestoreRefused>()

    const write = (connection: Connection) =>
      Effect.gen(function* () {
        const end = yield* log.selectEnd(connection, undefined)
        if (end.sequence > 0 || end.position > 0) {
          return yield* refuse("the database is not empty; restore into a new one")
        }
        let taker: Taker | undefined
        yield* rows.pipe(
          Stream.rechunk(64),
          Stream.runForEachChunk((chunk) =>
            Effect.gen(function* () {
              const page = Chunk.toReadonlyArray(chunk)
              if (taker === undefined) {
                const make = page[0]?._tag === "Log" ? ofJournal : ofOldLog
                taker = make(connection, database, writer.maxClockLead)
                yield* taker.begin
              }
              yield* taker.take(page)
              for (const { _tag } of page) {
                if (_tag === "Event") written.events++
                else if (_tag === "Entry" || _tag === "Command") written.commands++
              }
              yield* EventLoop.turn
            })
          )
        )
        if (taker !== undefined) yield* (taker as Taker).end
      })

    yield* writer
      .transact((connection) =>
        write(connection).pipe(
          Effect.catchIf(
            (error) => dialect.isConstraint(error),
            (error) => refuse(`the database refuses a row (${String(innermost(error))})`)
          ),
          Effect.raceFirst(Deferred.await(abandoned))
        )
      )
      .pipe(Effect.onInterrupt(() => Deferred.fail(abandoned, refuse("it was interrupted"))))
    return written
  })
