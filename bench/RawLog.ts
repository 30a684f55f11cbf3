/**
 * The rows of a log as one would write them by hand, on better-sqlite3 with prepared statements: the same tables, rows
 * and hashes as Daybook's.
 */
import type BetterSqlite3 from "better-sqlite3"
import * as EventHash from "../src/core/EventHash.ts"
import type { Head, StoredCommand } from "../src/core/EventStore.ts"
import * as Journal from "../src/core/Journal.ts"
import type { StoredEvent } from "../src/core/StoredEvent.ts"
import * as LogTables from "../src/sql/LogTables.ts"
import { sqlite } from "../src/sql/SqliteDialect.ts"

/** Reads whole events; add a WHERE over `e`. */
export const selectEvents = LogTables.selectEvents(sqlite)
export const { toEvent } = LogTables

/** For a WHERE over `e.stream`. */
export const streamNumber = "(SELECT stream FROM log_streams WHERE stream_id = ?)"

/** An event to write, and what is kept of its command, which has no other. */
export interface Written {
  readonly event: EventHash.Hashed
  readonly command: Pick<StoredCommand, "command" | "fingerprint" | "answer">
}

/**
 * Writes an event with its entry after what is there, within a transaction of the caller. Returns the new head of its
 * stream.
 */
export const writer = (database: BetterSqlite3.Database) => {
  const statement = <A, C>(table: LogTables.Table<A, C>) => {
    const { bytes, columns, name, values } = table
    const places = columns.map((column) => (bytes.has(column) ? "unhex(?)" : "?"))
    const insert = database.prepare(`INSERT INTO ${name} (${columns.join(", ")}) VALUES (${places.join(", ")})`)
    return (row: A, common: C): void => {
      insert.run(...values(row, common))
    }
  }
  const insertEvent = statement(LogTables.eventRows)
  const insertEntry = statement(LogTables.entries)
  const numbersOf = (table: LogTables.Table<LogTables.Named>) => {
    const [number, text] = table.columns
    const numbers = new Map(
      database.prepare(`SELECT ${text}, ${number} FROM ${table.name}`).raw().all() as Array<[string, number]>
    )
    const insert = statement(table)
    return (name: string): number => {
      let number = numbers.get(name)
      if (number === undefined) {
        number = numbers.size + 1
        numbers.set(name, number)
        insert([number, name], undefined)
      }
      return number
    }
  }
  const numbers: LogTables.Numbers = { stream: numbersOf(LogTables.streams), name: numbersOf(LogTables.names) }
  const last = database.prepare(
    "SELECT sequence, lower(hex(hash)) AS hash FROM log_entries ORDER BY sequence DESC LIMIT 1"
  )
  const logId = database.prepare("SELECT log_id FROM log_identity").pluck().get() as string
  let end = (last.get() as Journal.JournalEnd | undefined) ?? { sequence: 0, hash: Journal.genesis(logId) }

  return ({ command, event }: Written): Head => {
    const { commandId, position, recordedAt, streamId, version } = event
    const hash = EventHash.compute(event)
    const sequence = end.sequence + 1
    const stored: StoredEvent = { ...event, hash, sequence, principal: null }
    const kept: StoredCommand = {
      ...command,
      commandId,
      streamId,
      outcome: "success",
      answerVersion: 1,
      version,
      position
    }
    const entry = Journal.ofCommand(kept, {
      rule: Journal.rules.decided,
      sequence,
      eventHash: hash,
      events: 1,
      correlationId: event.correlationId,
      causationId: null,
      traceparent: null,
      principal: null,
      metadata: null,
      recordedAt,
      previousHash: end.hash
    })
    insertEntry(entry, numbers)
    insertEvent(stored, numbers)
    end = entry
    return { version, position, hash }
  }
}
