/**
 * `SqliteDatabase` is one SQLite file, opened safely: one client that writes, one that reads. What only SQLite knows (its
 * pragmas, its error codes, its files) is here, in `SqliteDialect.ts` and in `Migrations.ts`.
 *
 * A file that must not be used is found by reading alone and stays as it is, byte for byte. A new one is built under a
 * temporary name, so that a process killed at any instant leaves a whole database or none.
 */
import { dirname, resolve } from "node:path"
import * as Reactivity from "@effect/experimental/Reactivity"
import { TransactionConnection } from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Either, Layer, LogLevel, Option, type Scope, Stream } from "effect"
import * as Fault from "../core/Fault.ts"
import * as Limits from "../core/Limits.ts"
import * as MissingPackage from "../core/MissingPackage.ts"
import * as AtomicFile from "./AtomicFile.ts"
import { DatabaseError, LogDamaged, type Problem } from "./DatabaseError.ts"
import * as LogStatements from "./LogStatements.ts"
import * as Migrations from "./Migrations.ts"
import * as SlowStatements from "./SlowStatements.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"
import * as SqliteClient from "./SqliteClient.ts"
import { codeOf, isBusy, patiently, sqlite } from "./SqliteDialect.ts"
import * as SqliteDriver from "./SqliteDriver.ts"
import * as SqliteFile from "./SqliteFile.ts"
import * as WriteAheadLog from "./WriteAheadLog.ts"

type Mode = "create" | "existing" | "readOnly"
type Durability = "full" | "normal"

export interface SqliteOptions {
  /** Path of the database file, or `:memory:` for one that is gone with its scope. */
  readonly filename: string
  /**
   * `create` (default): opens the file, or makes it. `existing`: opens it, never makes it. `readOnly`: opens it to read,
   * never migrates or changes it, and works while another process writes.
   */
  readonly mode?: Mode
  /**
   * `full` (default): a commit survives the loss of power. `normal`: it survives the death of the process only, for 5 to
   * 10 % more speed.
   */
  readonly durability?: Durability
  /**
   * Bytes to which the write-ahead log is cut back once no reader needs more of it: with the next commits, and within seconds
   * where there are none. A reader that stays, such as an export, makes it grow beyond. Default 16 MiB.
   */
  readonly writeAheadLogLimit?: number
}

interface SqliteLimits {
  readonly writeAheadLogLimit: number
}
const defaults: SqliteLimits = { writeAheadLogLimit: 16 * 1_048_576 }
const ranges: Limits.Ranges<SqliteLimits> = { writeAheadLogLimit: [0, Number.MAX_SAFE_INTEGER] }

const migrations = Migrations.migrationsOf(sqlite)

/** What `PRAGMA synchronous` answers. */
const synchronous = { full: 2, normal: 1 }

/**
 * How long SQLite may hold the whole process while another one has the lock, in milliseconds. Short: whoever waits longer
 * waits in Effect, where other fibers run.
 */
const busyTimeoutMs = 5

/** How often the write-ahead log is looked at. */
const lookInterval = "2 seconds"

/** Statements that each connection keeps prepared: those of this package are fewer, and those of read models have no end. */
const prepareCacheSize = 200

/** Drivers throw while they open, so that defect becomes the error. */
const openClient = (
  filename: string,
  options: { readonly readonly: boolean }
): Effect.Effect<SqliteClient.SqliteClient, unknown, Scope.Scope> =>
  Effect.promise(SqliteDriver.load).pipe(
    Effect.flatMap((driver) => SqliteClient.make(driver, { filename, readonly: options.readonly, prepareCacheSize })),
    Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make),
    Effect.catchAllDefect(Effect.fail)
  )

/** Like `openClient`, with the settings of a connection. */
const open = (
  filename: string,
  options: { readonly readonly: boolean; readonly durability: Durability }
): Effect.Effect<readonly [SqliteClient.SqliteClient, Connection], unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const client = yield* openClient(filename, options)
    const connection = yield* Effect.scoped(client.reserve)
    yield* connection.executeValues(`PRAGMA busy_timeout = ${busyTimeoutMs}`, [])
    yield* connection.executeValues(`PRAGMA synchronous = ${options.durability}`, [])
    // On macOS a plain sync leaves the data in the cache of the drive. Elsewhere it means nothing.
    const full = options.durability === "full" ? 1 : 0
    yield* connection.executeValues(`PRAGMA fullfsync = ${full}`, [])
    yield* connection.executeValues(`PRAGMA checkpoint_fullfsync = ${full}`, [])
    return [client, connection] as const
  })

/** What kept the driver from opening or reading the file. */
const problemOfCause = (cause: unknown): Problem => {
  if (MissingPackage.nameOf(cause) !== undefined) return "noDriver"
  const code = codeOf(cause)
  if (code.startsWith("SQLITE_NOTADB")) return "notADatabase"
  // The file is ours, so a table that is not there was lost.
  return /^SQLITE_(CORRUPT|ERROR)/.test(code) ? "damaged" : "unopenable"
}

