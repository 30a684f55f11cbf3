/**
 * Daybook's tables in a database that has others: what is made, what is refused, and that the others stay as they are.
 */
import { join } from "node:path"
import Sqlite from "better-sqlite3"
import { Effect, Either, Layer, type Scope } from "effect"
import { assert, describe, it } from "vitest"
import * as Event from "../../src/core/Event.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import { GenerationStore } from "../../src/projection/GenerationStore.ts"
import * as Projection from "../../src/projection/Projection.ts"
import { DatabaseError } from "../../src/sql/DatabaseError.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { append, log } from "./Log.ts"
import { client, schema } from "./Postgres.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

/** A database of an application, on each kind of server. */
interface Host {
  readonly exec: (sql: string) => Effect.Effect<void, unknown>
  readonly rows: (sql: string) => Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, unknown>
  readonly store: (options?: {
    readonly prefix?: string
    readonly mode?: "create" | "existing" | "readOnly"
  }) => ReturnType<typeof SqliteStore.layer>
}

const sqlite: Effect.Effect<Host, unknown, Scope.Scope> = Effect.gen(function* () {
  const filename = join(yield* temporaryFolder, "shop.db")
  const use = <A>(work: (database: Sqlite.Database) => A) =>
    Effect.try(() => {
      const database = new Sqlite(filename)
      try {
        return work(database)
      } finally {
        database.close()
      }
    })
  return {
    exec: (sql) => Effect.asVoid(use((database) => database.exec(sql))),
    rows: (sql) => use((database) => database.prepare<[], ReadonlyArray<unknown>>(sql).raw().all()),
    store: (options) => SqliteStore.layer({ filename, ...options })
  }
})

const postgres: Effect.Effect<Host, unknown, Scope.Scope> = Effect.gen(function* () {
  const url = yield* schema
  const sql = yield* client(url)
  return {
    exec: (text) => Effect.asVoid(sql.unsafe(text)),
    rows: (text) => Effect.map(sql.unsafe(text).values, (rows) => rows),
    store: (options) => PostgresStore.layer({ url, ...options })
  }
})

const problemOf = (store: ReturnType<Host["store"]>) =>
  Effect.map(Effect.either(Effect.scoped(Layer.build(store))), (built) =>
    Either.isLeft(built) && built.left instanceof DatabaseError
      ? [built.left.problem, built.left.message]
      : ["opened", ""]
  )

const Noted = Event.make("PrefixNoted", {})

/** A projection that nothing is applied to. */
const modelOf = (name: string) =>
  Projection.make({
    name,
    version: 1,
    events: [Noted],
    tables: [name],
    create: (tables) => [`CREATE TABLE ${tables[name]} (name TEXT)`],
    apply: () => Effect.void
  })

/** An application that has every name that Daybook would take. */
const others = ["events", "commands", "snapshots", "projections", "migrations", "log_events", "projection_models"]

