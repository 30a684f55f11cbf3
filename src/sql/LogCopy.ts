/** The whole log out of one database and into another, row by row as it is stored: what export and import are made of. */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Chunk, Deferred, Effect, Option, Stream } from "effect"
import { noHead } from "../core/AppendPlan.ts"
import * as EventHash from "../core/EventHash.ts"
import { type Head, maxPage, type StoredCommand } from "../core/EventStore.ts"
import * as Page from "../core/Page.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { type InvalidArgument, type OutcomeUnknown, StoreUnavailable } from "../core/StoreError.ts"
import { turn } from "../core/Turn.ts"
import { RestoreRefused } from "./DatabaseError.ts"
import { commandColumns, toCommand } from "./LogTables.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"
import * as UnverifiedLog from "./UnverifiedLog.ts"
import { Writer } from "./Writer.ts"

/** A part of the stored commands; `more` as in `EventPage`. */
export interface CommandPage {
  readonly commands: ReadonlyArray<StoredCommand>
  readonly more: boolean
}

/** One page of the commands after this id (null: from the first), in the order of their ids' bytes. */
export const readCommands = (
  after: string | null,
  limit: number
): Effect.Effect<CommandPage, StoreUnavailable, SqlDatabase> =>
  Effect.flatMap(SqlDatabase, (database) =>
    Effect.mapBoth(
      database.read(`SELECT ${commandColumns} FROM commands WHERE command_id > ? ORDER BY command_id LIMIT ?`, [
        after ?? "",
        limit + 1
      ]),
      {
        onFailure: (error) => new StoreUnavailable({ operation: "read", cause: innermost(error) }),
        onSuccess: (rows) => {
          const { kept, more } = Page.cut(rows, limit)
          return { commands: kept.map(toCommand), more }
        }
      }
    )
  )

/** A row of either table. */
export type LogRow =
  | { readonly _tag: "Event"; readonly event: StoredEvent }
  | { readonly _tag: "Command"; readonly command: StoredCommand }

/** The pages of a table, each from where the one before ended. */
const pages = <A, K, E, R>(
  first: K,
  keyOf: (row: A) => K,
  read: (after: K) => Effect.Effect<{ readonly rows: ReadonlyArray<A>; readonly more: boolean }, E, R>
) =>
  Stream.paginateChunkEffect(first, (after) =>
    Effect.map(read(after), ({ rows, more }) => {
      const last = rows.at(-1)
      const next = last === undefined || !more ? Option.none() : Option.some(keyOf(last))
      return [Chunk.unsafeFromArray(rows as Array<A>), next] as const
    })
  )

/** The whole log as it is stored, damaged or not: the events in their order, then the commands. For one state of it, within `ReadTransaction.within`. */
export const rows: Stream.Stream<LogRow, InvalidArgument | StoreUnavailable, SqlDatabase> = Stream.concat(
  Stream.map(
    pages(
      0,
      (event: StoredEvent) => event.position,
      (after) => Effect.map(UnverifiedLog.readAll(after), ({ events: rows, more }) => ({ rows, more }))
    ),
    (event): LogRow => ({ _tag: "Event", event })
  ),
  Stream.map(
    pages(
      null as string | null,
      (command: StoredCommand) => command.commandId,
      (after) => Effect.map(readCommands(after, maxPage), ({ commands: rows, more }) => ({ rows, more }))
    ),
    (command): LogRow => ({ _tag: "Command", command })
  )
)

/** Rows written, and rows checked, before other fibers run. Each may hold a megabyte. */
const pageSize = 256

const refuse = (reason: string, at: { readonly streamId: string; readonly version: number } | null = null) =>
  new RestoreRefused({ reason, streamId: at?.streamId ?? null, version: at?.version ?? null })

/** What is wrong with an event that is to follow these. */
const wrongEvent = (event: StoredEvent, head: Head, last: StoredEvent | undefined): string | undefined => {
  if (event.version !== head.version + 1) return `follows version ${head.version}`
  if (event.previousHash !== head.hash) return "is not chained to the event before it"
  if (!EventHash.isIntact(event)) return "differs from its hash"
  if (event.position <= (last?.position ?? 0))
    return "does not have a later position than the event before it in the log"
  if (event.recordedAt < (last?.recordedAt ?? 0)) return "was recorded before the event before it in the log"
  return undefined
}

/** An event without its command, or a command that does not end where an event of its stream does. */
export interface Stray {
  readonly streamId: string
  readonly version: number
  readonly problem: string
}

