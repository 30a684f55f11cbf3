/**
 * `SqliteDatabase` is one SQLite file, opened safely: one client that writes, one that reads. What only SQLite knows (its
 * pragmas, its error codes, its files) is here, in `SqliteOpening.ts`, `SqliteDialect.ts` and `Migrations.ts`.
 *
 * A file that must not be used is found by reading alone and stays as it is, byte for byte. A new one is built under a
 * temporary name, so that a process killed at any instant leaves a whole database or none.
 */
import { TransactionConnection } from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Either, Layer, LogLevel, Option, type Scope, Stream } from "effect"
import * as FaultLog from "../core/FaultLog.ts"
import * as Limits from "../core/Limits.ts"
import { DatabaseError, type Problem } from "./DatabaseError.ts"
import * as LogStatements from "./LogStatements.ts"
import * as SlowStatements from "./SlowStatements.ts"
import { type Dialect, SqlDatabase } from "./SqlDatabase.ts"
import type * as SqliteClient from "./SqliteClient.ts"
import * as SqliteDialect from "./SqliteDialect.ts"
import { sqlite } from "./SqliteDialect.ts"
import * as SqliteFile from "./SqliteFile.ts"
import * as SqliteLock from "./SqliteLock.ts"
import type * as SqliteOpening from "./SqliteOpening.ts"
import {
  asDatabaseError,
  bringUp,
  check,
  type Durability,
  type Found,
  migrate,
  open,
  readApplied,
  reader
} from "./SqliteOpening.ts"
import * as TablePrefix from "./TablePrefix.ts"
import * as WriteAheadLog from "./WriteAheadLog.ts"

export interface SqliteOptions {
  /** Path of the database file, or `:memory:` for one that is gone with its scope. */
  readonly filename: string
  /**
   * `create` (default): opens the file, or makes it. `existing`: opens it, never makes it. `readOnly`: opens it to read,
   * never migrates or changes it, and works while another process writes.
   */
  readonly mode?: SqliteOpening.Mode
  /**
   * `full` (default): a commit survives the loss of power. `normal`: it survives the death of the process only, for 5 to
   * 10 % more speed.
   */
  readonly durability?: SqliteOpening.Durability
  /**
   * Bytes to which the write-ahead log is cut back once no reader needs more of it: with the next commits, and within seconds
   * where there are none. A reader that stays, such as an export, makes it grow beyond. Default 16 MiB.
   */
  readonly writeAheadLogLimit?: number
  /**
   * For a file that is the application's own, in which Daybook's tables stand beside others: what their names begin with, such
   * as `daybook_`, or nothing. Small letters, digits and underscores, at most 24. Default: the file is Daybook's alone.
   */
  readonly prefix?: string
}

interface SqliteLimits {
  readonly writeAheadLogLimit: number
}
const defaults: SqliteLimits = { writeAheadLogLimit: 16 * 1_048_576 }
const ranges: Limits.Ranges<SqliteLimits> = { writeAheadLogLimit: [0, Number.MAX_SAFE_INTEGER] }

/** What `PRAGMA synchronous` answers. */
const synchronous = { full: 2, normal: 1 }

/** How often the write-ahead log is looked at. */
const lookInterval = "2 seconds"

/**
 * Marks a file that no process has open as one without a write-ahead log. Until it is opened to write it needs no other
 * file beside it, so it can be read from a read-only place.
 */
export const markCopy = (filename: string, isShared = false): Effect.Effect<void, SqlError | Error> =>
  Effect.scoped(
    Effect.flatMap(open(filename, { readonly: false, durability: "full" }), ([, connection]) =>
      Effect.zipRight(
        isShared ? Effect.void : WriteAheadLog.noteCopy(connection),
        connection.executeValues("PRAGMA journal_mode = DELETE", [])
      )
    )
  ).pipe(
    Effect.asVoid,
    Effect.mapError((error) => (error instanceof Error ? error : new Error(String(error))))
  )

/**
 * Copies the database at this path into a file that is empty or not there, as `backup` does, of any release that this one can
 * migrate. Fails, with nothing changed, unless it is sound as a file.
 */
