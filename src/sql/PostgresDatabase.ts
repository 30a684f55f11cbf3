/**
 * `PostgresDatabase` is one PostgreSQL database, opened safely: a connection that writes, a pool that reads, and a
 * connection that hears of the commits of others. A connection that is lost is replaced; no restart is needed.
 */
import { randomUUID } from "node:crypto"
import { Socket } from "node:net"
import type { Duplex } from "node:stream"
import * as Reactivity from "@effect/experimental/Reactivity"
import { SqlClient } from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import type { PgClient } from "@effect/sql-pg/PgClient"
import { Duration, Effect, FiberRef, Layer, PubSub, Queue, Redacted, Schedule, type Scope, Stream } from "effect"
import * as Backoff from "../core/Backoff.ts"
import * as MissingPackage from "../core/MissingPackage.ts"
import { DatabaseError, LogDamaged, type Problem } from "./DatabaseError.ts"
import * as LogStatements from "./LogStatements.ts"
import * as Migrations from "./Migrations.ts"
import * as OwnTables from "./OwnTables.ts"
import * as PostgresAddress from "./PostgresAddress.ts"
import * as PostgresDialect from "./PostgresDialect.ts"
import * as SlowStatements from "./SlowStatements.ts"
import { type Dialect, innermost, SqlDatabase } from "./SqlDatabase.ts"
import * as TablePrefix from "./TablePrefix.ts"

/** How the database is opened, wherever it is. */
export interface PostgresSettings {
  /**
   * `create` (default): makes the tables where they are missing. `existing`: opens them, never makes them. `readOnly`:
   * opens them to read, and never migrates or changes them.
   */
  readonly mode?: "create" | "existing" | "readOnly"
  /**
   * What the names of Daybook's tables begin with, so that they can be beside other tables in their schema, for example
   * `daybook_`. Small letters, digits and underscores, at most 24. Default: nothing.
   */
  readonly prefix?: string
  /** `full` (default): a commit waits for the disk. `normal`: it may be lost with the server, for more speed. */
  readonly durability?: "full" | "normal"
  /** Connections that read. Default 8. */
  readonly maxReaders?: number
  /**
   * Longest that the server works at one statement. Default 30 seconds. A transaction may stand still for a third of it
   * at most. A connection that is silent for a third longer is given up, since the server or the way to it is gone.
   */
  readonly statementTimeout?: Duration.DurationInput
}

/** Where it is, too. */
export interface PostgresOptions extends PostgresSettings {
  /** `postgres://user:password@host:port/database`. The tables are made in the first schema of its search path. */
  readonly url: string
}

/**
 * The oldest release that its makers still maintain, and that the tests were run on, as `server_version_num` says it.
 */
const minVersion = 150_000

/** Longest wait for a connection, whether it is new or in use. */
const connectTimeout = "5 seconds"

/** A number that JavaScript would round is refused: see `Migrations.ts`, whose tables hold none. */
const exact = (text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`the database gave ${text}, which is not an exact number here`)
  return value
}

/**
 * Values are as SQLite gives them: numbers and texts. Of the types that SQLite lacks, booleans stay booleans, and all
 * others are texts.
 */
const parsers = new Map<number, (text: string) => unknown>([
  [16, (text) => text === "t"],
  ...[20, 21, 23].map((int) => [int, exact] as const),
  ...[700, 701].map((float) => [float, Number] as const)
])
const types = { getTypeParser: (type: number) => parsers.get(type) ?? ((text: string) => text) }

interface ConnectOptions {
  readonly maxConnections: number
  readonly silenceMs?: number
}

