/** Edits of a log by somebody who can write its file: one at random, and a forgery by one who knows the rules. */
import Sqlite from "better-sqlite3"
import * as EventHash from "../../src/core/EventHash.ts"
import * as Journal from "../../src/core/Journal.ts"
import * as LogTables from "../../src/sql/LogTables.ts"
import { sqlite } from "../../src/sql/SqliteDialect.ts"

/** Changes a closed database whose triggers are away. */
export const tamper = <A>(filename: string, change: (database: Sqlite.Database) => A): A => {
  const database = new Sqlite(filename)
  for (const name of database.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").pluck().all()) {
    database.exec(`DROP TRIGGER ${name}`)
  }
  try {
    return change(database)
  } finally {
    database.close()
  }
}

export const allEvents = (database: Sqlite.Database) =>
  database
    .prepare(`${LogTables.selectEvents(sqlite)} ORDER BY e.position`)
    .raw()
    .all()
    .map((row) => LogTables.toEvent(row as ReadonlyArray<unknown>))
export const allEntries = (database: Sqlite.Database) =>
  database
    .prepare(`${LogTables.selectEntries(sqlite)} ORDER BY j.sequence`)
    .raw()
    .all()
    .map((row) => LogTables.toEntry(row as ReadonlyArray<unknown>))

/**
 * Recomputes all hashes, of events along their streams and of entries along the journal, so that all is in order again.
 */
export const rechain = (database: Sqlite.Database): void => {
  const heads = new Map<string, string>()
  const setEvent = database.prepare(
    "UPDATE log_events SET previous_hash = unhex(?), hash = unhex(?) WHERE position = ?"
  )
  for (const event of allEvents(database)) {
    const previousHash = heads.get(event.streamId) ?? EventHash.genesis
    const hash = EventHash.compute({ ...event, previousHash })
    setEvent.run(previousHash, hash, event.position)
    heads.set(event.streamId, hash)
  }
  let previousHash = Journal.genesis(database.prepare("SELECT log_id FROM log_identity").pluck().get() as string)
  const setEntry = database.prepare("UPDATE log_entries SET hash = unhex(?) WHERE sequence = ?")
  for (const entry of allEntries(database)) {
    const hash = Journal.compute({ ...entry, previousHash })
    setEntry.run(hash, entry.sequence)
    previousHash = hash
  }
}

/** An edit that was made, and the sequences of the entries that it touches. */
export interface Edit {
  readonly what: string
  readonly sequences: ReadonlyArray<number>
  /** Whether an end was cut off both tables, which the head alone shows. */
  readonly isCut: boolean
}

type Random = () => number

const keys: Readonly<Record<string, string>> = {
  log_events: "position",
  log_entries: "sequence",
  log_streams: "stream",
  log_names: "number",
  log_identity: "id"
}

/** Which entries know the row. */
const sequencesOf = (database: Sqlite.Database, table: string, key: unknown): ReadonlyArray<number> => {
  const sql = {
    log_events: "SELECT sequence FROM log_events WHERE position = ?",
    log_entries: "SELECT ?",
    log_streams: "SELECT sequence FROM log_entries WHERE stream = ?",
    log_names: `SELECT sequence FROM log_entries WHERE command = ?1
      UNION SELECT sequence FROM log_events WHERE type = ?1`,
    log_identity: "SELECT 1 WHERE ? IS NOT NULL"
  }[table]
  return database
    .prepare(sql ?? "")
    .pluck()
    .all(key) as ReadonlyArray<number>
}

const changed = (value: unknown, type: string, random: Random): unknown => {
  if (value === null) return type === "INTEGER" ? 1 : type === "BLOB" ? Buffer.from([1]) : "x"
  if (typeof value === "number") return random() < 0.5 ? value + 1 : Math.floor(random() * 1_000)
  if (typeof value === "string") {
    const at = Math.floor(random() * (value.length + 1))
    return `${value.slice(0, at)}x${value.slice(at + (random() < 0.5 ? 1 : 0))}`
  }
  const bytes = Buffer.from(value as Buffer)
  const at = Math.floor(random() * bytes.length)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8))
  return bytes
}

const pick = <A>(items: ReadonlyArray<A>, random: Random): A => items[Math.floor(random() * items.length)] as A