/** What was wrong with the database at this path, whichever way it came to light. */
const asDatabaseError =
  (filename: string) =>
  <A, R>(effect: Effect.Effect<A, unknown, R>): Effect.Effect<A, DatabaseError, R> =>
    effect.pipe(
      Effect.catchAllDefect(Effect.fail),
      Effect.mapError((error) => {
        if (error instanceof DatabaseError) return error
        if (error instanceof LogDamaged) return new DatabaseError({ filename, problem: "unmigrated", cause: error })
        if (typeof error === "string") return new DatabaseError({ filename, problem: error as Problem })
        return new DatabaseError({ filename, problem: problemOfCause(error), cause: innermost(error) })
      })
    )

/** Reads which migrations made the database; fails when this program must not use it. */
const readApplied = (connection: Connection): Effect.Effect<number, SqlError | Problem> =>
  Effect.flatMap(connection.executeValues(Migrations.selectApplied, []), (rows) => {
    const problem = Migrations.problemOf(rows.map(Migrations.toApplied), migrations)
    return problem === undefined ? Effect.succeed(rows.length) : Effect.fail(problem)
  })

const migrate = (connection: Connection): Effect.Effect<void, SqlError | LogDamaged | Problem> =>
  connection.executeRaw("BEGIN IMMEDIATE", []).pipe(
    patiently(),
    Effect.zipRight(Migrations.apply(connection, sqlite)),
    Effect.zipRight(connection.executeRaw("COMMIT", [])),
    Effect.tapError(() => Effect.ignore(connection.executeRaw("ROLLBACK", []))),
    Effect.asVoid
  )

/** Makes the database. Losing a race is as good: then another process has made it. */
const create = (filename: string): Effect.Effect<void, unknown> =>
  AtomicFile.create(filename, (temporary) =>
    // Closed with its scope, which folds the write-ahead log into the file.
    Effect.scoped(
      Effect.gen(function* () {
        const [, connection] = yield* open(temporary, { readonly: false, durability: "full" })
        yield* connection.executeRaw(`PRAGMA application_id = ${SqliteFile.applicationId}`, [])
        yield* WriteAheadLog.noteCopy(connection)
        yield* migrate(connection)
      })
    )
  ).pipe(
    Effect.catchIf(
      (error) => codeOf(error) === "EEXIST",
      () => Effect.void
    )
  )

/** A connection that only reads. */
const reader = (filename: string): Effect.Effect<Connection, unknown, Scope.Scope> =>
  Effect.map(open(filename, { readonly: true, durability: "full" }), ([, connection]) => connection)

interface Found {
  /** See `WriteAheadLog.isCopy`. */
  readonly isCopy: boolean
  /** Steps of migrations that it lacks. */
  readonly pending: number
}

/** Fails unless the path leads to a database that this program may use. Changes nothing but to make a missing one. */
const check = (filename: string, mode: Mode): Effect.Effect<Found, unknown> =>
  Effect.gen(function* () {
    if (!SqliteFile.stat(dirname(filename))?.isDirectory()) return yield* Effect.fail<Problem>("missingFolder")
    // Looked for before the file itself: a process that makes the file right now has no log before it.
    const strayLog = (SqliteFile.stat(`${filename}-wal`)?.size ?? 0) > 0
    if (SqliteFile.stat(filename) === undefined) {
      // SQLite would play the log of the lost database into the new one.
      if (strayLog) return yield* Effect.fail<Problem>("strayLog")
      if (mode !== "create") return yield* Effect.fail<Problem>("missing")
      if (!SqliteFile.may(dirname(filename), "write")) return yield* Effect.fail<Problem>("readOnly")
      yield* create(filename)
    }
    const problem = SqliteFile.problemOf(filename, mode !== "readOnly")
    if (problem !== undefined) return yield* Effect.fail(problem)
    const isCopy = WriteAheadLog.isCopy(filename)
    yield* Effect.scoped(WriteAheadLog.check(filename, reader(filename)))
    // A client of its own, closed before one that writes could change the file.
    const applied = yield* Effect.scoped(Effect.flatMap(reader(filename), (found) => patiently()(readApplied(found))))
    if (mode === "readOnly" && applied < migrations.length) return yield* Effect.fail<Problem>("older")
    return { isCopy, pending: migrations.length - applied }
  })

/**
 * Marks a file that nobody has open as one that no write-ahead log belongs to. Until it is opened to write it needs no other file
 * beside it, so it can be read where nobody may write.
 */
export const markCopy = (filename: string): Effect.Effect<void, SqlError | Error> =>
  Effect.scoped(
    Effect.flatMap(open(filename, { readonly: false, durability: "full" }), ([, connection]) =>
      Effect.zipRight(WriteAheadLog.noteCopy(connection), connection.executeValues("PRAGMA journal_mode = DELETE", []))
    )
  ).pipe(
    Effect.asVoid,
    Effect.mapError((error) => (error instanceof Error ? error : new Error(String(error))))
  )

/**
 * Copies the database at this path into a file that is empty or not there, as `backup` does, of any release that this one can
 * migrate. Fails, with nothing changed, unless it is sound as a file.
 */
