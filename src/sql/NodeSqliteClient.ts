/**
 * `NodeSqliteClient` is a `SqlClient` over `node:sqlite`, for Deno, where better-sqlite3 does not load. It keeps to what
 * `@effect/sql-sqlite-node` does, error codes included, so that nobody above can tell which of the two is there. It goes
 * when the driver of Effect 4, which sits on `node:sqlite` too, takes its place.
 */
/// <reference path="./node-sqlite.d.ts" />
import { backup, DatabaseSync, type StatementSync } from "node:sqlite"
import type { Reactivity } from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import { Context, Effect, Scope } from "effect"
import { StatementCache } from "./StatementCache.ts"

export interface NodeSqliteOptions {
  readonly filename: string
  readonly readonly: boolean
  readonly disableWAL: boolean
  /** Statements that are kept prepared. */
  readonly prepareCacheSize: number
}

/** better-sqlite3's default. It serves the opening; the settings of a connection come after. */
const timeoutMs = 5_000

/** Pages to copy in one step: more than there can be. */
const wholeDatabase = 2 ** 31 - 1

/** SQLite's primary result codes, by their number: https://www.sqlite.org/rescode.html */
const codes = (
  "OK ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL CANTOPEN PROTOCOL " +
  "EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB"
).split(" ")

/** Gives an error the `code` that better-sqlite3 would give it. The low byte of the number is the primary code. */
const named = (error: unknown): unknown =>
  error instanceof Error && "errcode" in error
    ? Object.assign(error, { code: `SQLITE_${codes[Number(error.errcode) & 0xff]}` })
    : error

const attempt = <A>(message: string, work: () => A): Effect.Effect<A, SqlError> =>
  Effect.try({ try: work, catch: (cause) => new SqlError({ cause: named(cause), message }) })

interface Prepared {
  readonly statement: StatementSync
  /** Whether it answers with rows. */
  readonly reads: boolean
}

const connect = (database: DatabaseSync, prepareCacheSize: number): Connection => {
  const prepared = new StatementCache(prepareCacheSize, (sql): Prepared => {
    const statement = database.prepare(sql)
    return { statement, reads: statement.columns().length > 0 }
  })
  // What is set on a statement stays, so each run sets both.
  const run = (sql: string, params: ReadonlyArray<unknown>, as: "rows" | "values" | "raw") =>
    // biome-ignore lint/suspicious/noExplicitAny: rows are as the statement says.
    Effect.withFiberRuntime<any, SqlError>((fiber) =>
      attempt("Failed to execute statement", () => {
        const { reads, statement } = prepared.get(sql)
        if (!reads) {
          const result = statement.run(...params)
          return as === "raw" ? result : []
        }
        statement.setReadBigInts(Context.get(fiber.currentContext, SqlClient.SafeIntegers))
        statement.setReturnArrays(as === "values")
        return statement.all(...params)
      })
    )
  const execute: Connection["execute"] = (sql, params, transformRows) =>
    transformRows ? Effect.map(run(sql, params, "rows"), transformRows) : run(sql, params, "rows")
  return {
    execute,
    executeRaw: (sql, params) => run(sql, params, "raw"),
    executeValues: (sql, params) => run(sql, params, "values"),
    executeUnprepared: execute,
    executeStream: () => Effect.dieMessage("executeStream not implemented")
  }
}

export interface NodeSqliteClient extends SqlClient.SqlClient {
  /**
   * Copies the database into a new file, since Deno lets `VACUUM INTO` to a program with all permissions only. In one step
   * that holds the process: of several, each write of another process would begin the copy anew.
   */
  readonly copyInto: (filename: string) => Effect.Effect<void, SqlError>
}

/** Dies when the file cannot be opened, as the other driver does. */
export const make = (options: NodeSqliteOptions): Effect.Effect<NodeSqliteClient, never, Scope.Scope | Reactivity> =>
  Effect.gen(function* () {
    const database = yield* Effect.acquireRelease(
      Effect.sync(() => new DatabaseSync(options.filename, { readOnly: options.readonly, timeout: timeoutMs })),
      (database) => Effect.sync(() => database.close())
    )
    const connection = connect(database, options.prepareCacheSize)
    if (!options.disableWAL) yield* Effect.orDie(connection.executeRaw("PRAGMA journal_mode = WAL", []))
    const semaphore = yield* Effect.makeSemaphore(1)
    const client = yield* SqlClient.make({
      compiler: Statement.makeCompilerSqlite(),
      // The permit is given back at once: the statement that follows is done before another fiber runs.
      acquirer: semaphore.withPermits(1)(Effect.succeed(connection)),
      transactionAcquirer: Effect.uninterruptibleMask((restore) =>
        restore(semaphore.take(1)).pipe(
          Effect.zipRight(Effect.flatMap(Effect.scope, (scope) => Scope.addFinalizer(scope, semaphore.release(1)))),
          Effect.as(connection)
        )
      ),
      spanAttributes: [["db.system.name", "sqlite"]]
    })
    const copy = (filename: string) =>
      Effect.tryPromise({
        try: () => backup(database, filename, { rate: wholeDatabase }),
        catch: (cause) => new SqlError({ cause: named(cause), message: "Failed to copy the database" })
      })
    return Object.assign(client, {
      // Reserved, so that no transaction is open in what is copied.
      copyInto: (filename: string) => Effect.scoped(Effect.zipRight(client.reserve, copy(filename)))
    })
  })
