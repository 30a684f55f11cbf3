/**
 * What only PostgreSQL can do wrong: the order of the log, connections that are lost, and other programs in its tables.
 */
import { createServer, connect as dial, type Socket } from "node:net"
import type { SqlClient } from "@effect/sql/SqlClient"
import { Deferred, Effect, Either, Exit, Fiber, Layer, Logger, Queue, Schedule, type Scope, Stream } from "effect"
import { assert, describe, it } from "vitest"
import { EventStore } from "../../src/core/EventStore.ts"
import { SnapshotStore } from "../../src/core/SnapshotStore.ts"
import { StreamId } from "../../src/core/StreamId.ts"
import * as PostgresDatabase from "../../src/sql/PostgresDatabase.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import * as ReadTransaction from "../../src/sql/ReadTransaction.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import * as SqlEventStore from "../../src/sql/SqlEventStore.ts"
import * as SqlSnapshotStore from "../../src/sql/SqlSnapshotStore.ts"
import * as UnverifiedLog from "../../src/sql/UnverifiedLog.ts"
import { Writer } from "../../src/sql/Writer.ts"
import * as PostgresServer from "../PostgresServer.ts"
import { append, log } from "./Log.ts"
import { client, postgresStore, schema } from "./Postgres.ts"

/** The cases provoke faults that are logged. */
const quiet = Logger.remove(Logger.defaultLogger)
const run = (test: Effect.Effect<void, unknown, Scope.Scope>) => () =>
  Effect.runPromise(Effect.provide(Effect.scoped(test), quiet))
const onStore = (test: Effect.Effect<void, unknown, EventStore | SqlDatabase | Writer | Scope.Scope>) =>
  run(Effect.provide(test, postgresStore()))
const onUrl = (test: (url: string) => Effect.Effect<void, unknown, Scope.Scope>) => run(Effect.flatMap(schema, test))

/** Looks again until the query gives a row. */
const until = (sql: SqlClient, query: string) =>
  Effect.repeat(sql.unsafe(query), { until: (rows) => rows.length > 0, schedule: Schedule.spaced("10 millis") })

const commandIds = Effect.map(log, (events) => events.map(({ commandId }) => commandId))

/** An event of a stream by its number; the entry that it names is another's. */
const event = (position: string, version: number, stream = 1) =>
  `INTO log_events VALUES (${position}, ${stream}, ${version}, 1, 1, 0, 1, '', '', '{}')`
const entry = (sequence: number, commandId: string) =>
  `INTO log_entries (sequence, rule, kind, command_id, answer_version, version, position, events, recorded_at, hash, answer)
   VALUES (${sequence}, 1, 1, '${commandId}', 1, 1, 1, 0, 0, '', '')`
/** Sessions that have the lock of this schema, or wait for it. */
const held = (granted: boolean) =>
  `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted = ${granted} AND classid = 1147238754
   AND objid = current_schema()::regnamespace::oid`
const lock = "SELECT pg_advisory_xact_lock(1147238754, current_schema()::regnamespace::oid::int4)"

const stored = Effect.all([log, Effect.flatMap(EventStore, (store) => store.readJournal(0))])

describe("the names that PostgreSQL makes by itself", () => {
  it(
    "a view that lost the race for one is not a mistake of its query: the next attempt finds another name",
    onUrl((url) =>
      Effect.gen(function* () {
        const { dialect } = yield* Effect.provide(SqlDatabase, PostgresDatabase.layer({ url }))
        const [one, other, watcher] = yield* Effect.all([client(url), client(url), client(url)])
        // The server makes the array type of both, and cuts its name after the 62nd letter.
        const create = (last: string) => `CREATE VIEW ${"n".repeat(62)}${last} AS SELECT 1 AS one`
        const first = yield* one.reserve
        yield* first.executeRaw(`BEGIN; ${create("a")}`, [])
        const second = yield* Effect.fork(Effect.flip(other.unsafe(create("b"))))
        yield* until(
          watcher,
          "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE VIEW nnn%b AS%' AND wait_event_type = 'Lock'"
        )
        yield* first.executeRaw("COMMIT", [])
        assert.isFalse(dialect.isMistake(yield* Fiber.join(second)))
        yield* other.unsafe(create("b"))
      })
    )
  )
})

