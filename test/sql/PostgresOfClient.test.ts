/**
 * The stores on the database of a client that the application has: found by what the client says, and never through its
 * pool.
 */
import { randomUUID } from "node:crypto"
import * as Reactivity from "@effect/experimental/Reactivity"
import { Rpc } from "@effect/rpc"
import { SqlClient } from "@effect/sql/SqlClient"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import { Context, Deferred, Effect, Either, Layer, Redacted, Schema } from "effect"
import { assert, describe, inject, it } from "vitest"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import * as Alongside from "../../src/sql/Alongside.ts"
import { DatabaseError } from "../../src/sql/DatabaseError.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import { client, schema } from "./Postgres.ts"

const Booked = Event.make("Booked", { seats: Schema.Int })
class Show extends Aggregate.make("Show", {
  id: Schema.String,
  state: Schema.Int,
  initial: 0,
  events: [Booked],
  commands: [Rpc.make("Book", { payload: { seats: Schema.Int }, success: Schema.Int })]
}) {}
const ShowLive = Show.toLayer({
  decide: { Book: ({ seats }) => Either.right([Booked.make({ seats })]) },
  evolve: { Booked: (taken, { seats }) => taken + seats },
  reply: { Book: (taken) => taken }
})

/** A database of its own, gone with its scope, with what a client of it is made from. */
const database = Effect.gen(function* () {
  const url = new URL(inject("postgres"))
  const name = `app_${randomUUID().replaceAll("-", "")}`
  const server = yield* client(url.href)
  yield* Effect.acquireRelease(server.unsafe(`CREATE DATABASE ${name} TEMPLATE template0`), () =>
    Effect.orDie(server.unsafe(`DROP DATABASE ${name} WITH (FORCE)`))
  )
  return {
    host: url.hostname,
    port: Number(url.port),
    username: url.username,
    password: Redacted.make(url.password),
    database: name
  }
})

/** The application's own client in the context, and the stores on its database. */
const inApplication = (application: Layer.Layer<SqlClient, unknown>) =>
  ShowLive.pipe(
    Layer.provideMerge(ActorSystemLocal.layer),
    Layer.provideMerge(PostgresStore.layerFromClient({ prefix: "daybook_" })),
    Layer.provideMerge(application)
  )

const opened = (sql: SqlClient) =>
  Effect.map(
    Effect.either(
      Effect.scoped(Layer.build(Layer.provide(PostgresStore.layerFromClient(), Layer.succeed(SqlClient, sql))))
    ),
    (built) => (Either.isLeft(built) && built.left instanceof DatabaseError ? built.left.problem : "opened")
  )

describe("the stores on the database of the application's client", () => {
  it("are found by its settings, and answer while its transactions hold its whole pool", () =>
    Effect.gen(function* () {
      // Another way to read numbers than Daybook's, and as few connections as there are transactions.
      const types = { getTypeParser: () => (text: unknown) => `read as ${text}` }
      const application = PgClient.layer({ ...(yield* database), maxConnections: 2, types })
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient
        const shows = yield* Show
        yield* sql`CREATE TABLE tickets (number BIGINT PRIMARY KEY, show TEXT NOT NULL)`
        const held = yield* Effect.all([Deferred.make<void>(), Deferred.make<void>()])
        const booked = yield* Effect.forEach(
          held,
          (own, number) =>
            sql.withTransaction(
              Effect.gen(function* () {
                yield* sql`INSERT INTO tickets VALUES (${number}, 'hamlet')`
                yield* Deferred.succeed(own, undefined)
                yield* Effect.forEach(held, Deferred.await)
                return yield* shows(`hamlet ${number}`).Book({ seats: 3 })
              })
            ),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(booked, [3, 3])

        // The application's client is of this database: its statements go with a command.
        const ticket = Alongside.write(() => sql`INSERT INTO tickets VALUES (7, 'hamlet 7')`)
        assert.strictEqual(yield* shows("hamlet 7").Book({ seats: 2 }).pipe(ticket), 2)
        const taken = yield* Effect.either(shows("hamlet 8").Book({ seats: 2 }).pipe(ticket))
        assert.isTrue(Either.isLeft(taken))
        const { name, query } = yield* SqlDatabase
        assert.deepStrictEqual(yield* query("SELECT count(*), max(number) FROM tickets", []), [[3, 7]])
        assert.deepStrictEqual(yield* query("SELECT count(*) FROM daybook_events", []), [[3]])
        assert.notInclude(name, "daybook:daybook")
        assert.match(name, /^postgres:\/\/127\.0\.0\.1\/app_/)
      }).pipe(Effect.provide(inApplication(application)))
    }).pipe(Effect.scoped, Effect.runPromise))

  it("are in the schema that its address leads to", () =>
    Effect.gen(function* () {
      const url = yield* schema
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient
        yield* (yield* Show)("hamlet").Book({ seats: 1 })
        assert.deepStrictEqual(yield* sql.unsafe("SELECT count(*)::int FROM daybook_events").values, [[1]])
      }).pipe(Effect.provide(inApplication(PgClient.layer({ url: Redacted.make(url) }))))
    }).pipe(Effect.scoped, Effect.runPromise))

  it("are refused where its settings do not say where it leads, with nothing made there", () =>
    Effect.gen(function* () {
      const [theirs, shown] = yield* Effect.all([schema, schema])
      const real = yield* client(theirs)
      const config = { url: Redacted.make(shown) }
      assert.strictEqual(yield* opened(Object.assign(Object.create(real), real, { config })), "elsewhere")
      const made = "SELECT count(*)::int FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
      for (const url of [theirs, shown]) {
        assert.deepStrictEqual(yield* (yield* client(url)).unsafe(made).values, [[0]])
      }
    }).pipe(Effect.scoped, Effect.runPromise))

  it("are refused where it is none of PostgreSQL", () =>
    Effect.gen(function* () {
      const sqlite = yield* Layer.build(SqliteClient.layer({ filename: ":memory:" }))
      assert.strictEqual(yield* opened(Context.get(sqlite, SqlClient)), "notPostgres")
    }).pipe(Effect.scoped, Effect.provide(Reactivity.layer), Effect.runPromise))
})
