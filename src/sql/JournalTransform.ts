/**
 * `JournalTransform` adds the entries to a log that has no journal: a database of an earlier release while it is
 * migrated, or the export of one while it is imported. Entries are in the order (position, command id), under a rule of
 * their own.
 *
 * It runs within the caller's transaction, so that all of it is there or nothing, wherever the process is killed. It
 * holds one page of each table, checks hashes, chains, places and times as it goes, and that events and commands belong
 * together; what does not is `LogDamaged`.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Clock, Effect } from "effect"
import { noHead } from "../core/AppendPlan.ts"
import * as EventHash from "../core/EventHash.ts"
import * as EventLoop from "../core/EventLoop.ts"
import type { Head, StoredCommand } from "../core/EventStore.ts"
import * as Journal from "../core/Journal.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { LogDamaged } from "./DatabaseError.ts"
import * as LogStatements from "./LogStatements.ts"
import type { Dialect } from "./SqlDatabase.ts"

/** Rows of each table in memory. Each may hold a megabyte. */
const pageSize = 256

/** Milliseconds between two lines that tell how far it has come. */
const progressInterval = 5_000

/** The tables of the layout before, by their names; `commands` has an index over position and command id. */
export interface Tables {
  readonly events: string
  readonly commands: string
}

const damaged = ({ streamId, version }: { readonly streamId: string; readonly version: number }, reason: string) =>
  new LogDamaged({ streamId, version, reason })

/** What is wrong with an event that is to follow these, apart from its time, which is its entry's. */
export const wrongEvent = (event: StoredEvent, head: Head, last: StoredEvent | undefined): string | undefined => {
  if (event.version !== head.version + 1) return `follows version ${head.version}`
  if (event.previousHash !== head.hash) return "is not chained to the event before it"
  if (!EventHash.isIntact(event)) return "differs from its hash"
  if (event.position <= (last?.position ?? 0))
    return "does not have a later position than the event before it in the log"
  return undefined
}

/**
 * No release that wrote a log without a journal let times decrease: what `RecordedAt.ts` permits came with the journal.
 */
const wrongTime = (event: StoredEvent, last: StoredEvent | undefined): string | undefined =>
  event.recordedAt < (last?.recordedAt ?? 0) ? "was recorded before the event before it in the log" : undefined

type OldEvent = Omit<StoredEvent, "sequence" | "principal">

const toOldEvent = (row: ReadonlyArray<unknown>): OldEvent =>
  ({
    position: row[0],
    streamId: row[1],
    version: row[2],
    type: row[3],
    schemaVersion: row[4],
    data: row[5],
    commandId: row[6],
    correlationId: row[7],
    causationId: row[8],
    traceparent: row[9],
    recordedAt: row[10],
    previousHash: row[11],
    hash: row[12]
  }) as OldEvent

/** A command, and the event at the place where it ends. */
interface Ended {
  readonly command: StoredCommand
  readonly at: { readonly position: number; readonly hash: string; readonly recordedAt: number } | undefined
}

const toEnded = (row: ReadonlyArray<unknown>): Ended => ({
  command: {
    commandId: row[0],
    streamId: row[1],
    fingerprint: row[2],
    outcome: row[3],
    answer: row[4],
    version: row[5],
    position: row[6],
    command: row[7],
    answerVersion: row[8]
  } as StoredCommand,
  at:
    row[9] === null ? undefined : ({ position: row[9], hash: row[10], recordedAt: row[11] } as NonNullable<Ended["at"]>)
})

const missing = "its command is missing"
const nowhere = "no event is where one of its commands ends"

/** Reads the events of the tables in their order, one page ahead of their consumer. */
const eventsOf = (connection: Connection, table: string) => {
  const sql = `SELECT position, stream_id, version, type, schema_version, data, command_id, correlation_id, causation_id,
    traceparent, recorded_at, previous_hash, hash FROM ${table} WHERE position > ? ORDER BY position LIMIT ${pageSize}`
  let page: ReadonlyArray<OldEvent> = []
  let taken = 0
  let after = 0
  let ended = false
  /** The next event, which stays the next one until it is taken. */
  const peek = Effect.gen(function* () {
    if (taken === page.length && !ended) {
      page = (yield* connection.executeValues(sql, [after])).map(toOldEvent)
      taken = 0
      after = page.at(-1)?.position ?? after
      ended = page.length < pageSize
    }
    return page[taken]
  })
  /** The events from here on that are of one command. */
  const takeOf = Effect.fnUntraced(function* (commandId: string) {
    const own: Array<OldEvent> = []
    for (let next = page[taken] ?? (yield* peek); next?.commandId === commandId; next = page[taken] ?? (yield* peek)) {
      own.push(next)
      taken++
    }
    return own
  })
  return { peek, takeOf }
}

/** What the events of one command must have in common. */
const shared = ["streamId", "correlationId", "causationId", "traceparent", "recordedAt"] as const