describe("the tables on PostgreSQL", () => {
  for (const [what, statement] of Object.entries({
    "an event is changed": "UPDATE log_events SET data = '{}'",
    "an event is deleted": "DELETE FROM log_events WHERE position = 1",
    "the events are emptied": "TRUNCATE log_events",
    "an event is replaced by position": `INSERT ${event("1", 3)} ON CONFLICT (position) DO UPDATE SET data = 'x'`,
    "an event is replaced by version": `INSERT ${event("3", 1)} ON CONFLICT (stream, version) DO UPDATE SET data = 'x'`,
    "a version is taken twice": `INSERT ${event("3", 2)}`,
    "a version is left out": `INSERT ${event("3", 4)}`,
    "a position is before the last": `INSERT ${event("0", 1, 9)}`,
    "a number would be rounded": `INSERT ${event("9007199254740993", 1, 9)}`,
    "an entry is changed": "UPDATE log_entries SET answer = ''",
    "an entry is deleted": "DELETE FROM log_entries",
    "the entries are emptied": "TRUNCATE log_entries",
    "an entry is stored twice": `INSERT ${entry(2, "c-3")}`,
    "an entry leaves out a sequence": `INSERT ${entry(4, "c-3")}`,
    "an entry is before the first": `INSERT ${entry(0, "c-3")}`,
    "a command is stored twice": `INSERT ${entry(3, "c-1")}`,
    "a stream gets another name": "UPDATE log_streams SET stream_id = 'b'",
    "a name is changed": "UPDATE log_names SET name = 'b'",
    "the log gets another id": "UPDATE log_identity SET log_id = ''",
    "the epoch goes back": "UPDATE log_identity SET epoch = 0",
    "the identity is deleted": "DELETE FROM log_identity",
    "the identity is emptied": "TRUNCATE log_identity"
  })) {
    it(
      `refuse when ${what} (ES23 ES34)`,
      onUrl((url) =>
        Effect.gen(function* () {
          yield* append("a", "c-1")
          yield* append("a", "c-2")
          const before = yield* stored
          const sql = yield* client(url)
          const error = yield* Effect.flip(sql.unsafe(statement))
          assert.match(
            String(error.cause),
            /never changed|next version|next sequence|unique constraint|check constraint/
          )
          assert.deepStrictEqual(yield* stored, before)
        }).pipe(Effect.provide(PostgresStore.layer({ url })))
      )
    )
  }

  it(
    "the statements seek their rows and scan no table, so that their cost does not grow with the log",
    onStore(
      Effect.gen(function* () {
        const database = yield* SqlDatabase
        const writer = yield* Writer
        for (const statement of [
          "INSERT INTO log_streams SELECT n, 's-' || n FROM generate_series(1, 10000) AS n",
          "INSERT INTO log_names VALUES (1, 'Noted')",
          `INSERT INTO log_entries (sequence, rule, kind, command_id, stream, answer_version, version, position, events,
             recorded_at, hash, answer)
           SELECT n, 1, 1, 'c-' || n, 1 + n % 100, 1, 1 + (n - 1) / 100, n, 1, 0, '', '' FROM generate_series(1, 10000) AS n`,
          `INSERT INTO log_events SELECT n, 1 + n % 100, 1 + (n - 1) / 100, 1, 1, 0, n, '', '', '{}'
           FROM generate_series(1, 10000) AS n`
        ]) {
          yield* writer.transact((connection) => connection.executeRaw(statement, []))
        }
        yield* writer.transact((connection) => connection.executeRaw("ANALYZE", []))
        const statements: Array<readonly [sql: string, params: ReadonlyArray<unknown>]> = []
        const spy = (sql: string, params: ReadonlyArray<unknown>) => {
          statements.push([sql, params])
          return database.read(sql, params)
        }
        yield* Effect.gen(function* () {
          const [store, snapshots, streamId] = [yield* EventStore, yield* SnapshotStore, StreamId.make("s-1")]
          yield* store.listStreams({ prefix: "s", after: "s", limit: 10 })
          // Damaged, since these rows have no hashes.
          yield* Effect.exit(store.readStream(streamId))
          yield* UnverifiedLog.readStream(streamId)
          yield* UnverifiedLog.readStream(streamId, { direction: "backwards" })
          yield* UnverifiedLog.readAll(5, 10)
          yield* store.head(streamId)
          yield* store.lastPosition
          yield* snapshots.load(streamId)
          yield* store.readJournal(5, 10)
          yield* store.lastEntry(streamId)
          yield* store.journalHead
        }).pipe(
          Effect.provide(Layer.merge(SqlEventStore.layer, SqlSnapshotStore.layer)),
          Effect.provideService(SqlDatabase, { ...database, read: spy })
        )
        const connection = { executeValues: spy } as never
        yield* database.log.selectKnown(connection, { streamIds: ["s-1"], names: ["Noted"] })
        yield* database.log.selectCommands(connection, ["c-1"])
        yield* database.log.selectEnd(connection, undefined)
        assert.strictEqual(statements.length, 16)
        for (const [sql, params] of statements) {
          const plan = yield* database.read(`EXPLAIN ${sql}`, params)
          assert.isEmpty(
            plan.filter(([step]) => /Seq Scan on log_(events|entries|streams)/.test(String(step))),
            `${sql}\n${plan.join("\n")}`
          )
        }
      })
    )
  )
})