const connect = (
  { ssl, stream, url }: PostgresAddress.PostgresAddress,
  { maxConnections, silenceMs = 0 }: ConnectOptions
): Effect.Effect<PgClient, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const driver = yield* Effect.promise(() => import("@effect/sql-pg/PgClient"))
    const sockets = new Set<Duplex>()
    let isOpen = true
    // The driver loses a connection that is still being made when its scope closes, and that would hold the process.
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isOpen = false
        for (const socket of sockets) socket.destroy()
      })
    )
    return yield* driver.make({
      url: Redacted.make(url),
      applicationName: "daybook",
      connectTimeout,
      maxConnections,
      types,
      ...(ssl !== undefined && { ssl }),
      stream: () => {
        const socket = stream()
        if (isOpen) sockets.add(socket)
        socket.once("close", () => sockets.delete(socket))
        if (!(socket instanceof Socket)) return socket
        if (!isOpen) socket.unref()
        socket.setKeepAlive(true, 10_000)
        socket.setTimeout(silenceMs, () => {
          socket.destroy(Object.assign(new Error("the server is silent"), { code: "ETIMEDOUT" }))
        })
        return socket
      }
    })
  }).pipe(Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make), Effect.catchAllDefect(Effect.fail))

/** A separate connection. The driver would lose one for ever if its caller were interrupted while it connects. */
const reserve = (client: PgClient) => Effect.uninterruptible(client.reserve)

/** How often a connection that listens is tried, and how long it may take to hear of it. */
const beatInterval = "3 seconds"
const beatTimeout = "1 second"

/**
 * Runs `wake` after each commit of another process, and whenever one may have been missed. The driver says nothing when
 * the connection that listens is lost, so it sends itself notifications, and where it does not hear them a new one
 * takes its place.
 */
const listen = (address: PostgresAddress.PostgresAddress, sender: string, wake: Effect.Effect<unknown>) =>
  Effect.gen(function* () {
    // The second is for the driver, which cancels an interrupted query through a connection of the same pool: with only
    // one it would wait for itself, and closing the database would wait for it.
    const client = yield* connect(address, { maxConnections: 2 })
    const heard = yield* Queue.sliding<void>(1)
    const beat = client.unsafe("SELECT pg_notify($1, $2)", [PostgresDialect.channel, sender]).pipe(
      Effect.zipRight(Effect.timeoutFail(heard, { duration: beatTimeout, onTimeout: () => "the server is not heard" })),
      // The first may come before anybody listens.
      Effect.retry(Schedule.recurs(2))
    )
    const beats = beat.pipe(Effect.zipRight(wake), Effect.zipRight(Effect.forever(Effect.delay(beat, beatInterval))))
    const hear = Stream.runForEach(client.listen(PostgresDialect.channel), (from) =>
      from === sender ? heard.offer(undefined) : wake
    )
    yield* Effect.raceFirst(hear, beats)
  }).pipe(Effect.scoped, Effect.sandbox, Effect.retry(Backoff.schedule({ least: 100, most: 5_000 })))

/** What kept the database from being opened. */
const problemOf = (cause: unknown): Problem => {
  if (MissingPackage.nameOf(cause) !== undefined) return "noDriver"
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
  if (code === "3D000") return "missing"
  if (code === "42501" || code.startsWith("28")) return "noAccess"
  // Only the making of the tables asks for it here.
  if (code === "25006") return "standby"
  // Tables of these names that are not ours.
  if (code === "42703" || code === "42P07") return "foreign"
  return "unreachable"
}

const check = (connection: Connection, durability: "full" | "normal") =>
  Effect.gen(function* () {
    const [row] = yield* connection.executeValues(
      `SELECT current_setting('server_encoding'), current_setting('fsync'), current_setting('synchronous_commit'),
        current_setting('server_version_num')`,
      []
    )
    const [encoding, fsync, synchronousCommit, version] = row ?? []
    if (Number(version) < minVersion) return yield* Effect.fail<Problem>("oldServer")
    if (encoding !== "UTF8") return yield* Effect.fail<Problem>("notUtf8")
    if (durability === "normal") return "off"
    if (fsync !== "on") return yield* Effect.fail<Problem>("fsyncOff")
    return synchronousCommit === "off" ? "on" : null
  })

/** Names of this schema that Daybook's tables have, or would take: of tables and views, and of functions. */
const namesIn = (connection: Connection): Effect.Effect<ReadonlySet<string>, SqlError> =>
  Effect.map(
    connection.executeValues(
      `SELECT c.relname::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = current_schema()
       UNION SELECT p.proname::text FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
         WHERE n.nspname = current_schema()`,
      []
    ),
    (rows) => new Set(rows.map(([name]) => String(name)))
  )

