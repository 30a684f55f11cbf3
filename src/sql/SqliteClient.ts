/**
 * `SqliteClient` is a `SqlClient` over a `SqliteDriver`: one connection, with a statement that costs its own time and
 * little more. It takes the place of Effect's own client for SQLite, whose look-up of a prepared statement costs
 * several times as much as the statement of a small command, and which does not give access to its driver: `directly`
 * does, for code that writes many rows.
 */
import type { Reactivity } from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import { Context, Effect, Exit, Predicate, Scope } from "effect"
import type { PreparedStatement, SqliteDriver, SqliteHandle } from "./SqliteDriver.ts"
import { StatementCache } from "./StatementCache.ts"

export interface SqliteClientOptions {
  readonly filename: string
  readonly readonly: boolean
  /** Statements that are kept prepared. */
  readonly prepareCacheSize: number
}

export interface SqliteClient extends SqlClient.SqlClient {
  /** Copies the whole database into a new file. */
  readonly copyInto: (filename: string) => Effect.Effect<void, SqlError>
}

/** Returns the prepared statement of a text. */
export type Prepare = (sql: string) => PreparedStatement

interface SqliteConnection extends Connection {
  readonly directly: <A>(work: (prepare: Prepare) => A) => Effect.Effect<A, SqlError>
}

const failed = (cause: unknown) => Exit.fail(new SqlError({ cause, message: "Failed to execute statement" }))

const connect = (handle: SqliteHandle, prepareCacheSize: number): SqliteConnection => {
  const prepared = new StatementCache(prepareCacheSize, handle.prepare)
  const prepare: Prepare = (sql) => prepared.get(sql)
  const run = (sql: string, params: ReadonlyArray<unknown>, as: "rows" | "values" | "raw") =>
    // biome-ignore lint/suspicious/noExplicitAny: rows are as the statement says.
    Effect.withFiberRuntime<any, SqlError>((fiber) => {
      try {
        const statement = prepare(sql)
        if (!statement.reads) {
          const result = statement.run(params)
          return Exit.succeed(as === "raw" ? result : [])
        }
        const exact = Context.get(fiber.currentContext, SqlClient.SafeIntegers)
        return Exit.succeed(as === "values" ? statement.values(params, exact) : statement.rows(params, exact))
      } catch (cause) {
        return failed(cause)
      }
    })
  const execute: Connection["execute"] = (sql, params, transformRows) =>
    transformRows ? Effect.map(run(sql, params, "rows"), transformRows) : run(sql, params, "rows")
  return {
    execute,
    executeRaw: (sql, params) => run(sql, params, "raw"),
    executeValues: (sql, params) => run(sql, params, "values"),
    executeUnprepared: execute,
    executeStream: () => Effect.dieMessage("executeStream not implemented"),
    directly: (work) =>
      Effect.suspend(() => {
        try {
          return Exit.succeed(work(prepare))
        } catch (cause) {
          return failed(cause)
        }
      })
  }
}

const isDirect = (connection: Connection): connection is SqliteConnection =>
  Predicate.hasProperty(connection, "directly")

/**
 * Runs statements of a connection one after the other with no step of a fiber in between, so it holds the process until
 * they are done. What they throw is the error, except for a connection of another client, which dies.
 */
export const directly = <A>(connection: Connection, work: (prepare: Prepare) => A): Effect.Effect<A, SqlError> =>
  isDirect(connection) ? connection.directly(work) : Effect.dieMessage("the connection is not one of SqliteClient")

/** Dies when the file cannot be opened. */
export const make = (
  driver: SqliteDriver,
  { filename, prepareCacheSize, readonly }: SqliteClientOptions
): Effect.Effect<SqliteClient, never, Scope.Scope | Reactivity> =>
  Effect.gen(function* () {
    const handle = yield* Effect.acquireRelease(
      Effect.sync(() => driver.open(filename, { readonly })),
      (handle) => Effect.sync(() => handle.close())
    )
    const connection = connect(handle, prepareCacheSize)
    if (!readonly) yield* Effect.orDie(connection.executeRaw("PRAGMA journal_mode = WAL", []))
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
    const copy = (target: string) => {
      const { copyInto } = handle
      return copyInto === undefined
        ? Effect.asVoid(connection.executeRaw("VACUUM INTO ?", [target]))
        : Effect.tryPromise({
            try: () => copyInto(target),
            catch: (cause) => new SqlError({ cause, message: "Failed to copy the database" })
          })
    }
    return Object.assign(client, {
      // Reserved, so that no transaction is open in what is copied.
      copyInto: (target: string) => Effect.scoped(Effect.zipRight(client.reserve, Effect.asVoid(copy(target))))
    })
  })
