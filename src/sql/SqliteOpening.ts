/**
 * `SqliteOpening` opens the file of a database: it looks at it by reading alone, finds Daybook's tables in it, and makes them.
 *
 * A file is Daybook's own, marked in its header, or the application's, with tables under a prefix beside others. In the
 * second kind nothing in the header is Daybook's, so that which write-ahead log belongs to it is not noted.
 */
import { dirname } from "node:path"
import * as Reactivity from "@effect/experimental/Reactivity"
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, type Scope } from "effect"
import * as MissingPackage from "../core/MissingPackage.ts"
import * as AtomicFile from "./AtomicFile.ts"
import { DatabaseError, LogDamaged, type Problem } from "./DatabaseError.ts"
import * as Migrations from "./Migrations.ts"
import * as OwnTables from "./OwnTables.ts"
import { type Dialect, innermost } from "./SqlDatabase.ts"
import * as SqliteClient from "./SqliteClient.ts"
import { sqlite } from "./SqliteDialect.ts"
import * as SqliteDriver from "./SqliteDriver.ts"
import { codeOf } from "./SqliteErrorCode.ts"
import * as SqliteFile from "./SqliteFile.ts"
import * as SqliteLock from "./SqliteLock.ts"
import * as TablePrefix from "./TablePrefix.ts"
import * as WriteAheadLog from "./WriteAheadLog.ts"

export type Mode = "create" | "existing" | "readOnly"
export type Durability = "full" | "normal"

/** The same under each prefix. */
const migrations = Migrations.migrationsOf(sqlite)

/**
 * How long SQLite may hold the whole process while another one has the lock, in milliseconds. Short: what waits longer
 * waits in Effect, where other fibers run.
 */
