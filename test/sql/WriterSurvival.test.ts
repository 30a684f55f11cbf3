/**
 * NB5: what ends the writer is the disk, and nothing else: no logger, no caller's work, no caller that waits for itself
 * or gives up. Where the writer ends all the same, each caller is told so at once.
 */
import { join } from "node:path"
import { Rpc } from "@effect/rpc"
import type { SqlError } from "@effect/sql/SqlError"
import {
  Cause,
  Deferred,
  Duration,
  Effect,
  Either,
  Exit,
  Fiber,
  Layer,
  Logger,
  Schema,
  TestClock,
  TestContext
} from "effect"
import { assert, describe, it } from "vitest"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import { ActorSystem } from "../../src/core/ActorSystem.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import { WithinTransaction } from "../../src/core/StoreError.ts"
import * as Readiness from "../../src/http/Readiness.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Writer from "../../src/sql/Writer.ts"
import { faulty, ioError } from "./FaultyStore.ts"
import { append, log } from "./Log.ts"
import { postgresStore } from "./Postgres.ts"
import { temporaryFolder, temporaryStore } from "./TemporaryFolder.ts"

const stores = {
  sqlite: temporaryStore,
  "sqlite::memory:": SqliteStore.layer({ filename: ":memory:" }),
  postgres: postgresStore()
}
const onEachStore = <E>(name: string, test: Effect.Effect<void, E, Layer.Layer.Success<typeof temporaryStore>>) =>
  it.each(Object.entries(stores))(`${name}, on %s`, (_, store) =>
    Effect.runPromise(Effect.provide(test, Layer.provide(store, quiet)))
  )
const quiet = Logger.remove(Logger.defaultLogger)
const throwing = Logger.replace(
  Logger.defaultLogger,
  Logger.make(() => {
    throw new Error("no space left for the log")
  })
)

const onFile = <A, E>(test: (filename: string) => Effect.Effect<A, E>) =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(temporaryFolder, (folder) => test(join(folder, "daybook.db")))))

const commandIds = Effect.map(log, (events) => events.map(({ commandId }) => commandId))

/** Holds the writer, so that what is called meanwhile waits in its queue. */
const hold = Effect.gen(function* () {
  const writer = yield* Writer.Writer
  const [begun, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  yield* Effect.fork(writer.transact(() => Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(gate))))
  yield* Deferred.await(begun)
  return Deferred.succeed(gate, undefined)
})

const Added = Event.make("Added", { by: Schema.Int })
class Counter extends Aggregate.make("Counter", {
  id: Schema.String,
  state: Schema.Int,
  initial: 0,
  events: [Added],
  commands: [Rpc.make("Add", { payload: { by: Schema.Int }, success: Schema.Int })]
}) {}
const counters = (appendTimeout = Duration.seconds(5)) =>
  Counter.toLayer({
    decide: { Add: ({ by }) => Either.right([Added.make({ by })]) },
    evolve: { Added: (count, { by }) => count + by },
    reply: { Add: (count) => count }
  }).pipe(Layer.provideMerge(ActorSystemLocal.layer), Layer.provide(ActorConfig.layer({ appendTimeout })))
const add = (by: number, options?: Aggregate.CommandOptions) =>
  Effect.flatMap(Counter, (all) => all("a").ask("Add", { by }, options))

describe("a logger that throws (NB5)", () => {
  it("at a full disk leaves the writer to the commands that come when there is space", () =>
    onFile((filename) =>
      Effect.gen(function* () {
        const writer = yield* Writer.Writer
        const limit = (pages: number) =>
          writer.transact((connection) => connection.executeValues(`PRAGMA max_page_count = ${pages}`, []))
        yield* append("a", "first")
        yield* limit(1)
        const [error] = yield* Effect.iterate([] as ReadonlyArray<string>, {
          while: (errors) => errors.length === 0,
          body: () =>
            Effect.match(append("a", `c-${Math.random()}`), { onSuccess: () => [], onFailure: ({ _tag }) => [_tag] })
        })
        assert.strictEqual(error, "StoreUnavailable")
        yield* limit(1_000_000)
        yield* append("a", "later")
        assert.include(yield* commandIds, "later")
      }).pipe(Effect.provide(Layer.provide(SqliteStore.layer({ filename }), throwing)))
    ))

  it("when the writer stops for good takes nothing from what its callers are told", () => {
    let fails = false
    return onFile((filename) =>
      Effect.gen(function* () {
        yield* append("a", "first")
        fails = true
        assert.strictEqual((yield* Effect.flip(append("a", "second")))._tag, "OutcomeUnknown")
        const error = yield* Effect.flip(append("a", "third"))
        assert.strictEqual(error._tag, "StoreUnavailable")
        assert.include(error.message, "restart the process")
      }).pipe(
        Effect.provide(
          Layer.provide(
            faulty(filename, { fault: (sql) => (fails && /^(COMMIT|ROLLBACK)$/.test(sql) ? ioError : undefined) }),
            throwing
          )
        )
      )
    )
  })
})