/** What is wrong with these as the events of the command. */
const wrongCommand = ({ at, command }: Ended, own: ReadonlyArray<OldEvent>): LogDamaged | undefined => {
  const [first] = own
  const last = own.at(-1)
  if ((at?.position ?? 0) !== command.position || (at === undefined && command.version !== 0)) {
    return damaged(command, nowhere)
  }
  if (first === undefined || last === undefined) return undefined
  const other = own.find((event) => shared.some((name) => event[name] !== first[name]))
  if (other !== undefined) return damaged(other, "differs from the other events of its command")
  return last.streamId === command.streamId && last.version === command.version ? undefined : damaged(command, nowhere)
}

const countOf = (connection: Connection, table: string) =>
  Effect.map(connection.executeValues(`SELECT count(*) FROM ${table}`, []), ([row]) => row?.[0] as number)

/** Fills the tables of `JournalTables.ts` from those of the layout before. */
export const ofTables =
  (tables: Tables) =>
  (
    connection: Connection,
    dialect: Dialect
  ): Effect.Effect<{ readonly entries: number; readonly events: number }, SqlError | LogDamaged> =>
    Effect.gen(function* () {
      const log = LogStatements.statements(dialect)
      const total = yield* countOf(connection, tables.commands)
      const events = eventsOf(connection, tables.events)
      const sql = `SELECT c.command_id, c.stream_id, c.fingerprint, c.outcome, c.answer, c.version, c.position, c.command,
          c.answer_version, e.position, e.hash, e.recorded_at FROM ${tables.commands} AS c
        LEFT JOIN ${tables.events} AS e ON e.stream_id = c.stream_id AND e.version = c.version
        WHERE (c.position, c.command_id) > (?, ?) ORDER BY c.position, c.command_id LIMIT ${pageSize}`
      const written = { entries: 0, events: 0 }
      let end: Journal.JournalEnd = yield* log.selectEnd(connection, undefined)
      let last: StoredEvent | undefined
      let told = yield* Clock.currentTimeMillis

      for (let after: StoredCommand | undefined; ; ) {
        const page: ReadonlyArray<Ended> = (yield* connection.executeValues(sql, [
          after?.position ?? -1,
          after?.commandId ?? ""
        ])).map(toEnded)
        const streamIds = new Set(page.map(({ command }) => command.streamId))
        const known = yield* log.selectKnown(connection, { streamIds, names: [] })
        const heads = new Map(Array.from(known.streams, ([streamId, { head }]) => [streamId, head]))
        const rows = { events: [] as Array<StoredEvent>, entries: [] as Array<Journal.JournalEntry> }
        const names = new Set<string>()
        for (const ended of page) {
          const { at, command } = ended
          const next = yield* events.peek
          if (next !== undefined && next.commandId !== command.commandId && next.position < command.position) {
            return yield* damaged(next, missing)
          }
          const own = yield* events.takeOf(command.commandId)
          const wrong = wrongCommand(ended, own)
          if (wrong !== undefined) return yield* wrong
          const sequence = end.sequence + 1
          for (const old of own) {
            const event: StoredEvent = { ...old, sequence, principal: null }
            const reason = wrongEvent(event, heads.get(event.streamId) ?? noHead, last) ?? wrongTime(event, last)
            if (reason !== undefined) return yield* damaged(event, reason)
            heads.set(event.streamId, event)
            names.add(event.type)
            rows.events.push(event)
            last = event
          }
          if (command.command !== null) names.add(command.command)
          const [first] = own
          const entry = Journal.ofCommand(command, {
            rule: Journal.rules.migrated,
            sequence,
            eventHash: at?.hash ?? EventHash.genesis,
            events: own.length,
            correlationId: first?.correlationId ?? null,
            causationId: first?.causationId ?? null,
            traceparent: first?.traceparent ?? null,
            principal: null,
            metadata: null,
            recordedAt: at?.recordedAt ?? 0,
            previousHash: end.hash
          })
          rows.entries.push(entry)
          end = entry
        }
        const { names: numbers } = yield* log.selectKnown(connection, { streamIds: [], names })
        yield* log.insert(connection, { streams: known.streams, names: numbers }, rows)
        written.events += rows.events.length
        written.entries += rows.entries.length
        const now = yield* Clock.currentTimeMillis
        if (now - told >= progressInterval) {
          told = now
          yield* Effect.logInfo(`The log gets its journal: ${written.entries} of ${total} entries.`)
        }
        if (page.length < pageSize) break
        after = page.at(-1)?.command
        yield* EventLoop.turn
      }
      const stray = yield* events.peek
      if (stray !== undefined) return yield* damaged(stray, missing)
      if (total > 0) {
        yield* Effect.logInfo(`The log has its journal: ${written.entries} entries over ${written.events} events.`)
      }
      return written
    })