const busyTimeoutMs = 5

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
export const open = (
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
export const asDatabaseError =
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
export const readApplied = (connection: Connection, dialect: Dialect): Effect.Effect<number, SqlError | Problem> =>
  Effect.flatMap(dialect.own(connection).executeValues(Migrations.selectApplied, []), (rows) => {
    const problem = Migrations.problemOf(rows.map(Migrations.toApplied), migrations)
    return problem === undefined ? Effect.succeed(rows.length) : Effect.fail(problem)
  })

export const migrate = (
  connection: Connection,
  dialect: Dialect
): Effect.Effect<void, SqlError | LogDamaged | Problem> =>
  connection.executeRaw("BEGIN IMMEDIATE", []).pipe(
    SqliteLock.retryWhileBusy(),
    Effect.zipRight(Migrations.apply(dialect.own(connection), dialect)),
    Effect.zipRight(connection.executeRaw("COMMIT", [])),
    Effect.tapError(() => Effect.ignore(connection.executeRaw("ROLLBACK", []))),
    Effect.asVoid
  )

/** Makes the database. Losing a race is as good: then another process has made it. */
const create = (filename: string, dialect: Dialect, isShared: boolean): Effect.Effect<void, unknown> =>
  AtomicFile.create(filename, (temporary) =>
    // Closed with its scope, which folds the write-ahead log into the file.
    Effect.scoped(
      Effect.gen(function* () {
        const [, connection] = yield* open(temporary, { readonly: false, durability: "full" })
        // Both numbers of a shared file are the application's.
        if (!isShared) {
          yield* connection.executeRaw(`PRAGMA application_id = ${SqliteFile.applicationId}`, [])
          yield* WriteAheadLog.noteCopy(connection)
        }
        yield* migrate(connection, dialect)
      })
    )
  ).pipe(
    Effect.catchIf(
      (error) => codeOf(error) === "EEXIST",
      () => Effect.void
    )
  )

/** A connection that only reads. */
export const reader = (filename: string): Effect.Effect<Connection, unknown, Scope.Scope> =>
  Effect.map(open(filename, { readonly: true, durability: "full" }), ([, connection]) => connection)

export interface Found {
  /** See `WriteAheadLog.isCopy`. */
  readonly isCopy: boolean
  /** Whether the file is the application's own. */
  readonly isShared: boolean
  /** Steps of migrations that it lacks. */
  readonly pending: number
}

/** The names of all that is in the file, its own included. */
const namesIn = (connection: Connection): Effect.Effect<ReadonlySet<string>, SqlError> =>
  Effect.map(
    SqliteLock.retryWhileBusy()(connection.executeValues("SELECT name FROM sqlite_master", [])),
    (rows) => new Set(rows.map(([name]) => String(name)))
  )

/**
 * Looks for the tables in a file, which is Daybook's own or another program's. Without a prefix nothing is made in a file of
 * another program, but a log that is there is found.
 */
const findTables = (filename: string, mode: Mode, prefix: string | undefined, isShared: boolean, dialect: Dialect) =>
  Effect.gen(function* () {
    if (!isShared && prefix === undefined) return true
    const names = yield* Effect.scoped(Effect.flatMap(reader(filename), namesIn))
    if (prefix === undefined && OwnTables.prefixesIn(names).length === 0) return yield* Effect.fail<Problem>("foreign")
    const found = OwnTables.find(names, dialect, isShared && prefix !== undefined && mode === "create")
    if (typeof found === "boolean") return found
    const cause = new Error(found.detail)
    return yield* new DatabaseError({ filename, problem: found.problem, cause })
  })

/** Fails unless the path leads to a database that this program may use. Changes nothing but to make a missing one. */
export const check = (
  filename: string,
  mode: Mode,
  prefix: string | undefined,
  dialect: Dialect
): Effect.Effect<Found, unknown> =>
  Effect.gen(function* () {
    if (!SqliteFile.stat(dirname(filename))?.isDirectory()) return yield* Effect.fail<Problem>("missingFolder")
    if (SqliteFile.isDangling(filename)) return yield* Effect.fail<Problem>("danglingLink")
    // Looked for before the file itself: a process that makes the file right now has no log before it.
    const strayLog = (SqliteFile.stat(`${filename}-wal`)?.size ?? 0) > 0
    if (SqliteFile.stat(filename) === undefined) {
      // SQLite would play the log of the lost database into the new one.
      if (strayLog) return yield* Effect.fail<Problem>("strayLog")
      if (mode !== "create") return yield* Effect.fail<Problem>("missing")
      if (!SqliteFile.may(dirname(filename), "write")) return yield* Effect.fail<Problem>("readOnly")
      yield* create(filename, dialect, prefix !== undefined)
    }
    const problem = SqliteFile.problemOf(filename, mode !== "readOnly")
    if (problem !== undefined && problem !== "foreign") return yield* Effect.fail(problem)
    const isShared = problem === "foreign"
    const isCopy = !isShared && WriteAheadLog.isCopy(filename)
    if (!isShared) yield* Effect.scoped(WriteAheadLog.check(filename, reader(filename)))
    if (!(yield* findTables(filename, mode, prefix, isShared, dialect))) return { isCopy, isShared, pending: 0 }
    // A client of its own, closed before one that writes could change the file.
    const applied = yield* Effect.scoped(
      Effect.flatMap(reader(filename), (found) => SqliteLock.retryWhileBusy()(readApplied(found, dialect)))
    )
    if (mode === "readOnly" && applied < migrations.length) return yield* Effect.fail<Problem>("older")
    return { isCopy, isShared, pending: migrations.length - applied }
  })

/** Makes or migrates the tables where that is needed. */
export const bringUp = (connection: Connection, dialect: Dialect, { isShared }: Pick<Found, "isShared">) =>
  Effect.gen(function* () {
    const isNew = isShared && !(yield* namesIn(connection)).has(dialect.prefix + TablePrefix.migrationsTable)
    if (isNew || (yield* readApplied(connection, dialect)) < migrations.length) yield* migrate(connection, dialect)
  })
