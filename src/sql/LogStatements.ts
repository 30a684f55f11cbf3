/** The statements that read and write the log within a transaction of the writer, in one dialect. */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import * as EventHash from "../core/EventHash.ts"
import type { Head, StoredCommand } from "../core/EventStore.ts"
import * as Journal from "../core/Journal.ts"
import type * as KeptPayload from "../core/KeptPayload.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { EntryDamaged } from "../core/StoreError.ts"
import * as LogTables from "./LogTables.ts"
import type { Dialect } from "./SqlDatabase.ts"

type Select<A, B> = (connection: Connection, given: A) => Effect.Effect<B, SqlError>

/**
 * What the log knows of the streams and names that are asked for: their numbers, and the last event of each stream that
 * has one.
 */
export interface Known {
  readonly streams: Map<string, { readonly number: number; readonly head: Head | undefined }>
  readonly names: Map<string, number>
}

/** Where the log ends. */
export interface LogEnd extends Journal.JournalHead {
  /** Hash of the last event. */
  readonly eventHash: string
  /** The position from which the next event's is counted: that of the last event, or of what is stored behind it. */
  readonly lastPosition: number
}

export interface LogStatements {
  readonly selectKnown: Select<{ readonly streamIds: Iterable<string>; readonly names: Iterable<string> }, Known>
  /** What is stored under these ids: see `AppendPlan.LogState`. An entry that does not match its hash is damaged. */
  readonly selectCommands: Select<Iterable<string>, Map<string, Kept>>
  /** The entry under the id, if there is one. */
  readonly selectEntryOf: Select<string, Journal.JournalEntry | undefined>
  readonly selectEnd: Select<void, LogEnd>
  /**
   * Writes events and their entries, and takes what they name into the dictionaries where it is new, and into `known`.
   */
  readonly insert: (
    connection: Connection,
    known: Known,
    rows: {
      readonly events: ReadonlyArray<StoredEvent>
      readonly entries: ReadonlyArray<Journal.JournalEntry>
      readonly payloads?: ReadonlyArray<KeptPayload.Row>
    }
  ) => Effect.Effect<void, SqlError>
  /** For a log into which another one is written. */
  readonly setIdentity: Select<Journal.LogIdentity, void>
}

type Kept = StoredCommand | EntryDamaged | "operation"

export const damagedEntry = ({ sequence, streamId, version }: Journal.JournalEntry): EntryDamaged =>
  new EntryDamaged({ sequence, streamId: streamId ?? "", version })

/** What is kept under a command's id, if its entry is intact. */
const asKept = (entry: Journal.JournalEntry): Kept => {
  if (!Journal.isIntact(entry)) return damagedEntry(entry)
  return entry.kind === "command" ? (Journal.commandOf(entry) ?? damagedEntry(entry)) : "operation"
}

export const selectEndSql = ({ words: { hex } }: Pick<Dialect, "words">): string =>
  `SELECT i.log_id, i.epoch, j.sequence, e.position, ${hex("j.hash")}, j.recorded_at, ${hex("e.hash")} FROM log_identity AS i
   LEFT JOIN log_entries AS j ON j.sequence = (SELECT max(sequence) FROM log_entries)
   LEFT JOIN log_events AS e ON e.position = (SELECT max(position) FROM log_events)`

export const toEnd = (row: ReadonlyArray<unknown> = []): LogEnd => {
  const [logId, epoch, sequence, position, hash, recordedAt, eventHash] = row
  return {
    logId: (logId ?? "") as string,
    epoch: (epoch ?? 0) as number,
    sequence: (sequence ?? 0) as number,
    position: (position ?? 0) as number,
    hash: sequence == null ? Journal.genesis(String(logId)) : (hash as string),
    recordedAt: (recordedAt ?? 0) as number,
    eventHash: position == null ? EventHash.genesis : (eventHash as string),
    lastPosition: (position ?? 0) as number
  }
}

export const statements = (dialect: Dialect): LogStatements => {
  const { from, where } = dialect.wantedEntries
  const selectCommands = `${LogTables.selectEntries(dialect, from)} ${where}`
  const selectEnd = selectEndSql(dialect)
  const insertStreams = dialect.insert(LogTables.streams)
  const insertNames = dialect.insert(LogTables.names)
  const insertEvents = dialect.insert(LogTables.eventRows)
  const insertEntries = dialect.insert(LogTables.entries)
  const insertPayloads = dialect.insert(LogTables.payloads)

  /** Gives numbers to the texts that have none, after the highest that is taken. */
  const number = Effect.fnUntraced(function* (
    connection: Connection,
    { columns: [column], name }: LogTables.Table<LogTables.Named>,
    texts: Iterable<string>
  ) {
    const [row] = yield* connection.executeValues(`SELECT coalesce(max(${column}), 0) FROM ${name}`, [])
    let last = row?.[0] as number
    return Array.from(texts, (text): LogTables.Named => [++last, text])
  })

  return {
    selectKnown: (connection, { names, streamIds }) =>
      Effect.map(
        connection.executeValues(dialect.selectKnown, [JSON.stringify([...streamIds]), JSON.stringify([...names])]),
        (rows) => {
          const known: Known = { streams: new Map(), names: new Map() }
          for (const [isName, text, number, version, position, hash] of rows) {
            if (isName === 1) known.names.set(text as string, number as number)
            else {
              const head = version === null ? undefined : ({ version, position, hash } as Head)
              known.streams.set(text as string, { number: number as number, head })
            }
          }
          return known
        }
      ),
    selectCommands: (connection, commandIds) =>
      Effect.map(
        connection.executeValues(selectCommands, [JSON.stringify([...commandIds])]),
        (rows) => new Map(rows.map((row) => [row[3] as string, asKept(LogTables.toEntry(row))]))
      ),
    selectEntryOf: (connection, commandId) =>
      Effect.map(connection.executeValues(selectCommands, [JSON.stringify([commandId])]), ([row]) =>
        row === undefined ? undefined : LogTables.toEntry(row)
      ),
    selectEnd: (connection) => Effect.map(connection.executeValues(selectEnd, []), ([row]) => toEnd(row)),
    insert: Effect.fnUntraced(function* (connection, known, { entries, events, payloads = [] }) {
      const newStreams = new Set<string>()
      const newNames = new Set<string>()
      for (const { command, streamId } of entries) {
        if (streamId !== null && !known.streams.has(streamId)) newStreams.add(streamId)
        if (command !== null && !known.names.has(command)) newNames.add(command)
      }
      for (const { streamId, type } of events) {
        if (!known.streams.has(streamId)) newStreams.add(streamId)
        if (!known.names.has(type)) newNames.add(type)
      }
      if (newStreams.size > 0) {
        const rows = yield* number(connection, LogTables.streams, newStreams)
        yield* insertStreams(connection, rows)
        for (const [number, streamId] of rows) known.streams.set(streamId, { number, head: undefined })
      }
      if (newNames.size > 0) {
        const rows = yield* number(connection, LogTables.names, newNames)
        yield* insertNames(connection, rows)
        for (const [number, name] of rows) known.names.set(name, number)
      }
      const numbers: LogTables.Numbers = {
        stream: (streamId) => known.streams.get(streamId)?.number as number,
        name: (name) => known.names.get(name) as number
      }
      yield* insertEntries(connection, entries, numbers)
      yield* insertEvents(connection, events, numbers)
      if (payloads.length > 0) yield* insertPayloads(connection, payloads)
    }),
    setIdentity: (connection, { epoch, logId }) =>
      Effect.asVoid(connection.executeRaw("UPDATE log_identity SET log_id = ?, epoch = ?", [logId, epoch]))
  }
}