describe("a caller's work (NB5)", () => {
  const note = "INSERT INTO migrations VALUES (99, 'note', '', 0)"
  const noted = Effect.flatMap(SqlDatabase, ({ read }) =>
    Effect.map(read("SELECT count(*) FROM migrations WHERE id = 99", []), ([row]) => row?.[0])
  )
  const ways: Record<string, () => Effect.Effect<never>> = {
    dies: () => Effect.die(new Error("no")),
    "throws before it is an effect": () => {
      throw new Error("no")
    },
    "interrupts its own fiber": () => Effect.zipRight(Effect.interrupt, Effect.never),
    "has its own fiber interrupted from outside": () =>
      Effect.withFiberRuntime((fiber) => {
        fiber.unsafeInterruptAsFork(fiber.id())
        return Effect.never
      })
  }
  for (const [what, end] of Object.entries(ways)) {
    onEachStore(
      `that ${what} fails alone and is undone, and the writer goes on`,
      Effect.gen(function* () {
        const writer = yield* Writer.Writer
        for (const way of ["ride", "transact"] as const) {
          const work: Writer.Work<void, SqlError, never> = (connection) =>
            what.startsWith("throws") ? end() : Effect.zipRight(connection.executeRaw(note, []), Effect.suspend(end))
          const failing = way === "ride" ? writer.ride(0, work) : writer.transact(work)
          const go = yield* hold
          const exits = yield* Effect.fork(
            Effect.all(
              [append(way, `${way}-1`), failing, append(way, `${way}-2`)].map(
                (one: Effect.Effect<unknown, unknown, EventStore>) => Effect.exit(one)
              ),
              { concurrency: "unbounded" }
            )
          )
          yield* Effect.yieldNow()
          yield* go
          const [before, own, after] = yield* Fiber.join(exits)
          assert.isTrue(before && Exit.isSuccess(before))
          assert.isTrue(after && Exit.isSuccess(after))
          // A defect, since the caller itself was not interrupted.
          assert.isTrue(own && Exit.isFailure(own) && Cause.isDie(own.cause), `${way}: ${own}`)
        }
        assert.strictEqual(Number(yield* noted), 0)
        assert.deepStrictEqual(yield* commandIds, ["ride-1", "ride-2", "transact-1", "transact-2"])
      })
    )
  }

  it("a COMMIT that dies is an unknown outcome, and the transaction is ended", () => {
    let dies = false
    return onFile((filename) =>
      Effect.gen(function* () {
        yield* append("a", "first")
        dies = true
        assert.strictEqual((yield* Effect.flip(append("a", "second")))._tag, "OutcomeUnknown")
        dies = false
        yield* append("a", "third")
        assert.deepStrictEqual(yield* commandIds, ["first", "third"])
      }).pipe(
        Effect.provide(
          faulty(filename, {
            fault: (sql) => {
              if (dies && sql === "COMMIT") throw new Error("a driver that dies")
              return undefined
            }
          })
        )
      )
    )
  })
})

describe("a question within a transaction (NB5)", () => {
  onEachStore(
    "to an aggregate, or for its state, is refused at once with the mistake named, and others are served",
    Effect.gen(function* () {
      const writer = yield* Writer.Writer
      const system = yield* ActorSystem
      /** Far from the transaction, in a service that the work happens to call. */
      const indirectly = Effect.provide(add(5), yield* Effect.context<Aggregate.Service<"Counter">>())
      const questions: Record<string, Effect.Effect<unknown, unknown, EventStore | Aggregate.Service<"Counter">>> = {
        ask: add(5),
        indirectly,
        state: system.state("Counter", "a"),
        append: append("a", "nested"),
        ride: writer.ride(0, () => Effect.void),
        transact: writer.transact(() => Effect.void)
      }
      for (const [name, question] of Object.entries(questions)) {
        const cause = yield* Effect.flip(Effect.sandbox(writer.transact(() => question)))
        const [defect] = Cause.defects(cause)
        assert.instanceOf(defect, WithinTransaction, name)
        assert.include((defect as WithinTransaction).message, "would wait for itself", name)
      }
      // The store goes on, and after its transaction the same fiber may ask.
      yield* Effect.zipRight(
        writer.transact(() => Effect.void),
        add(1)
      )
      assert.strictEqual((yield* add(1)).version, 2)
    }).pipe(Effect.provide(counters()), Effect.timeout("100 seconds"))
  )

  it("of another store is not refused", () =>
    Effect.gen(function* () {
      const other = yield* Layer.build(SqliteStore.layer({ filename: ":memory:" }))
      const nested = Effect.provide(append("a", "nested"), other)
      yield* Effect.flatMap(Writer.Writer, (writer) => writer.transact(() => nested))
      assert.deepStrictEqual(yield* Effect.provide(commandIds, other), ["nested"])
    }).pipe(Effect.scoped, Effect.provide(temporaryStore), Effect.runPromise))
})

