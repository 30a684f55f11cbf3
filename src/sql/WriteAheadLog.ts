/**
 * `WriteAheadLog` tells whether the write-ahead log beside a database belongs to it. SQLite does not check: it plays
 * any log into any file of that name, so a backup that was put beside the former file's log is destroyed at the first
 * start.
 *
 * A log begins with two random numbers (its salts); each time SQLite begins it again, the first salt and a counter both
 * rise by one. So their difference, the *lineage*, stays for as long as a process has the database open, and belongs to
 * no other opening. The process that opens a database to write notes the lineage in the header of the file
 * (`user_version`, which nothing else uses) before it writes anything else. A copy that Daybook makes is marked as one
 * without a log.
 *
 * The format is SQLite's own, and is fixed: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
import type { Buffer } from "node:buffer"
import { readFileSync } from "node:fs"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import type { Problem } from "./DatabaseError.ts"
import * as SqliteFile from "./SqliteFile.ts"

/** What the header of a file holds that no log belongs to. In files of releases that noted nothing it is 0. */
const copyMark = 1

const headerLength = 32
const frameHeaderLength = 24
/** Bytes of the first page that each commit may change: the counter of changes, the mark, and the release of SQLite. */
const changing = [
  [24, 28],
  [60, 64],
  [92, 100]
] as const

const walOf = (filename: string): string => `${filename}-wal`

/** The lineage of a log's header; undefined where there is none, so that SQLite ignores the file. */
const lineageOf = (header: Buffer): number | undefined =>
  header.length < headerLength || (header.readUInt32BE(0) & 0xfffffffe) !== 0x377f0682
    ? undefined
    : (header.readUInt32BE(16) - header.readUInt32BE(12)) >>> 0

/** The first page without what each commit may change in it. */
const steady = (page: Buffer): string => {
  const copy = Uint8Array.from(page)
  for (const [from, to] of changing) copy.fill(0, from, to)
  return String(copy)
}

/**
 * Whether all that the log holds is the first page, as the file has it apart from the mark: then a process was killed
 * before it had noted its lineage, and before it wrote anything else.
 */
const onlyMarks = (filename: string): boolean => {
  const log = readFileSync(walOf(filename))
  const pageSize = log.readUInt32BE(8)
  const salts = log.toString("latin1", 16, 24)
  let first: string | undefined
  for (let at = headerLength; at + frameHeaderLength + pageSize <= log.length; at += frameHeaderLength + pageSize) {
    // What follows is left from before the log was begun again.
    if (log.toString("latin1", at + 8, at + 16) !== salts) break
    if (log.readUInt32BE(at) !== 1) return false
    first ??= steady(SqliteFile.firstBytes(filename, pageSize))
    if (steady(log.subarray(at + frameHeaderLength, at + frameHeaderLength + pageSize)) !== first) return false
  }
  return true
}

/** Whether file and log together are a sound database whose journal has no hole. */
const isWhole = (connection: Connection): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const [found] = yield* connection.executeValues("PRAGMA integrity_check(1)", [])
    if (found?.[0] !== "ok") return false
    const [journal] = yield* connection.executeValues("SELECT 1 FROM sqlite_master WHERE name = 'log_entries'", [])
    if (journal === undefined) return true
    const [row] = yield* connection.executeValues("SELECT count(*), coalesce(max(sequence), 0) FROM log_entries", [])
    return row?.[0] === row?.[1]
  }).pipe(Effect.catchAll(() => Effect.succeed(false)))

/** Whether the log beside a file belongs to it, from its first bytes. */
type Standing = "own" | "foreign" | "unknown"

const standingOf = (filename: string): Standing => {
  const mark = SqliteFile.markOf(filename)
  if ((SqliteFile.stat(walOf(filename))?.size ?? 0) === 0) return "own"
  const lineage = lineageOf(SqliteFile.firstBytes(walOf(filename), headerLength))
  if (lineage === undefined || lineage === mark || onlyMarks(filename)) return "own"
  // Another process has noted its lineage meanwhile.
  if (SqliteFile.markOf(filename) !== mark) return standingOf(filename)
  return mark === copyMark ? "foreign" : "unknown"
}

/**
 * Fails unless the log beside the file, if there is one, belongs to it. A log of another lineage may still be the
 * file's own, left by a program that notes none, such as an earlier release that was killed: then all of the database
 * is read, once. To be called before this process has a connection to the file; `open` opens one that only reads.
 */
export const check = <E, R>(
  filename: string,
  open: Effect.Effect<Connection, E, R>
): Effect.Effect<void, E | Problem, R> =>
  Effect.gen(function* () {
    if ((SqliteFile.stat(`${filename}-journal`)?.size ?? 0) > 0) return yield* Effect.fail<Problem>("foreignLog")
    const standing = standingOf(filename)
    if (standing === "own") return
    const isOwn = standing === "unknown" && (yield* Effect.flatMap(open, isWhole))
    if (!isOwn) return yield* Effect.fail<Problem>("foreignLog")
  })

const note = (connection: Connection, mark: number) => connection.executeRaw(`PRAGMA user_version = ${mark | 0}`, [])

/**
 * Notes the lineage of the log that this connection writes in the header of the file. Fails as a lock does while a
 * reader needs the file as it was: then it is in the log alone, so try again.
 */
export const noteLineage = (filename: string, connection: Connection): Effect.Effect<void, SqlError> =>
  Effect.gen(function* () {
    // A commit that changes nothing: only then there is a log, and so a lineage.
    const [row] = yield* connection.executeValues("PRAGMA user_version", [])
    yield* note(connection, Number(row?.[0]))
    const lineage = lineageOf(SqliteFile.firstBytes(walOf(filename), headerLength)) ?? copyMark
    if (lineage !== Number(row?.[0]) >>> 0) yield* note(connection, lineage)
    const [checkpoint] = yield* connection.executeValues("PRAGMA wal_checkpoint(PASSIVE)", [])
    const [busy, frames, moved] = checkpoint ?? []
    if (busy === 0 && frames === moved) return
    const cause = Object.assign(new Error("a reader needs the file as it was"), { code: "SQLITE_BUSY" })
    return yield* new SqlError({ cause, message: "Failed to note the lineage of the write-ahead log" })
  })

/** Marks a database that no other process has open as one that no log belongs to. */
export const noteCopy = (connection: Connection): Effect.Effect<unknown, SqlError> => note(connection, copyMark)

/** Whether a file is marked as one that no log belongs to. */
export const isCopy = (filename: string): boolean => SqliteFile.markOf(filename) === copyMark
