/** An application's own statements with a command: both or neither, and every trap refused. */
import { join } from "node:path"
import * as Reactivity from "@effect/experimental/Reactivity"
import { Rpc } from "@effect/rpc"
import { SqlClient } from "@effect/sql/SqlClient"
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import { Cause, Context, Deferred, Effect, Either, Exit, Layer, Schema, type Scope } from "effect"
import { assert, describe, it } from "vitest"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import * as Alongside from "../../src/sql/Alongside.ts"
import * as ApplicationClient from "../../src/sql/ApplicationClient.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { Writer } from "../../src/sql/Writer.ts"
import { client, schema } from "./Postgres.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const Sold = Event.make("Sold", { pieces: Schema.Int })
class SoldOut extends Schema.TaggedError<SoldOut>()("SoldOut", {}) {}

class Shelf extends Aggregate.make("Shelf", {
  id: Schema.String,
  state: Schema.Struct({ sold: Schema.Int }),
  initial: { sold: 0 },
  events: [Sold],
  commands: [Rpc.make("Sell", { payload: { pieces: Schema.Int }, success: Schema.Int, error: SoldOut })]
}) {}

const ShelfLive = Shelf.toLayer({
  decide: {
    Sell: ({ pieces }, { sold }) =>
      sold + pieces > 10 ? Either.left(new SoldOut()) : Either.right([Sold.make({ pieces })])
  },
  evolve: { Sold: ({ sold }, { pieces }) => ({ sold: sold + pieces }) },
  reply: { Sell: ({ sold }) => sold }
})

const sqlite = Layer.unwrapScoped(
  Effect.map(temporaryFolder, (folder) => SqliteStore.layer({ filename: join(folder, "shop.db"), prefix: "daybook_" }))
)
/** The address of the store on PostgreSQL, for a pool of the application. */
class Address extends Context.Reference<Address>()("test/sql/Address", { defaultValue: () => ({ url: "" }) }) {}
const address = Effect.map(Address, ({ url }) => url)

const postgres = Layer.unwrapScoped(
  Effect.map(schema, (url) =>
    Layer.merge(PostgresStore.layer({ url, prefix: "daybook_" }), Layer.succeed(Address, { url }))
  )
)

type Stores = EventStore | SqlDatabase | Writer | Context.Tag.Identifier<typeof Shelf>

const invoices = Effect.flatMap(SqlDatabase, ({ query }) =>
  query("SELECT number, position FROM invoices ORDER BY number", [])
)
const sold = Effect.flatMap(Shelf, (shelves) => Effect.map(shelves("a").state, ({ state }) => state.sold))
/** An invoice with this number, which is taken once. */
const invoice = (number: number) => (stored: { readonly position: number }) =>
  Effect.flatMap(
    SqlClient,
    (sql) => sql`INSERT INTO invoices (number, position) VALUES (${number}, ${stored.position})`
  )
const sell = (pieces: number, commandId?: string) =>
  Effect.flatMap(Shelf, (shelves) => shelves("a").Sell({ pieces }, commandId === undefined ? undefined : { commandId }))