export const copyFile = (original: string, copy: string): Effect.Effect<void, DatabaseError> => {
  const filename = SqliteFile.pathOf(original)
  return Effect.gen(function* () {
    if (SqliteFile.stat(filename) === undefined) return yield* Effect.fail<Problem>("missing")
    const problem = SqliteFile.problemOf(filename, false)
    if (problem !== undefined) return yield* Effect.fail(problem)
    yield* Effect.scoped(WriteAheadLog.check(filename, reader(filename)))
    const [client, connection] = yield* open(filename, { readonly: true, durability: "full" })
    yield* SqliteLock.retryWhileBusy()(readApplied(connection, sqlite))
    const [found] = yield* connection.executeValues("PRAGMA quick_check(1)", [])
    if (found?.[0] !== "ok") return yield* Effect.fail<Problem>("damaged")
    yield* client.copyInto(copy)
    yield* markCopy(copy)
  }).pipe(Effect.scoped, asDatabaseError(filename))
}

type Clients = Pick<SqlDatabase["Type"], "writeClient" | "query"> & { readonly readClient: SqliteClient.SqliteClient }

const openToRead = (filename: string): Effect.Effect<Clients, unknown, Scope.Scope> =>
  Effect.map(open(filename, { readonly: true, durability: "full" }), ([readClient, connection]) => ({
    writeClient: null,
    readClient,
    query: (sql, params) => connection.executeValues(sql, params)
  }))

/**
 * Cuts the write-ahead log back where nothing writes: after a commit SQLite does so itself, one commit after the reader
 * is gone that kept it. Between two transactions, and only when nothing was written since the last look. Notes the
 * lineage of the log where that could not be done when it was opened.
 */
const keepLogShort = (filename: string, client: SqliteClient.SqliteClient, limit: number, isNoted: boolean) => {
  let last = { size: 0, mtimeMs: 0 }
  let noted = isNoted
  let isFailing = false
  const look = Effect.gen(function* () {
    if (!noted) {
      yield* WriteAheadLog.noteLineage(filename, yield* client.reserve)
      noted = true
    }
    const { mtimeMs, size } = SqliteFile.stat(`${filename}-wal`) ?? last
    const isQuiet = size === last.size && mtimeMs === last.mtimeMs
    last = { size, mtimeMs }
    if (!isQuiet || size <= limit) return
    // Does nothing while a reader needs it, after the wait for it that `busyTimeoutMs` bounds.
    const connection = yield* client.reserve
    yield* connection.executeValues("PRAGMA wal_checkpoint(TRUNCATE)", [])
    isFailing = false
  }).pipe(
    Effect.scoped,
    Effect.catchAllCause((cause) => {
      const isKnown = isFailing
      isFailing = true
      const what = "the write-ahead log cannot be cut back at present"
      return isKnown ? Effect.void : FaultLog.report(LogLevel.Warning, what, {}, cause)
    })
  )
  return Effect.forkScoped(Effect.forever(Effect.delay(look, lookInterval)))
}

const openToWrite = (
  filename: string,
  durability: Durability,
  { writeAheadLogLimit }: SqliteLimits,
  { isCopy, isShared }: Found,
  dialect: Dialect
): Effect.Effect<Clients, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    // Opened first and so closed last: only a client that writes can fold the write-ahead log into the file.
    const [writeClient, connection] = yield* open(filename, { readonly: false, durability })
    // Where the lineage is noted in a file of Daybook's own, a shared one has a number of the application.
    const noting = isShared
      ? Either.void
      : yield* Effect.either(SqliteLock.retryWhileBusy()(WriteAheadLog.noteLineage(filename, connection)))
    const isNoted = Either.isRight(noting)
    // What is written now would be taken for another database's log after a crash.
    if (!isNoted && isCopy)
      return yield* SqliteLock.isBusy(noting.left) ? Effect.fail<Problem>("readMeanwhile") : noting.left
    yield* bringUp(connection, dialect, { isShared })
    // An INSERT of many rows with triggers goes through a table of its own, which is a file by default. Not while indices are
    // made of a large log: they would stand in memory.
    yield* connection.executeValues("PRAGMA temp_store = memory", [])
    yield* connection.executeValues(`PRAGMA journal_size_limit = ${writeAheadLogLimit}`, [])
    yield* keepLogShort(filename, writeClient, writeAheadLogLimit, isNoted)
    return { ...(yield* openToRead(filename)), writeClient }
  })