/** How many steps made the tables; 0 where there are none, and where they may be made. */
const readApplied = (
  connection: Connection,
  known: ReadonlyArray<Migrations.Migration>,
  dialect: Dialect,
  filename: string,
  { mode = "create", prefix }: PostgresSettings
) =>
  Effect.gen(function* () {
    const table = `${dialect.prefix}${TablePrefix.migrationsTable}`
    const [row] = yield* connection.executeValues(`SELECT to_regclass('${table}') IS NULL`, [])
    if (row?.[0] === true) {
      const found = OwnTables.find(yield* namesIn(connection), dialect, prefix === undefined || mode === "create")
      if (typeof found === "boolean") return 0
      const problem = prefix === undefined && found.problem === "taken" ? "foreign" : found.problem
      return yield* new DatabaseError({ filename, problem, cause: new Error(found.detail) })
    }
    const applied = (yield* connection.executeValues(Migrations.selectApplied, [])).map(Migrations.toApplied)
    const problem = Migrations.problemOf(applied, known)
    return problem === undefined ? applied.length : yield* Effect.fail(problem)
  })

/**
 * Makes what is missing, once, however many processes begin at the same moment. On a connection of its own: a step that
 * fills new tables or an index takes as long as the log is large, and the server says nothing meanwhile.
 */
const migrate = (connection: Connection, dialect: Dialect) =>
  Effect.gen(function* () {
    yield* dialect.begin(connection, "30 seconds")
    yield* connection.executeRaw(
      "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
      []
    )
    yield* Effect.tapError(Migrations.apply(connection, dialect), () => dialect.rollBack(connection))
    yield* dialect.commit(connection, false)
  })

/**
 * Which database, which schema statements without one mean, and which start of the server; in the same words in every
 * session.
 */
const place = ["current_database()", "coalesce(current_schema(), '')", "extract(epoch FROM pg_postmaster_start_time())"]

/**
 * Whether a client of the application comes to the same place, since it may have settings that it does not show. Only
 * whether there is a row is looked at, not the values in it, which the client may read in its own way.
 */
const isSamePlace = (connection: Connection, client: SqlClient) =>
  Effect.gen(function* () {
    const [ours = []] = yield* connection.executeValues(`SELECT ${place.map((each) => `${each}::text`).join(", ")}`, [])
    const same = place.map((each, index) => `${each}::text = $${index + 1}`).join(" AND ")
    return (yield* client.unsafe(`SELECT 1 WHERE ${same}`, ours).values).length === 1
  })