for (const [kind, store] of Object.entries({ sqlite, postgres })) {
  const onShop = (test: Effect.Effect<void, unknown, Stores | Scope.Scope>) => () =>
    Effect.zipRight(
      Effect.flatMap(Writer, (writer) =>
        writer.transact((connection) =>
          connection.executeRaw("CREATE TABLE invoices (number INTEGER PRIMARY KEY, position INTEGER NOT NULL)", [])
        )
      ),
      test
    ).pipe(
      Effect.provide(ShelfLive.pipe(Layer.provideMerge(ActorSystemLocal.layer), Layer.provideMerge(store))),
      Effect.scoped,
      Effect.runPromise
    )

  describe(`statements alongside a command on ${kind}`, () => {
    it(
      "are committed with its events, know their place, and are not run again for the same id, nor for a refusal",
      onShop(
        Effect.gen(function* () {
          assert.strictEqual(yield* sell(2).pipe(Alongside.write(invoice(1))), 2)
          for (let time = 0; time < 2; time++) yield* sell(3, "c-2").pipe(Alongside.write(invoice(2)))
          const refused = yield* Effect.flip(sell(9, "c-3").pipe(Alongside.write(invoice(3))))
          assert.instanceOf(refused, SoldOut)
          assert.deepStrictEqual(yield* invoices, [
            [1, 1],
            [2, 2]
          ])
          assert.strictEqual(yield* sold, 5)
        })
      )
    )

    it(
      "that fail, die or go on after an error store nothing of it and are its answer; its neighbours are stored",
      onShop(
        Effect.gen(function* () {
          yield* sell(1).pipe(Alongside.write(invoice(1)))
          const twice = yield* Effect.flip(sell(1).pipe(Alongside.write(invoice(1))))
          assert.strictEqual(twice._tag, "SqlError")
          const mine = yield* Effect.flip(
            sell(1).pipe(
              Alongside.write(() => Effect.zipRight(invoice(2)({ position: 0 }), Effect.fail("no" as const)))
            )
          )
          assert.strictEqual(mine, "no")
          const dead = yield* Effect.exit(sell(1).pipe(Alongside.write(() => Effect.dieMessage("mine"))))
          assert.isTrue(Exit.isFailure(dead) && Cause.pretty(dead.cause).includes("mine"))
          // What follows a failed statement is refused by PostgreSQL; SQLite undoes the statement alone.
          const ignored = yield* Effect.exit(
            sell(1).pipe(Alongside.write(() => Effect.ignore(invoice(1)({ position: 0 }))))
          )
          assert.strictEqual(Exit.isSuccess(ignored), kind === "sqlite")
          const before = yield* sold
          // One batch of one actor: the second fails, and the others are decided without it.
          const exits = yield* Effect.all(
            [7, 1, 8].map((number) => Effect.exit(sell(1).pipe(Alongside.write(invoice(number))))),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, true])
          assert.strictEqual(yield* sold, before + 2)
          assert.deepStrictEqual(
            (yield* invoices).map(([number]) => number),
            [1, 7, 8]
          )
          assert.strictEqual(yield* Effect.flatMap(EventStore, (events) => events.lastPosition), yield* sold)
        })
      )
    )

    it(
      "of a service that has the client are committed too, and savepoints are theirs",
      onShop(
        Effect.gen(function* () {
          const { writeClient } = yield* SqlDatabase
          const sql = writeClient ?? assert.fail()
          const repository = {
            add: (number: number) => sql`INSERT INTO invoices (number, position) VALUES (${number}, 0)`
          }
          yield* sell(1).pipe(
            Alongside.write(() =>
              Effect.zipRight(
                repository.add(1),
                Effect.ignore(sql.withTransaction(Effect.zipRight(repository.add(2), Effect.fail("undone"))))
              )
            )
          )
          assert.deepStrictEqual(
            (yield* invoices).map(([number]) => number),
            [1]
          )
        })
      )
    )

    it(
      "refuse to end the transaction, to ask an aggregate or the writer, and the client of another database",
      onShop(
        Effect.gen(function* () {
          const { writeClient } = yield* SqlDatabase
          const sql = writeClient ?? assert.fail()
          for (const text of [
            "COMMIT",
            "ROLLBACK",
            "  -- mine\n rollback",
            "END",
            "BEGIN IMMEDIATE",
            "/* x */ commit; SELECT 1"
          ]) {
            const error = yield* Effect.flip(
              sell(1).pipe(Alongside.write(() => Effect.zipRight(invoice(1)({ position: 0 }), sql.unsafe(text))))
            )
            assert.include(
              Cause.pretty(Cause.fail(error)) + String(Reflect.get(Object(error), "cause")),
              "transaction",
              text
            )
          }
          const shelves = yield* Shelf
          const writer = yield* Writer
          for (const asked of [shelves("b").Sell({ pieces: 1 }), writer.ride(0, () => Effect.void)]) {
            const exit = yield* Effect.exit(
              sell(1).pipe(Alongside.write(() => Effect.zipRight(invoice(1)({ position: 0 }), asked)))
            )
            assert.isTrue(Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("would wait for itself"))
          }
          const other = Context.get(yield* Layer.build(SqliteStore.layer({ filename: ":memory:" })), SqlDatabase)
          const foreign = yield* sell(1).pipe(
            Alongside.write(invoice(1)),
            Effect.provideService(SqlClient, other.readClient),
            Effect.flip
          )
          assert.include(String(foreign), "of another database")
          const within = yield* Effect.flip(other.readClient.withTransaction(sell(1).pipe(Alongside.write(invoice(1)))))
          assert.include(String(within), "within a transaction")
          assert.deepStrictEqual(yield* invoices, [])
          assert.strictEqual(yield* sold, 0)
          // The writer goes on.
          assert.strictEqual(yield* sell(1).pipe(Alongside.write(invoice(1))), 1)
        })
      )
    )

    it(
      "may have the pool of the application in the context, where that is of the same database",
      onShop(
        Effect.gen(function* () {
          const { dialect, name } = yield* SqlDatabase
          const own =
            dialect.kind === "sqlite"
              ? yield* SqliteClient.make({ filename: name }).pipe(Effect.provide(Reactivity.layer))
              : yield* client(yield* address)
          yield* sell(1).pipe(
            Alongside.write(() => own`INSERT INTO invoices (number, position) VALUES (1, 0)`),
            Effect.provideService(SqlClient, own)
          )
          const undone = sell(1).pipe(
            Alongside.write(() =>
              Effect.zipRight(own`INSERT INTO invoices (number, position) VALUES (2, 0)`, Effect.fail("no"))
            ),
            Effect.provideService(SqlClient, own)
          )
          assert.strictEqual(yield* Effect.flip(undone), "no")
          assert.deepStrictEqual(
            (yield* invoices).map(([number]) => number),
            [1]
          )
        })
      )
    )

    it(
      "go with one command, and are told when there is none",
      onShop(
        Effect.gen(function* () {
          const two = yield* Effect.flip(Effect.zipRight(sell(1), sell(1)).pipe(Alongside.write(invoice(1))))
          assert.include(String(two), "one command")
          assert.strictEqual(yield* sold, 1)
          const none = yield* Effect.flip(Effect.void.pipe(Alongside.write(invoice(2))))
          assert.include(String(none), "no command")
        })
      )
    )

    it(
      "do not hold the writer: a neighbour that waits gets its turn once they end",
      onShop(
        Effect.gen(function* () {
          const gate = yield* Deferred.make<void>()
          const begun = yield* Deferred.make<void>()
          const first = yield* Effect.fork(
            sell(1).pipe(
              Alongside.write(() => Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(gate)))
            )
          )
          yield* Deferred.await(begun)
          const second = yield* Effect.fork(Effect.flatMap(Shelf, (shelves) => shelves("b").Sell({ pieces: 1 })))
          yield* Effect.yieldNow()
          assert.isTrue((yield* second.status)._tag !== "Done")
          yield* Deferred.succeed(gate, undefined)
          assert.deepStrictEqual(
            [yield* first.await.pipe(Effect.map(Exit.isSuccess)), yield* second.await.pipe(Effect.map(Exit.isSuccess))],
            [true, true]
          )
        })
      )
    )
  })
}