/** Runs the query so that it cannot write. Nothing runs in between: each of the three is done when it returns. */
const readOnly = (connection: Connection, sql: string, params: ReadonlyArray<unknown>) =>
  Effect.acquireUseRelease(
    connection.executeValues("PRAGMA query_only = 1", []),
    () => connection.executeValues(sql, params),
    () => Effect.orDie(connection.executeValues("PRAGMA query_only = 0", []))
  )

/**
 * A second client would open another, empty database, so reads wait until no transaction is open, except those in it.
 */
const openMemory = (dialect: Dialect): Effect.Effect<Clients, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const [client, connection] = yield* open(":memory:", { readonly: false, durability: "full" })
    yield* migrate(connection, dialect)
    return {
      writeClient: client,
      readClient: client,
      query: (sql, params) =>
        Effect.flatMap(Effect.serviceOption(TransactionConnection), (transaction) =>
          Option.isSome(transaction)
            ? readOnly(transaction.value[0], sql, params)
            : Effect.scoped(Effect.flatMap(client.reserve, (reserved) => readOnly(reserved, sql, params)))
        )
    }
  })

const make = (options: SqliteOptions, limits: SqliteLimits) => {
  const { mode = "create", durability = "full", prefix } = options
  const inMemory = options.filename === ":memory:"
  const filename = inMemory ? options.filename : SqliteFile.pathOf(options.filename)

  return Effect.gen(function* () {
    if (prefix !== undefined && !TablePrefix.isPrefix(prefix)) return yield* Effect.fail<Problem>("badPrefix")
    const dialect = prefix ? SqliteDialect.make(prefix) : sqlite
    const found = inMemory
      ? { isCopy: false, isShared: false, pending: 0 }
      : yield* check(filename, mode, prefix, dialect)
    const clients = inMemory
      ? yield* openMemory(dialect)
      : mode === "readOnly"
        ? yield* openToRead(filename)
        : yield* openToWrite(filename, durability, limits, found, dialect)
    const query: SqlDatabase["Type"]["query"] = (sql, params) =>
      SlowStatements.query(SlowStatements.defaultLimitMs, sql, clients.query(sql, params))
    return SqlDatabase.of({
      name: filename,
      dialect,
      log: LogStatements.statements(dialect),
      migrated: found.pending,
      ...clients,
      clients: [clients.readClient, ...(clients.writeClient === null ? [] : [clients.writeClient])],
      query,
      read: (sql, params) => query(dialect.rename(sql), params),
      // All other reads of this process are in the transaction too: this is for tools that do one thing, such as an export.
      readWithin: (reads) =>
        Effect.acquireUseRelease(
          clients.query("BEGIN", []),
          () => reads,
          () => Effect.ignore(clients.query("ROLLBACK", []))
        ),
      assertDurable: (connection) =>
        Effect.flatMap(
          Effect.all([
            connection.executeValues("PRAGMA synchronous", []),
            connection.executeValues("PRAGMA fullfsync", [])
          ]),
          ([[level], [full]]) =>
            level?.[0] === synchronous[durability] && full?.[0] === (durability === "full" ? 1 : 0)
              ? Effect.void
              : new DatabaseError({ filename, problem: "notDurable" })
        ),
      // SQLite announces no commits.
      commitsElsewhere: Stream.empty,
      backup: (copy) => Effect.zipRight(clients.readClient.copyInto(copy), markCopy(copy, found.isShared))
    })
  }).pipe(asDatabaseError(filename))
}

/** Throws `Limits.InvalidLimit` when the limit is outside its range. */
export const layer = (options: SqliteOptions): Layer.Layer<SqlDatabase, DatabaseError> => {
  const { writeAheadLogLimit = defaults.writeAheadLogLimit } = options
  return Layer.scoped(SqlDatabase, make(options, Limits.change(defaults, ranges, { writeAheadLogLimit })))
}