/** Changes one column of one row. */
const changeColumn = (database: Sqlite.Database, random: Random): Edit => {
  // Most of the rows are of these two.
  const table = pick(["log_events", "log_entries", "log_events", "log_entries", ...Object.keys(keys)], random)
  const key = keys[table] as string
  const columns = database.pragma(`table_info(${table})`) as ReadonlyArray<{
    readonly name: string
    readonly type: string
  }>
  const column = pick(
    columns.filter(({ name }) => !(table === "log_identity" && name === "id")),
    random
  )
  const rows = database.prepare(`SELECT ${key} FROM ${table}`).pluck().all()
  const at = pick(rows, random)
  const sequences = sequencesOf(database, table, at)
  const value = database.prepare(`SELECT ${column.name} FROM ${table} WHERE ${key} = ?`).pluck().get(at)
  const other = changed(value, column.type, random)
  database.prepare(`UPDATE ${table} SET ${column.name} = ? WHERE ${key} = ?`).run(other, at)
  return { what: `${table}.${column.name} of ${at}: ${value} to ${other}`, sequences, isCut: false }
}

const deleteRow = (database: Sqlite.Database, random: Random): Edit => {
  const table = pick(["log_events", "log_entries", "log_streams", "log_names"], random)
  const key = keys[table] as string
  const at = pick(database.prepare(`SELECT ${key} FROM ${table}`).pluck().all(), random)
  const sequences = sequencesOf(database, table, at)
  database.prepare(`DELETE FROM ${table} WHERE ${key} = ?`).run(at)
  return { what: `${table}: row ${at} deleted`, sequences, isCut: false }
}

/** Two rows change their places in the log. */
const swapRows = (database: Sqlite.Database, random: Random): Edit => {
  const table = pick(["log_events", "log_entries"], random)
  const key = keys[table] as string
  const all = database.prepare(`SELECT ${key} FROM ${table}`).pluck().all()
  const [one, other] = [pick(all, random), pick(all, random)]
  if (one === other) throw new Error("they are the same row")
  const sequences = [one, other].flatMap((at) => sequencesOf(database, table, at))
  const move = database.prepare(`UPDATE ${table} SET ${key} = ? WHERE ${key} = ?`)
  move.run(Number.MAX_SAFE_INTEGER, one)
  move.run(one, other)
  move.run(other, Number.MAX_SAFE_INTEGER)
  return { what: `${table}: rows ${one} and ${other} swapped`, sequences, isCut: false }
}

/** An event, or a refusal, goes to another stream. */
const moveRow = (database: Sqlite.Database, random: Random): Edit => {
  const table = pick(["log_events", "log_entries"], random)
  const key = keys[table] as string
  const at = pick(database.prepare(`SELECT ${key} FROM ${table}`).pluck().all(), random)
  const stream = pick(database.prepare("SELECT stream FROM log_streams").pluck().all(), random)
  const sequences = sequencesOf(database, table, at)
  const { changes } = database
    .prepare(`UPDATE ${table} SET stream = ? WHERE ${key} = ? AND stream <> ?`)
    .run(stream, at, stream)
  if (changes === 0) throw new Error("it is its own stream")
  return { what: `${table}: row ${at} moved to stream ${stream}`, sequences, isCut: false }
}

/** The last events of a stream or of the log, or a whole stream, from the events, or from the journal too. */
const cutEnd = (database: Sqlite.Database, random: Random): Edit => {
  const ofStream = random() < 0.6
  const both = !ofStream && random() < 0.6
  const last = database.prepare("SELECT max(sequence) FROM log_entries").pluck().get() as number
  const from = ofStream ? 0 : last - Math.floor(random() * 20)
  const stream = ofStream
    ? pick(database.prepare("SELECT DISTINCT stream FROM log_events").pluck().all(), random)
    : null
  const where = ofStream ? `stream = ${stream} AND version > ${Math.floor(random() * 3)}` : `sequence >= ${from}`
  const sequences = database.prepare(`SELECT sequence FROM log_events WHERE ${where}`).pluck().all() as Array<number>
  if (sequences.length === 0) throw new Error("there is nothing to cut")
  database.exec(`DELETE FROM log_events WHERE ${where}`)
  if (both) database.exec(`DELETE FROM log_entries WHERE sequence >= ${from}`)
  return {
    what: `cut where ${where}${both ? ", of the journal too" : ""}`,
    sequences: [...sequences, from],
    isCut: both
  }
}

const kinds = [changeColumn, changeColumn, changeColumn, deleteRow, swapRows, moveRow, cutEnd]

/** Makes one edit that the tables themselves let pass. */
export const edit = (database: Sqlite.Database, random: Random): Edit => {
  for (;;) {
    database.exec("BEGIN")
    try {
      const made = pick(kinds, random)(database, random)
      database.exec("COMMIT")
      return made
    } catch {
      // Refused, as by a key that is taken: another one.
      database.exec("ROLLBACK")
    }
  }
}