/** Each query gives a page of rows after a key: the key, stream and version, and whether all is well. */
const strayQueries = [
  {
    first: 0,
    problem: "its command is missing",
    sql: `SELECT e.position, e.stream_id, e.version, CASE WHEN c.stream_id = e.stream_id THEN 1 END FROM events AS e
      LEFT JOIN commands AS c ON c.command_id = e.command_id WHERE e.position > ? ORDER BY e.position LIMIT ${pageSize}`
  },
  {
    first: "",
    problem: "no event is where one of its commands ends",
    sql: `SELECT c.command_id, c.stream_id, c.version, CASE WHEN coalesce(e.position, 0) = c.position THEN 1 END FROM commands AS c
      LEFT JOIN events AS e ON e.stream_id = c.stream_id AND e.version = c.version
      WHERE c.command_id > ? ORDER BY c.command_id LIMIT ${pageSize}`
  }
]

/** The first strays of each kind, a page of each at most. */
const findStrays = Effect.fnUntraced(function* <E>(
  query: (sql: string, params: ReadonlyArray<unknown>) => Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, E>
) {
  const strays: Array<Stray> = []
  for (const { first, problem, sql } of strayQueries) {
    let after: unknown = first
    for (let ofThisKind = 0; ofThisKind === 0; ) {
      const rows = yield* query(sql, [after])
      for (const [, streamId, version, belongs] of rows) {
        if (belongs === 1) continue
        ofThisKind++
        strays.push({ streamId: String(streamId), version: Number(version), problem })
      }
      if (rows.length < pageSize) break
      after = rows.at(-1)?.[0]
      yield* turn
    }
  }
  return strays
})

/** Where events and commands do not belong together, for `verify`. */
export const strays: Effect.Effect<ReadonlyArray<Stray>, StoreUnavailable, SqlDatabase> = Effect.flatMap(
  SqlDatabase,
  ({ read }) =>
    Effect.mapError(findStrays(read), (error) => new StoreUnavailable({ operation: "read", cause: innermost(error) }))
)

/** What the database itself finds wrong with its file, such as an index that misses a row; for `verify`. */
export const damages: Effect.Effect<ReadonlyArray<string>, StoreUnavailable, SqlDatabase> = Effect.flatMap(
  SqlDatabase,
  ({ dialect, read }) =>
    dialect.integrity === null
      ? Effect.succeed([])
      : Effect.mapBoth(read(dialect.integrity, []), {
          onFailure: (error) => new StoreUnavailable({ operation: "read", cause: innermost(error) }),
          onSuccess: (rows) => rows.map(([text]) => String(text)).filter((text) => text !== "ok")
        })
)

/**
 * Writes the rows into an empty database, all or none: events in the order of the log, commands anywhere between. Checks
 * hashes, chains, versions, positions and times, and that commands and events belong together. Memory holds one page, so
 * the rows may come from a file. An interruption undoes it.
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
    const { dialect, log } = yield* SqlDatabase
    const written = { events: 0, commands: 0 }
    let last: StoredEvent | undefined
    const abandoned = yield* Deferred.make<never, RestoreRefused>()

    const writePage = Effect.fnUntraced(function* (connection: Connection, page: ReadonlyArray<LogRow>) {
      const events = page.flatMap((row) => (row._tag === "Event" ? [row.event] : []))
      const commands = page.flatMap((row) => (row._tag === "Command" ? [row.command] : []))
      const heads: Map<string, Head> = yield* log.selectHeads(
        connection,
        new Set(events.map(({ streamId }) => streamId))
      )
      for (const event of events) {
        const wrong = wrongEvent(event, heads.get(event.streamId) ?? noHead, last)
        if (wrong !== undefined) return yield* refuse(wrong, event)
        heads.set(event.streamId, event)
        last = event
      }
      yield* log.insertEvents(connection, events)
      yield* log.insertCommands(connection, commands)
      written.events += events.length
      written.commands += commands.length
      yield* turn
    })

    yield* writer
      .transact((connection) =>
        Effect.gen(function* () {
          const [row] = yield* connection.executeValues(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM events) OR EXISTS (SELECT 1 FROM commands)",
            []
          )
          if (row !== undefined) return yield* refuse("the database is not empty; restore into a new one")
          yield* rows.pipe(
            Stream.rechunk(pageSize),
            Stream.runForEachChunk((page) => writePage(connection, Chunk.toReadonlyArray(page)))
          )
          const [stray] = yield* findStrays((sql, params) => connection.executeValues(sql, params))
          if (stray !== undefined) return yield* refuse(stray.problem, stray)
        }).pipe(
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