const make = (address: PostgresAddress.PostgresAddress, options: PostgresSettings, client?: SqlClient) => {
  const { durability = "full", maxReaders = 8, mode = "create", prefix = "", statementTimeout = "30 seconds" } = options
  const filename = PostgresAddress.nameOf(address)
  const statementTimeoutMs = Math.max(1, Math.round(Duration.toMillis(statementTimeout)))
  const silenceMs = Math.round((statementTimeoutMs * 4) / 3)

  return Effect.gen(function* () {
    const reading = PostgresAddress.toRead(address, statementTimeoutMs)
    const readClient = yield* connect(reading, { maxConnections: maxReaders, silenceMs })

    if (!TablePrefix.isPrefix(prefix)) return yield* Effect.fail<Problem>("badPrefix")
    const sender = randomUUID().replaceAll("-", "")
    const synchronousCommit = yield* Effect.scoped(
      Effect.flatMap(reserve(readClient), (connection) =>
        Effect.gen(function* () {
          if (client !== undefined && !(yield* isSamePlace(connection, client))) {
            return yield* Effect.fail<Problem>("elsewhere")
          }
          return yield* check(connection, durability)
        })
      )
    )
    const dialect = PostgresDialect.make({ prefix, sender, statementTimeoutMs, synchronousCommit })
    const steps = Migrations.migrationsOf(dialect)
    const migrated = yield* Effect.scoped(
      Effect.gen(function* () {
        const connection = dialect.own(dialect.adapt(yield* reserve(readClient)))
        const applied = yield* readApplied(connection, steps, dialect, filename, options)
        if (applied === 0 && mode !== "create") return yield* Effect.fail<Problem>("missing")
        if (applied === steps.length) return 0
        if (mode === "readOnly") return yield* Effect.fail<Problem>("older")
        const patient = yield* connect(address, { maxConnections: 1 })
        yield* migrate(dialect.own(dialect.adapt(yield* reserve(patient))), dialect)
        return applied === 0 ? 0 : steps.length - applied
      })
    )
    // One connection writes, one exchanges models, and one tells the server to stop a statement that nothing waits for.
    const writeClient = mode === "readOnly" ? null : yield* connect(address, { maxConnections: 3, silenceMs })

    const commits = yield* PubSub.sliding<void>(1)
    // Begun when the first reader asks: most verbs are done before a connection would be there.
    const scope = yield* Effect.scope
    const listening = yield* Effect.once(Effect.forkIn(listen(address, sender, commits.publish()), scope))

    const snapshot = yield* FiberRef.make<Connection | undefined>(undefined)
    const run = (sql: string, params: ReadonlyArray<unknown>) =>
      Effect.flatMap(FiberRef.get(snapshot), (within) =>
        within === undefined
          ? Effect.scoped(
              Effect.flatMap(reserve(readClient), (connection) => dialect.adapt(connection).executeValues(sql, params))
            )
          : within.executeValues(sql, params)
      )

    const query: SqlDatabase["Type"]["query"] = (sql, params) =>
      SlowStatements.query(SlowStatements.defaultLimitMs, sql, run(sql, params))

    return SqlDatabase.of({
      name: filename,
      dialect,
      log: LogStatements.statements(dialect),
      migrated,
      writeClient,
      readClient,
      clients: [readClient, writeClient, client].filter((each) => each !== null && each !== undefined),
      query,
      read: (sql, params) => query(dialect.rename(sql), params),
      readWithin: (reads) =>
        Effect.scoped(
          Effect.gen(function* () {
            const connection = dialect.adapt(yield* reserve(readClient))
            yield* Effect.acquireRelease(
              connection.executeRaw("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", []),
              () => Effect.ignore(connection.executeRaw("ROLLBACK", []))
            )
            return yield* Effect.locally(reads, snapshot, connection)
          })
        ),
      // Found when it was opened, and part of each transaction.
      assertDurable: () => Effect.void,
      commitsElsewhere: Stream.unwrapScoped(Effect.zipLeft(Stream.fromPubSub(commits, { scoped: true }), listening)),
      backup: () => Effect.fail(new Error("PostgreSQL has its own: use pg_dump or pg_basebackup"))
    })
  }).pipe(
    Effect.catchAllDefect(Effect.fail),
    Effect.mapError((error) => {
      if (error instanceof DatabaseError) return error
      if (error instanceof LogDamaged) return new DatabaseError({ filename, problem: "unmigrated", cause: error })
      if (typeof error === "string") return new DatabaseError({ filename, problem: error as Problem })
      const cause = innermost(error)
      return new DatabaseError({ filename, problem: problemOf(cause), cause })
    })
  )
}

/** Opens the database, and makes or migrates its tables where the mode lets it. */
export const layer = (options: PostgresOptions): Layer.Layer<SqlDatabase, DatabaseError> =>
  Layer.scoped(SqlDatabase, make(PostgresAddress.ofUrl(options.url), options))

/**
 * Opens the database that the application's own `PgClient` leads to, through connections of its own that are made as
 * that one's are: same server, user, password and encryption. The client is asked once where it is, and is not used
 * otherwise.
 */
export const layerFromClient = (options: PostgresSettings = {}): Layer.Layer<SqlDatabase, DatabaseError, SqlClient> =>
  Layer.scoped(
    SqlDatabase,
    Effect.flatMap(SqlClient, (client) => {
      const address = PostgresAddress.ofClient(client)
      return address === undefined
        ? new DatabaseError({ filename: "the database of the SqlClient", problem: "notPostgres" })
        : make(address, options, client)
    })
  )