export const copyFile = (filename: string, copy: string): Effect.Effect<void, DatabaseError> =>
  Effect.gen(function* () {
    if (SqliteFile.stat(filename) === undefined) return yield* Effect.fail<Problem>("missing")
    const problem = SqliteFile.problemOf(filename, false)
    if (problem !== undefined) return yield* Effect.fail(problem)
    yield* Effect.scoped(WriteAheadLog.check(filename, reader(filename)))
    const [client, connection] = yield* open(filename, { readonly: true, durability: "full" })
    yield* patiently()(readApplied(connection))
    const [found] = yield* connection.executeValues("PRAGMA quick_check(1)", [])
    if (found?.[0] !== "ok") return yield* Effect.fail<Problem>("damaged")
    yield* client.copyInto(copy)
    yield* markCopy(copy)
  }).pipe(Effect.scoped, asDatabaseError(filename))

type Clients = Pick<SqlDatabase["Type"], "writeClient" | "read"> & { readonly readClient: SqliteClient.SqliteClient }

const openToRead = (filename: string): Effect.Effect<Clients, unknown, Scope.Scope> =>
  Effect.map(open(filename, { readonly: true, durability: "full" }), ([readClient, connection]) => ({
    writeClient: null,
    readClient,
    read: (sql, params) => connection.executeValues(sql, params)
  }))

/**
 * Cuts the write-ahead log back where nobody writes: after a commit SQLite does so itself, one commit after the reader is gone
 * that kept it. Between two transactions, and only when nothing was written since the last look. Notes the lineage of the log
 * where that could not be done when it was opened.
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
      return isKnown ? Effect.void : Fault.report(LogLevel.Warning, what, {}, cause)
    })
  )
  return Effect.forkScoped(Effect.forever(Effect.delay(look, lookInterval)))
}

const openToWrite = (
  filename: string,
  durability: Durability,
  { writeAheadLogLimit }: SqliteLimits,
  isCopy: boolean
): Effect.Effect<Clients, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    // Opened first and so closed last: only a client that writes can fold the write-ahead log into the file.
    const [writeClient, connection] = yield* open(filename, { readonly: false, durability })
    const noting = yield* Effect.either(patiently()(WriteAheadLog.noteLineage(filename, connection)))
    const isNoted = Either.isRight(noting)
    // What is written now would be taken for a log of somebody else's after a crash.
    if (!isNoted && isCopy) return yield* isBusy(noting.left) ? Effect.fail<Problem>("readMeanwhile") : noting.left
    if ((yield* readApplied(connection)) < migrations.length) yield* migrate(connection)
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

/** A second client would open another, empty database, so reads wait until no transaction is open, but for those in it. */
const openMemory: Effect.Effect<Clients, unknown, Scope.Scope> = Effect.gen(function* () {
  const [client, connection] = yield* open(":memory:", { readonly: false, durability: "full" })
  yield* migrate(connection)
  return {
    writeClient: client,
    readClient: client,
    read: (sql, params) =>
      Effect.flatMap(Effect.serviceOption(TransactionConnection), (transaction) =>
        Option.isSome(transaction)
          ? readOnly(transaction.value[0], sql, params)
          : Effect.scoped(Effect.flatMap(client.reserve, (reserved) => readOnly(reserved, sql, params)))
      )
  }
})

const make = (options: SqliteOptions, limits: SqliteLimits) => {
  const { mode = "create", durability = "full" } = options
  const inMemory = options.filename === ":memory:"
  const filename = inMemory ? options.filename : resolve(options.filename)

  return Effect.gen(function* () {
    const { isCopy, pending } = inMemory ? { isCopy: false, pending: 0 } : yield* check(filename, mode)
    const clients = inMemory
      ? yield* openMemory
      : mode === "readOnly"
        ? yield* openToRead(filename)
        : yield* openToWrite(filename, durability, limits, isCopy)
    return SqlDatabase.of({
      name: filename,
      dialect: sqlite,
      log: LogStatements.statements(sqlite),
      migrated: pending,
      ...clients,
      read: (sql, params) => SlowStatements.query(SlowStatements.defaultLimitMs, sql, clients.read(sql, params)),
      // All other reads of this process are in the transaction too: this is for tools that do one thing, such as an export.
      readWithin: (reads) =>
        Effect.acquireUseRelease(
          clients.read("BEGIN", []),
          () => reads,
          () => Effect.ignore(clients.read("ROLLBACK", []))
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
      // SQLite tells nobody of commits.
      commitsElsewhere: Stream.empty,
      backup: (copy) => Effect.zipRight(clients.readClient.copyInto(copy), markCopy(copy))
    })
  }).pipe(asDatabaseError(filename))
}

/** Throws `Limits.InvalidLimit` when the limit is outside its range. */
export const layer = (options: SqliteOptions): Layer.Layer<SqlDatabase, DatabaseError> => {
  const { writeAheadLogLimit = defaults.writeAheadLogLimit } = options
  return Layer.scoped(SqlDatabase, make(options, Limits.change(defaults, ranges, { writeAheadLogLimit })))
}