describe("the values of PostgreSQL", () => {
  it(
    "are the numbers and texts that SQLite gives, and one that JavaScript would round is an error (ES23)",
    onStore(
      Effect.gen(function* () {
        const { read } = yield* SqlDatabase
        assert.deepStrictEqual(
          yield* read("SELECT 9007199254740991, 1.5::float8, 'x', true, NULL, '{\"a\": 1}'::json", []),
          [[9007199254740991, 1.5, "x", true, null, '{"a": 1}']]
        )
        assert.match(String((yield* Effect.flip(read("SELECT 9007199254740993", []))).cause), /not an exact number/)
      })
    )
  )
})

describe("the order of the log on PostgreSQL", () => {
  for (const end of ["COMMIT", "ROLLBACK"]) {
    it(
      `nothing after a position is read before the one who holds it does ${end} (ES19)`,
      onUrl((url) =>
        Effect.gen(function* () {
          const sql = yield* client(url)
          const other = yield* sql.reserve
          yield* other.executeRaw("BEGIN", [])
          yield* other.executeRaw(lock, [])
          yield* other.executeRaw("INSERT INTO log_streams VALUES (9, 'other')", [])
          yield* other.executeRaw(`INSERT ${event("1", 1, 9)}`, [])
          const late = yield* Effect.fork(append("a", "late"))
          yield* until(sql, held(false))
          assert.deepStrictEqual(yield* UnverifiedLog.readAll(0), { events: [], more: false })
          yield* other.executeRaw(end, [])
          yield* Fiber.join(late)
          assert.deepStrictEqual(
            (yield* UnverifiedLog.readAll(0)).events.map(({ position, streamId }) => [position, streamId]),
            end === "COMMIT"
              ? [
                  [1, "other"],
                  [2, "a"]
                ]
              : [[1, "a"]]
          )
        }).pipe(Effect.provide(PostgresStore.layer({ url })))
      )
    )
  }

  it(
    "who comes to the same tables on another search path waits for the same lock (ES19)",
    onUrl((url) =>
      Effect.gen(function* () {
        const sql = yield* client(url)
        const [{ name } = {}] = yield* sql.unsafe<{ readonly name?: string }>("SELECT current_schema() AS name")
        // In the role's own schema, before the shared one: as with the search path "$user", public.
        yield* Effect.acquireRelease(sql.unsafe(`CREATE SCHEMA "${name}_Own"`), () =>
          Effect.orDie(sql.unsafe(`DROP SCHEMA "${name}_Own"`))
        )
        const other = url.replace(/search_path(=|%3D).*/, `search_path$1"${name}_Own",${name}`)
        const writer = yield* Writer
        const gate = yield* Deferred.make<void>()
        const first = yield* Effect.fork(writer.transact(() => Deferred.await(gate)))
        yield* until(sql, held(true))
        const second = yield* Effect.fork(Effect.provide(append("a", "c-1"), PostgresStore.layer({ url: other })))
        const waits = Effect.as(until(sql, held(false)), "waits")
        const what = yield* Effect.raceFirst(waits, Effect.as(Fiber.join(second), "writes")).pipe(
          Effect.ensuring(Deferred.succeed(gate, undefined))
        )
        assert.strictEqual(what, "waits")
        yield* Fiber.join(first)
        yield* Fiber.join(second)
        assert.deepStrictEqual(yield* commandIds, ["c-1"])
      }).pipe(Effect.provide(PostgresStore.layer({ url })))
    )
  )

  it(
    "gaps of rolled-back positions hold no reader up (ES21)",
    onStore(
      Effect.gen(function* () {
        const writer = yield* Writer
        yield* writer.transact((connection) =>
          connection.executeRaw(
            `INSERT INTO log_events SELECT 2 * n, 1, n, 1, 1, 0, n, '', '', '{}'
             FROM generate_series(1, 5000) AS n`,
            []
          )
        )
        const read: Array<number> = []
        for (let more = true; more; ) {
          const page = yield* UnverifiedLog.readAll(read.at(-1) ?? 0)
          read.push(...page.events.map(({ position }) => position))
          more = page.more
        }
        assert.deepStrictEqual(
          read,
          Array.from({ length: 5_000 }, (_, index) => 2 * index + 2)
        )
      })
    )
  )

  it(
    "many reads within one transaction see one state, whatever is written meanwhile",
    onStore(
      Effect.gen(function* () {
        const store = yield* EventStore
        yield* append("a", "c-1")
        yield* ReadTransaction.within(
          Effect.gen(function* () {
            assert.strictEqual(yield* store.lastPosition, 1)
            yield* append("a", "c-2")
            assert.strictEqual(yield* store.lastPosition, 1)
          })
        )
        assert.strictEqual(yield* store.lastPosition, 2)
      })
    )
  )
})