for (const [kind, host] of Object.entries({ sqlite, postgres })) {
  const onHost = (test: (host: Host) => Effect.Effect<void, unknown, Scope.Scope>) => () =>
    Effect.runPromise(Effect.scoped(Effect.flatMap(host, test)))

  describe(`in a database of an application on ${kind}`, () => {
    it(
      "stands beside tables of every name that it uses itself, and leaves them alone",
      onHost(({ exec, rows, store }) =>
        Effect.gen(function* () {
          for (const table of others) {
            yield* exec(`CREATE TABLE ${table} (mine TEXT)`)
            yield* exec(`INSERT INTO ${table} VALUES ('kept')`)
          }
          for (const commandId of ["c-1", "c-2"]) {
            yield* Effect.provide(append("a", commandId), store({ prefix: "shop_" }))
          }
          yield* Effect.gen(function* () {
            assert.strictEqual((yield* log).length, 2)
            const { query, read } = yield* SqlDatabase
            assert.deepStrictEqual(yield* read("SELECT count(*) FROM events", []), [[2]])
            // A query of the application means its own table.
            assert.deepStrictEqual(yield* query("SELECT mine FROM events", []), [["kept"]])
          }).pipe(Effect.provide(store({ prefix: "shop_", mode: "readOnly" })))
          for (const table of others) assert.deepStrictEqual(yield* rows(`SELECT mine FROM ${table}`), [["kept"]])
        })
      )
    )

    it(
      "keeps its guards under the prefix",
      onHost(({ exec, store }) =>
        Effect.gen(function* () {
          yield* exec("CREATE TABLE mine (x INTEGER)")
          yield* Effect.provide(append("a", "c-1"), store({ prefix: "shop_" }))
          for (const sql of [
            "UPDATE shop_log_events SET version = 7",
            "DELETE FROM shop_log_entries",
            "DELETE FROM shop_log_streams",
            "INSERT INTO shop_log_events SELECT * FROM shop_log_events",
            "INSERT INTO shop_log_identity VALUES (2, 'x', 1)"
          ]) {
            assert.isTrue(Either.isLeft(yield* Effect.either(exec(sql))), sql)
          }
          assert.strictEqual((yield* Effect.provide(log, store({ prefix: "shop_" }))).length, 1)
        })
      )
    )

    it(
      "refuses another prefix, names that are taken, a prefix that is none, and one under which nothing is, and leaves all as it was",
      onHost(({ exec, rows, store }) =>
        Effect.gen(function* () {
          const names =
            kind === "sqlite"
              ? "SELECT name FROM sqlite_master ORDER BY name"
              : "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace ORDER BY 1"
          yield* exec("CREATE TABLE shop_events (mine TEXT)")
          const before = yield* rows(names)
          const [taken, why] = yield* problemOf(store({ prefix: "shop_" }))
          assert.strictEqual(taken, "taken")
          assert.include(why, "shop_events")
          assert.deepInclude(yield* problemOf(store({ prefix: "daybook_", mode: "existing" })), "noTables")
          assert.deepInclude(yield* problemOf(store({ prefix: "daybook_", mode: "readOnly" })), "noTables")
          for (const prefix of ["Shop", "1_", "a-b", "x;", '"', "a".repeat(25)]) {
            assert.deepInclude(yield* problemOf(store({ prefix })), "badPrefix", prefix)
          }
          assert.deepStrictEqual(yield* rows(names), before)
          yield* Effect.provide(append("a", "c-1"), store({ prefix: "daybook_" }))
          for (const prefix of ["daybok_", ""]) {
            const [problem, message] = yield* problemOf(store({ prefix }))
            assert.strictEqual(problem, "otherPrefix")
            assert.include(message, "daybook_")
          }
          assert.deepInclude(yield* problemOf(store()), "otherPrefix")
          assert.strictEqual((yield* Effect.provide(log, store({ prefix: "daybook_" }))).length, 1)
        })
      )
    )

    it(
      "stands in it without a prefix too, where that is asked for, and is found there by who asks for nothing",
      onHost(({ exec, rows, store }) =>
        Effect.gen(function* () {
          yield* exec("CREATE TABLE customers (name TEXT)")
          yield* exec("INSERT INTO customers VALUES ('Ada')")
          yield* Effect.provide(append("a", "c-1"), store({ prefix: "" }))
          assert.strictEqual((yield* Effect.provide(log, store())).length, 1)
          assert.strictEqual((yield* Effect.provide(log, store({ mode: "readOnly" }))).length, 1)
          assert.deepStrictEqual(yield* rows("SELECT name FROM customers"), [["Ada"]])
        })
      )
    )

    it(
      "refuses a model whose view would take a name of the application, and leaves that as it was",
      onHost(({ exec, rows, store }) =>
        Effect.gen(function* () {
          yield* exec("CREATE TABLE customers (name TEXT)")
          yield* exec("CREATE VIEW days AS SELECT name FROM customers")
          yield* exec("CREATE VIEW nights_checkpoint AS SELECT name FROM customers")
          yield* Effect.gen(function* () {
            const generations = yield* GenerationStore
            for (const [name, taken] of Object.entries({ days: "days", nights: "nights_checkpoint" })) {
              yield* generations.register(name, "projection")
              const shadow = yield* generations.beginShadow(modelOf(name))
              const failure = yield* Effect.flip(generations.swap(shadow, null))
              assert.strictEqual(failure._tag, "SwapFailed")
              if (failure._tag === "SwapFailed") assert.include(String(failure.cause), taken)
            }
          }).pipe(Effect.provide(store({ prefix: "daybook_" })))
          assert.deepStrictEqual(yield* rows("SELECT name FROM days"), [])
          assert.deepStrictEqual(yield* rows("SELECT name FROM nights_checkpoint"), [])
        })
      )
    )

    it(
      "is refused when a newer release wrote it, or its steps are others",
      onHost(({ exec, store }) =>
        Effect.gen(function* () {
          yield* exec("CREATE TABLE mine (x INTEGER)")
          yield* Effect.provide(append("a", "c-1"), store({ prefix: "shop_" }))
          yield* exec("INSERT INTO shop_migrations VALUES (99, 'later', 'x', 0)")
          assert.deepInclude(yield* problemOf(store({ prefix: "shop_" })), "newer")
          yield* exec("DELETE FROM shop_migrations WHERE id = 99")
          yield* exec("UPDATE shop_migrations SET checksum = 'x' WHERE id = 1")
          assert.deepInclude(yield* problemOf(store({ prefix: "shop_" })), "migrationChanged")
        })
      )
    )
  })
}

describe("in a SQLite file of an application", () => {
  it("leaves its numbers in the header of the file alone, and works beside a connection of the application", () =>
    Effect.gen(function* () {
      const filename = join(yield* temporaryFolder, "shop.db")
      const shop = new Sqlite(filename)
      shop.exec("PRAGMA user_version = 41; PRAGMA application_id = 99; CREATE TABLE customers (name TEXT)")
      const store = SqliteStore.layer({ filename, prefix: "daybook_" })
      yield* Effect.provide(append("a", "c-1"), store)
      shop.exec("INSERT INTO customers VALUES ('Ada')")
      yield* Effect.gen(function* () {
        yield* append("a", "c-2")
        shop.exec("INSERT INTO customers VALUES ('Bo')")
        assert.strictEqual(yield* Effect.flatMap(EventStore, (events) => events.lastPosition), 2)
      }).pipe(Effect.provide(store))
      assert.strictEqual(shop.pragma("user_version", { simple: true }), 41)
      assert.strictEqual(shop.pragma("application_id", { simple: true }), 99)
      assert.deepStrictEqual(shop.prepare("SELECT count(*) FROM customers").pluck().get(), 2)
      shop.close()
    }).pipe(Effect.scoped, Effect.runPromise))
})