describe("the client of the store for an application", () => {
  const onShop = (test: Effect.Effect<void, unknown, Stores | SqlClient | Scope.Scope>) => () =>
    Effect.zipRight(
      Effect.flatMap(SqlClient, (sql) => sql`CREATE TABLE invoices (number INTEGER, position INTEGER)`),
      test
    ).pipe(
      Effect.provide(
        ShelfLive.pipe(
          Layer.provideMerge(ActorSystemLocal.layer),
          Layer.provideMerge(ApplicationClient.layer),
          Layer.provideMerge(sqlite)
        )
      ),
      Effect.scoped,
      Effect.runPromise
    )

  it(
    "writes on the one connection, between commands and with them",
    onShop(
      Effect.gen(function* () {
        const sql = yield* SqlClient
        yield* Effect.all(
          [
            sell(1),
            sql.withTransaction(Effect.zipRight(sql`INSERT INTO invoices VALUES (1, 0)`, Effect.yieldNow())),
            sell(1).pipe(Alongside.write(() => sql`INSERT INTO invoices VALUES (2, 0)`)),
            sql`INSERT INTO invoices VALUES (3, 0)`
          ],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          (yield* invoices).map(([number]) => number),
          [1, 2, 3]
        )
        assert.strictEqual(yield* sold, 2)
      })
    )
  )

  it(
    "refuses an aggregate within a transaction of the application, before anything was written too, and undoes one that is left open",
    onShop(
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const asked = yield* Effect.exit(
          sql.withTransaction(Effect.zipRight(sql`INSERT INTO invoices VALUES (1, 0)`, sell(1)))
        )
        assert.isTrue(Exit.isFailure(asked) && Cause.pretty(asked.cause).includes("would wait for itself"))
        yield* sql`BEGIN`
        yield* sql`INSERT INTO invoices VALUES (2, 0)`
        assert.strictEqual(yield* sell(3), 3)
        assert.deepStrictEqual(yield* invoices, [])
        assert.strictEqual(yield* sold, 3)
      })
    )
  )
})

describe("statements alongside a command in memory", () => {
  it("are refused: that store has no transaction", () =>
    Effect.gen(function* () {
      const shelves = yield* Shelf
      const error = yield* Effect.flip(
        shelves("a")
          .Sell({ pieces: 1 })
          .pipe(Alongside.write(() => Effect.void))
      )
      assert.strictEqual(error._tag, "InvalidArgument")
    }).pipe(
      Effect.provide(
        ShelfLive.pipe(
          Layer.provide(ActorSystemLocal.layer),
          Layer.provide(Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer))
        )
      ),
      Effect.scoped,
      Effect.runPromise
    ))
})