/** Stands between a store and its server. `onCommit` says what becomes of a connection that sends a COMMIT. */
const proxy = (url: string) =>
  Effect.gen(function* () {
    const target = new URL(url)
    let onCommit: "pass" | "cutBefore" | "cutAfter" | "swallow" = "pass"
    const sockets = new Set<Socket>()
    const server = yield* Effect.acquireRelease(
      Effect.async<ReturnType<typeof createServer>>((resume) => {
        const server = createServer((near) => {
          const far = dial(Number(target.port), target.hostname)
          for (const socket of [near, far]) {
            sockets.add(socket)
            socket.on("error", () => {})
          }
          let fate: typeof onCommit = "pass"
          near.on("close", () => far.destroy())
          // Nothing reports a network that is gone.
          far.on("close", () => fate === "swallow" || near.destroy())
          near.on("data", (bytes) => {
            if (bytes.includes("COMMIT\0")) fate = onCommit
            if (fate === "cutBefore") near.destroy()
            else if (fate !== "swallow") far.write(bytes)
          })
          far.on("data", (bytes) => {
            if (fate === "cutAfter") near.destroy()
            else near.write(bytes)
          })
        }).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.sync(() => {
          for (const socket of sockets) socket.destroy()
          server.close()
        })
    )
    const address = server.address()
    assert.isObject(address)
    const near = new URL(url)
    near.host = `127.0.0.1:${(address as { port: number }).port}`
    return {
      url: near.href,
      onCommit: (fate: typeof onCommit) =>
        Effect.sync(() => {
          onCommit = fate
        })
    }
  })

describe("lost connections to PostgreSQL", () => {
  for (const [fate, stored] of [
    ["cutAfter", "StoredBefore"],
    ["cutBefore", "Stored"],
    ["swallow", "Stored"]
  ] as const) {
    it(
      `a commit whose answer is lost (${fate}) is of unknown outcome, and the same command id resolves it`,
      onUrl((url) =>
        Effect.gen(function* () {
          const between = yield* proxy(url)
          yield* Effect.gen(function* () {
            yield* append("a", "c-1")
            yield* between.onCommit(fate)
            assert.strictEqual((yield* Effect.flip(append("a", "c-2")))._tag, "OutcomeUnknown")
            yield* between.onCommit("pass")
            const again = yield* append("a", "c-2")
            assert.strictEqual(again._tag, stored)
            yield* append("a", "c-3")
            assert.deepStrictEqual(yield* commandIds, ["c-1", "c-2", "c-3"])
          }).pipe(Effect.provide(PostgresStore.layer({ url: between.url, statementTimeout: "3 seconds" })))
        })
      )
    )
  }

  it(
    "a statement that takes too long, or whose connection is ended, fails its call, and the next one is served",
    onUrl((url) =>
      Effect.gen(function* () {
        const writer = yield* Writer
        for (const statement of ["SELECT pg_sleep(600)", "SELECT pg_terminate_backend(pg_backend_pid())"]) {
          const error = yield* Effect.flip(writer.transact((connection) => connection.executeRaw(statement, [])))
          assert.strictEqual(error._tag, "StoreUnavailable")
          yield* append("a", statement)
        }
        const database = yield* SqlDatabase
        assert.isTrue(Exit.isFailure(yield* Effect.exit(database.read("SELECT pg_sleep(600)", []))))
        assert.strictEqual((yield* commandIds).length, 2)
      }).pipe(Effect.provide(PostgresStore.layer({ url, statementTimeout: "1 second" })))
    )
  )

  it(
    "a process that stands still in its transaction holds the others up no longer than allowed, and writes nothing",
    onUrl((url) =>
      Effect.gen(function* () {
        const writer = yield* Writer
        const [begun, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const still = yield* Effect.fork(
          writer.transact((connection) =>
            Deferred.succeed(begun, undefined).pipe(
              Effect.zipRight(Deferred.await(gate)),
              Effect.zipRight(connection.executeRaw(`INSERT ${event("1", 1)}`, []))
            )
          )
        )
        yield* Deferred.await(begun)
        const other = PostgresStore.layer({ url, lockTimeout: "1 minute", statementTimeout: "1 minute" })
        yield* Effect.provide(append("b", "c-1"), other)
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual((yield* Effect.flip(Fiber.join(still)))._tag, "StoreUnavailable")
        yield* append("a", "c-2")
        assert.deepStrictEqual(yield* commandIds, ["c-1", "c-2"])
      }).pipe(Effect.provide(PostgresStore.layer({ url, statementTimeout: "3 seconds" })))
    )
  )

  it(
    "work that goes on after a statement of it failed is not taken for done, and fails alone",
    onStore(
      Effect.gen(function* () {
        const writer = yield* Writer
        const [careless, sound] = yield* Effect.all(
          [
            Effect.exit(writer.ride(0, (connection) => Effect.ignore(connection.executeRaw("SELECT nothing", [])))),
            Effect.exit(append("a", "c-1"))
          ],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual([Exit.isSuccess(careless), Exit.isSuccess(sound)], [false, true])
        const alone = writer.transact((connection) => Effect.ignore(connection.executeRaw("SELECT nothing", [])))
        assert.isTrue(Exit.isFailure(yield* Effect.exit(alone)))
        const { dialect, readClient } = yield* SqlDatabase
        const connection = yield* readClient.reserve
        yield* connection.executeRaw("BEGIN", [])
        yield* Effect.ignore(connection.executeRaw("SELECT nothing", []))
        assert.isTrue(Exit.isFailure(yield* Effect.exit(dialect.commit(connection, false))))
        assert.deepStrictEqual(yield* commandIds, ["c-1"])
      })
    )
  )

  it(
    "a commit wakes readers in other processes, also after the connection that hears of it was lost",
    onUrl((url) =>
      Effect.gen(function* () {
        const sql = yield* client(url)
        const other = yield* Layer.build(PostgresStore.layer({ url }))
        const { commits } = yield* EventStore
        const wakes = yield* Queue.unbounded<void>()
        yield* Effect.forkScoped(Stream.runForEach(commits, (wake) => wakes.offer(wake)))
        // Only the store whose commits somebody waits for hears of the channel.
        const listening = `SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN "daybook"' AND datname = current_database()`
        yield* until(sql, `SELECT 1 FROM (${listening}) AS l HAVING count(*) >= 1`)
        let number = 0
        const wake = Effect.gen(function* () {
          yield* Queue.takeAll(wakes)
          yield* Effect.provide(append("b", `c-${number++}`), other)
          yield* wakes
        })
        yield* wake
        yield* sql.unsafe(`SELECT pg_terminate_backend(pid) FROM (${listening}) AS l`)
        // It says itself when it is back.
        yield* wakes
        yield* wake
      }).pipe(Effect.provide(PostgresStore.layer({ url })))
    )
  )
})

/** Why it cannot be opened. */
const problem = (options: Parameters<typeof PostgresStore.layer>[0]) =>
  Effect.map(Effect.flip(Effect.provide(Effect.void, PostgresStore.layer(options))), ({ message, problem }) => {
    assert.notInclude(message, "daybook:daybook")
    return problem
  })

const server = Effect.acquireRelease(
  Effect.promise(() => PostgresServer.start()),
  ({ stop }) => Effect.promise(stop)
)

describe("a PostgreSQL server that cannot serve for a while", () => {
  it(
    "whatever it fails with is a fault to be waited out, after which the next call is served (ES23)",
    onStore(
      Effect.gen(function* () {
        const { dialect } = yield* SqlDatabase
        const writer = yield* Writer
        const states = [
          "08006",
          "25006",
          "40001",
          "40P01",
          "53100",
          "53300",
          "55P03",
          "57014",
          "57P01",
          "57P02",
          "57P03",
          "58030"
        ]
        for (const state of states) {
          const raise = `DO $$ BEGIN RAISE EXCEPTION 'as if' USING ERRCODE = '${state}'; END $$`
          const error = yield* Effect.flip(writer.transact((connection) => connection.executeRaw(raise, [])))
          assert.strictEqual(error._tag, "StoreUnavailable", state)
          assert.isTrue(dialect.isFault(error.cause), state)
          yield* append("a", state)
        }
        assert.deepStrictEqual(yield* commandIds, states)
      })
    )
  )

  it(
    "refuses to write where an operator said so, on a standby, and without connections, and writes again without a restart",
    run(
      Effect.gen(function* () {
        const { demote, url } = yield* server
        const sql = yield* client(url)
        yield* sql.unsafe("CREATE SCHEMA empty")
        yield* sql.unsafe("CREATE ROLE clerk LOGIN PASSWORD 'clerk'")
        yield* sql.unsafe("GRANT CREATE, USAGE ON SCHEMA public TO clerk")
        const asClerk = new URL(url)
        asClerk.username = asClerk.password = "clerk"
        yield* Effect.gen(function* () {
          const writer = yield* Writer
          const { dialect } = yield* SqlDatabase
          const pid = writer.transact((connection) => connection.executeValues("SELECT pg_backend_pid()", []))
          const stored: Array<string> = []
          let number = 0
          const attempt = Effect.suspend(() => {
            const commandId = `c-${number++}`
            return Effect.tap(append("a", commandId), () => stored.push(commandId))
          })
          /** Appends until it is refused so. What was refused before then must be known not to be written, too. */
          const refused = (as: RegExp) =>
            Effect.gen(function* () {
              for (let why = ""; !as.test(why); yield* Effect.sleep("10 millis")) {
                const answer = yield* Effect.either(attempt)
                if (Either.isRight(answer)) continue
                assert.strictEqual(answer.left._tag, "StoreUnavailable")
                why = answer.left.message
              }
              // Not even what would write nothing is served: it might be from a state that others have left behind.
              assert.strictEqual((yield* Effect.flip(append("a", "c-0")))._tag, "StoreUnavailable")
            })
          const healed = Effect.retry(attempt, Schedule.spaced("10 millis"))
          const reload = sql.unsafe("SELECT pg_reload_conf()")
          yield* attempt

          const before = yield* pid
          yield* sql.unsafe("ALTER SYSTEM SET default_transaction_read_only = on")
          yield* reload
          yield* refused(/read.only/)
          assert.strictEqual((yield* commandIds).length, stored.length)
          yield* sql.unsafe("ALTER SYSTEM RESET default_transaction_read_only")
          yield* reload
          yield* healed
          // It went to wherever the address leads by then.
          assert.notDeepEqual(yield* pid, before)

          yield* sql.unsafe("ALTER ROLE clerk CONNECTION LIMIT 0")
          yield* sql.unsafe("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'clerk'")
          yield* refused(/too many connections/)
          yield* sql.unsafe("ALTER ROLE clerk CONNECTION LIMIT -1")
          yield* healed

          yield* Effect.promise(demote)
          yield* refused(/read.only/)
          const write = yield* Effect.flip(sql.unsafe("CREATE TABLE other ()"))
          assert.isTrue(dialect.isFault(write))
          assert.strictEqual((yield* commandIds).length, stored.length)
          yield* Effect.provide(Effect.map(log, assert.isNotEmpty), PostgresStore.layer({ url: asClerk.href }))
          const empty = new URL(url)
          empty.searchParams.set("options", "-c search_path=empty")
          assert.strictEqual(yield* problem({ url: empty.href }), "standby")
          yield* sql.unsafe("SELECT pg_promote()")
          yield* healed
          assert.deepStrictEqual(yield* commandIds, stored)
        }).pipe(Effect.provide(PostgresStore.layer({ url: asClerk.href })))
      })
    )
  )
})

describe("opening a PostgreSQL database", () => {
  it(
    "refuses a server of a release before the oldest that is tested",
    onUrl((url) =>
      Effect.gen(function* () {
        const sql = yield* client(url)
        yield* sql.unsafe(
          `CREATE FUNCTION current_setting(text) RETURNS text LANGUAGE sql
           AS $$ SELECT CASE $1 WHEN 'server_version_num' THEN '140022' ELSE pg_catalog.current_setting($1) END $$`
        )
        // Found before the server's own.
        assert.strictEqual(
          yield* problem({ url: url.replace(/(search_path(?:=|%3D)\w+)/, "$1,pg_catalog") }),
          "oldServer"
        )
        assert.isEmpty(yield* sql.unsafe("SELECT 1 WHERE to_regclass('events') IS NOT NULL"))
      })
    )
  )

  it(
    "of many that make it at once one does; who only reads makes none; a newer or changed one is refused (ES36)",
    onUrl((url) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* problem({ url, mode: "existing" }), "missing")
        assert.strictEqual(yield* problem({ url, mode: "readOnly" }), "missing")
        const open = Effect.provide(Effect.void, PostgresStore.layer({ url }))
        yield* Effect.all([open, open, open, open], { concurrency: "unbounded" })
        const sql = yield* client(url)
        const count = (yield* sql.unsafe("SELECT * FROM migrations")).length
        yield* sql.unsafe(`DELETE FROM migrations WHERE id = ${count}`)
        assert.strictEqual(yield* problem({ url, mode: "readOnly" }), "older")
        yield* sql.unsafe(`INSERT INTO migrations VALUES (${count}, 'x', 'x', 0)`)
        assert.strictEqual(yield* problem({ url }), "migrationChanged")
        yield* sql.unsafe(`INSERT INTO migrations VALUES (${count + 1}, 'x', 'x', 0)`)
        assert.strictEqual(yield* problem({ url }), "newer")
      })
    )
  )

  it(
    "makes its tables in a schema whose name needs quotes",
    onUrl((url) =>
      Effect.gen(function* () {
        const sql = yield* client(url)
        const [{ name } = {}] = yield* sql.unsafe<{ readonly name?: string }>("SELECT current_schema() AS name")
        yield* Effect.acquireRelease(sql.unsafe(`CREATE SCHEMA "${name}_Quoted"`), () =>
          Effect.orDie(sql.unsafe(`DROP SCHEMA "${name}_Quoted" CASCADE`))
        )
        const quoted = url.replace(/search_path(=|%3D).*/, `search_path$1"${name}_Quoted"`)
        yield* Effect.provide(append("a", "c-1"), PostgresStore.layer({ url: quoted }))
        assert.isNotEmpty(yield* sql.unsafe(`SELECT 1 FROM "${name}_Quoted".events`))
      })
    )
  )

  it(
    "refuses an address where nobody answers, a role that is unknown, a missing database, and tables of others, and leaves all as it was",
    onUrl((url) =>
      Effect.gen(function* () {
        const changed = (change: (address: URL) => void) => {
          const address = new URL(url)
          change(address)
          return { url: address.href }
        }
        assert.strictEqual(yield* problem(changed((address) => (address.port = "1"))), "unreachable")
        assert.strictEqual(yield* problem(changed((address) => (address.username = "stranger"))), "noAccess")
        assert.strictEqual(yield* problem(changed((address) => (address.pathname = "/nowhere"))), "missing")
        const sql = yield* client(url)
        yield* sql.unsafe("CREATE TABLE events (name TEXT)")
        assert.strictEqual(yield* problem({ url }), "foreign")
        assert.isEmpty(yield* sql.unsafe("SELECT 1 WHERE to_regclass('migrations') IS NOT NULL"))
      })
    )
  )

  it(
    "refuses a database that is not in UTF-8, and a server that would lose commits with the power, unless that is asked for",
    run(
      Effect.gen(function* () {
        const { url } = yield* server
        const sql = yield* client(url)
        yield* sql.unsafe("CREATE DATABASE plain ENCODING 'SQL_ASCII' TEMPLATE template0")
        assert.strictEqual(yield* problem({ url: url.replace(/postgres$/, "plain") }), "notUtf8")
        yield* sql.unsafe("ALTER SYSTEM SET fsync = off")
        yield* sql.unsafe("SELECT pg_reload_conf()")
        yield* until(sql, "SELECT 1 WHERE current_setting('fsync') = 'off'")
        assert.strictEqual(yield* problem({ url }), "fsyncOff")
        yield* Effect.provide(append("a", "c-1"), PostgresStore.layer({ url, durability: "normal" }))
      })
    )
  )
})