describe("an append that is given up (NB5)", () => {
  onEachStore(
    "while it is queued is dropped, and its command is told that nothing was written",
    Effect.gen(function* () {
      // So that the actor lives, and its next command comes to the queue without a read.
      yield* add(1, { commandId: "first" })
      const go = yield* hold
      const asked = yield* Effect.fork(Effect.flip(add(5, { commandId: "given-up" })))
      yield* Effect.repeatN(Effect.yieldNow(), 100)
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual((yield* Fiber.join(asked))._tag, "StoreUnavailable")
      yield* go
      // In the order of the queue: what was given up would have come before it.
      yield* append("b", "later")
      assert.deepStrictEqual(yield* commandIds, ["first", "later"])
      const again = yield* add(5, { commandId: "given-up" })
      assert.isFalse(again.replayed)
    }).pipe(Effect.provide(counters()), Effect.provide(TestContext.TestContext))
  )

  onEachStore(
    "after it began is an unknown outcome, and done",
    Effect.gen(function* () {
      const writer = yield* Writer.Writer
      const [begun, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      yield* add(1)
      const go = yield* hold
      const asked = yield* Effect.fork(Effect.flip(add(5, { commandId: "begun" })))
      yield* Effect.repeatN(Effect.yieldNow(), 100)
      // In the same group, after the append.
      const ride = writer.ride(0, () => Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(gate)))
      yield* Effect.fork(ride)
      yield* Effect.yieldNow()
      yield* go
      yield* Deferred.await(begun)
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual((yield* Fiber.join(asked))._tag, "OutcomeUnknown")
      yield* Deferred.succeed(gate, undefined)
      const again = yield* add(5, { commandId: "begun" })
      assert.isTrue(again.replayed)
    }).pipe(Effect.provide(counters()), Effect.provide(TestContext.TestContext))
  )

  it("makes room for one that waited for a place in the queue", () =>
    onFile((filename) =>
      Effect.gen(function* () {
        const store = yield* EventStore
        const go = yield* hold
        const place: { leave?: () => boolean } = {}
        const [request] = [(id: string) => ({ streamId: id as never, expectedVersion: "any" as const, commands: [] })]
        const first = yield* Effect.fork(Effect.flip(store.append([request("a")], place)))
        yield* Effect.yieldNow()
        const second = yield* Effect.fork(append("a", "second"))
        yield* Effect.yieldNow()
        assert.isTrue(place.leave?.())
        assert.isTrue(place.leave?.())
        assert.strictEqual((yield* Fiber.join(first))._tag, "StoreUnavailable")
        yield* go
        yield* Fiber.join(second)
      }).pipe(Effect.provide(SqliteStore.layer({ filename, queueCapacity: 1 })))
    ))
})

describe("a writer that dies (NB5)", () => {
  /** A defect in the loop itself, where no call's failure is awaited. */
  const dying = (filename: string) =>
    faulty(filename, {
      dialect: {
        isFault: () => {
          throw new Error("a defect of the writer")
        }
      }
    })

  it("tells each call that waits or comes later to restart the process, and is not ready", () =>
    onFile((filename) =>
      Effect.gen(function* () {
        const { isReady } = yield* Readiness.Readiness
        const writer = yield* Writer.Writer
        const go = yield* hold
        const calls: ReadonlyArray<Effect.Effect<unknown, Error & { readonly _tag: string }, EventStore>> = [
          // Refused by the database, which asks the dialect of what kind that is.
          append("a", "deadly").pipe(Effect.provide(yield* forged)),
          writer.transact(() => Effect.void),
          append("b", "behind")
        ]
        const waiting = yield* Effect.forEach(calls, (call) =>
          Effect.zipLeft(Effect.fork(Effect.flip(call)), Effect.yieldNow())
        )
        yield* go
        const [own, ...others] = yield* Effect.forEach(waiting, Fiber.join)
        assert.strictEqual(own?._tag, "OutcomeUnknown")
        others.push(yield* Effect.flip(append("c", "later")))
        others.push(yield* Effect.flip(writer.ride(0, () => Effect.void)))
        for (const error of others) {
          assert.strictEqual(error._tag, "StoreUnavailable")
          assert.include(error.message, "restart the process")
        }
        assert.isFalse(yield* isReady)
        assert.deepStrictEqual(yield* commandIds, [])
      }).pipe(Effect.provide(Layer.provideMerge(Readiness.layer, Layer.provide(dying(filename), quiet))))
    ))

  /** A store under which a command has a fingerprint that no table takes. */
  const forged = Effect.map(EventStore, (store) =>
    Layer.succeed(EventStore, {
      ...store,
      append: (requests) =>
        store.append(
          requests.map((request) => ({
            ...request,
            commands: request.commands.map((command) => ({ ...command, fingerprint: null as never }))
          }))
        )
    })
  )
})
