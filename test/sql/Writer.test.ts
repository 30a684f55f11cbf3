/** What the writer promises when it is alone, in company, and when the disk or the commit fails it. */
import { join } from "node:path"
import { SqlError } from "@effect/sql/SqlError"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { assert, describe, it } from "vitest"
import { appendOrFail, EventStore } from "../../src/core/EventStore.ts"
import type { SnapshotStore } from "../../src/core/SnapshotStore.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Writer from "../../src/sql/Writer.ts"
import * as Child from "./Child.ts"
import { faulty, ioError } from "./FaultyStore.ts"
import { append, log, request } from "./Log.ts"
import { temporaryFolder, temporaryStore } from "./TemporaryFolder.ts"

type Stores = EventStore | SnapshotStore | Writer.Writer | SqlDatabase

const onStore = (test: Effect.Effect<void, unknown, Stores | Scope.Scope>) => () =>
  Effect.runPromise(Effect.scoped(Effect.provide(test, temporaryStore)))

const onPath = (test: (filename: string) => Effect.Effect<void, unknown, Scope.Scope>) => () =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(temporaryFolder, (folder) => test(join(folder, "daybook.db")))))

const commandIds = Effect.map(log, (events) => events.map(({ commandId }) => commandId))

describe("group commit", () => {
  it("when the store closes, who was told that nothing was written finds nothing written", () =>
    Effect.gen(function* () {
      const filename = join(yield* temporaryFolder, "daybook.db")
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(SqliteStore.layer({ filename, queueCapacity: 1 }), scope)
      const ids = ["c-0", "c-1", "c-2", "c-3", "c-4"]
      const waiting = yield* Effect.forEach(ids, (id) =>
        Effect.forkDaemon(Effect.either(Effect.provide(append(`s-${id}`, id), context)))
      )
      for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
      yield* Scope.close(scope, Exit.void)
      const answers = yield* Effect.forEach(waiting, Fiber.join)
      const told = ids.filter((_, index) => answers[index]?._tag === "Right")
      assert.isBelow(told.length, ids.length)
      const stored = yield* Effect.provide(
        Effect.flatMap(EventStore, (store) => store.readAll(0)),
        SqliteStore.layer({ filename })
      )
      assert.deepStrictEqual(
        stored.events.map(({ commandId }) => commandId),
        told
      )
    }).pipe(Effect.scoped, Effect.runPromise))

  it(
    "a refused append fails alone, and those after it in the group see those before it",
    onStore(
      Effect.gen(function* () {
        const exits = yield* Effect.all(
          [
            append("a", "c-1", 0),
            append("a", "c-2", 0),
            append("a", "c-3", 1),
            append("a", "c-1"),
            append("b", "c-4")
          ].map(Effect.either),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          exits.map((exit) => (exit._tag === "Right" ? exit.right._tag : exit.left._tag)),
          ["Stored", "VersionConflict", "Stored", "StoredBefore", "Stored"]
        )
        assert.deepStrictEqual(yield* commandIds, ["c-1", "c-3", "c-4"])
      })
    )
  )

  it(
    "many callers are all answered, in order and once, with more of them than the queue has places",
    onPath((filename) =>
      Effect.gen(function* () {
        const count = 3_000
        yield* Effect.forEach(Array.from({ length: count }), (_, index) => append(`s-${index % 7}`, `c-${index}`), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(
          yield* commandIds,
          Array.from({ length: count }, (_, index) => `c-${index}`)
        )
      }).pipe(Effect.provide(SqliteStore.layer({ filename, queueCapacity: 16 })))
    )
  )

  it(
    "a row that the database refuses fails its own call and no other of the group",
    onStore(
      Effect.gen(function* () {
        const store = yield* EventStore
        const bad = request("a", "bad")
        const forged = { ...bad, commands: bad.commands.map((command) => ({ ...command, fingerprint: null as never })) }
        const exits = yield* Effect.all(
          [append("a", "c-1"), appendOrFail(store, [forged]), append("a", "c-2")].map(
            (one: Effect.Effect<unknown, unknown, EventStore>) => Effect.exit(one)
          ),
          {
            concurrency: "unbounded"
          }
        )
        assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, true])
        assert.deepStrictEqual(yield* commandIds, ["c-1", "c-2"])
      })
    )
  )

  it(
    "interrupting a caller ends its wait and nothing else",
    onStore(
      Effect.gen(function* () {
        const writer = yield* Writer.Writer
        const [begun, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        // Holds the writer, so that the append is in the queue when it is interrupted.
        yield* Effect.fork(
          writer.transact(() => Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(gate)))
        )
        yield* Deferred.await(begun)
        const caller = yield* Effect.fork(append("a", "c-1"))
        yield* Effect.yieldNow()
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(caller)))
        yield* Deferred.succeed(gate, undefined)
        yield* append("a", "c-2", 1)
        assert.deepStrictEqual(yield* commandIds, ["c-1", "c-2"])
      })
    )
  )

  it(
    "closing does and answers what was accepted, and refuses what comes later",
    onPath((filename) =>
      Effect.gen(function* () {
        const layer = SqliteStore.layer({ filename })
        const { answers, store } = yield* Effect.gen(function* () {
          const store = yield* EventStore
          const answers = yield* Effect.forEach(["c-1", "c-2", "c-3"], (id) =>
            Effect.forkDaemon(store.append([request("a", id)]))
          )
          yield* Effect.yieldNow()
          return { answers, store }
        }).pipe(Effect.provide(layer))
        for (const answer of answers) assert.isTrue(Exit.isSuccess(yield* Fiber.await(answer)))
        const late = yield* Effect.flip(store.append([request("a", "late")]))
        assert.strictEqual(late._tag, "StoreUnavailable")
        assert.deepStrictEqual(yield* Effect.provide(commandIds, layer), ["c-1", "c-2", "c-3"])
      })
    )
  )

  it(
    "commits wakes a reader that waits",
    onStore(
      Effect.gen(function* () {
        const { commits } = yield* EventStore
        const subscribed = yield* Deferred.make<void>()
        const reader = yield* commits.pipe(
          Stream.onStart(Deferred.succeed(subscribed, undefined)),
          Stream.take(1),
          Stream.runDrain,
          Effect.fork
        )
        yield* Deferred.await(subscribed)
        yield* Effect.repeatN(Effect.yieldNow(), 10)
        yield* append("a", "c-1")
        yield* Fiber.join(reader)
      })
    )
  )
})

describe("work in a transaction", () => {
  const note = "INSERT INTO migrations VALUES (99, 'note', '', 0)"
  const notes = (sql: string) => Effect.flatMap(SqlDatabase, (database) => database.read(sql, []))
  const noted = Effect.map(notes("SELECT count(*) FROM migrations WHERE id = 99"), ([row]) => row?.[0])

  it(
    "is committed with its result, and undone with its error or its defect",
    onStore(
      Effect.gen(function* () {
        const writer = yield* Writer.Writer
        const failing = writer.transact((connection) =>
          Effect.zipRight(connection.executeRaw(note, []), Effect.fail("no"))
        )
        assert.strictEqual(yield* Effect.flip(failing), "no")
        const dying = writer.transact((connection) =>
          Effect.zipRight(connection.executeRaw(note, []), Effect.die("oh"))
        )
        assert.isTrue(Exit.isFailure(yield* Effect.exit(dying)))
        assert.strictEqual(yield* noted, 0)
        assert.strictEqual(yield* writer.transact((connection) => Effect.as(connection.executeRaw(note, []), 7)), 7)
        assert.strictEqual(yield* noted, 1)
      })
    )
  )

  it(
    "a ride that fails is undone alone",
    onStore(
      Effect.gen(function* () {
        const writer = yield* Writer.Writer
        const outcomes = yield* Effect.all(
          [
            Effect.either(append("a", "c-1")),
            Effect.either(
              writer.ride(0, (connection) => Effect.zipRight(connection.executeRaw(note, []), Effect.fail("no")))
            ),
            Effect.either(append("a", "c-2"))
          ],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          outcomes.map(({ _tag }) => _tag),
          ["Right", "Left", "Right"]
        )
        assert.strictEqual(yield* noted, 0)
        assert.deepStrictEqual(yield* commandIds, ["c-1", "c-2"])
      })
    )
  )

  it(
    "statements of a client run in the transaction",
    onStore(
      Effect.gen(function* () {
        const writer = yield* Writer.Writer
        const { readClient: sql } = yield* SqlDatabase
        const failing = writer.transact(() => Effect.zipRight(sql.unsafe(note), Effect.fail("no")))
        assert.strictEqual(yield* Effect.flip(failing), "no")
        yield* writer.transact(() => sql.unsafe(note))
        assert.strictEqual(yield* noted, 1)
      })
    )
  )

  it(
    "which calls the writer is refused, since it would wait for itself",
    onStore(
      Effect.gen(function* () {
        const writer = yield* Writer.Writer
        const nested = writer.transact(() => append("a", "c-1"))
        assert.include(Cause.pretty(yield* Effect.flip(Effect.sandbox(nested))), "within one of the writer's own")
        yield* append("a", "c-2")
        assert.deepStrictEqual(yield* commandIds, ["c-2"])
      })
    )
  )
})

describe("two processes on one file", () => {
  it(
    "lose no version and no command, and store each once",
    onPath((filename) =>
      Effect.gen(function* () {
        const count = 150
        const names = ["left", "right"]
        const children = yield* Effect.forEach(names, (name) => Child.start(filename, "append", name, String(count)))
        for (const child of children) yield* child.ready
        for (const child of children) yield* child.goOn
        for (const child of children) assert.strictEqual(yield* child.ended, 0)
        const ids = yield* Effect.provide(commandIds, SqliteStore.layer({ filename }))
        const expected = names.flatMap((name) => Array.from({ length: count }, (_, number) => `${name}-${number}`))
        assert.deepStrictEqual([...ids].sort(), expected.sort())
      })
    ),
    60_000
  )

  it(
    "a lock held for too long is a typed error; the process stays awake, and goes on when the lock is gone",
    onPath((filename) =>
      Effect.gen(function* () {
        yield* append("a", "c-1")
        const child = yield* Child.start(filename, "lock")
        yield* child.ready
        let turns = 0
        const turn = Effect.async<void>((resume) => {
          setImmediate(() => resume(Effect.void))
        })
        const awake = yield* Effect.fork(Effect.forever(Effect.tap(turn, () => Effect.sync(() => turns++))))
        const errors = yield* Effect.all([append("a", "c-2"), append("b", "c-3")].map(Effect.flip), {
          concurrency: "unbounded"
        })
        yield* Fiber.interrupt(awake)
        assert.deepStrictEqual(
          errors.map(({ _tag }) => _tag),
          ["StoreUnavailable", "StoreUnavailable"]
        )
        assert.include(errors[0]?.message, "locked")
        assert.isAbove(turns, 100)
        assert.deepStrictEqual(yield* commandIds, ["c-1"])

        yield* child.goOn
        yield* child.ended
        yield* append("a", "c-2", 1)
        assert.deepStrictEqual(yield* commandIds, ["c-1", "c-2"])
      }).pipe(Effect.provide(SqliteStore.layer({ filename, lockTimeout: "300 millis" })))
    )
  )
})

describe("faults", () => {
  it(
    "a full disk is a typed error for the group, which leaves nothing; later appends work",
    onStore(
      Effect.gen(function* () {
        const writer = yield* Writer.Writer
        const limit = (pages: number) =>
          writer.transact((connection) => connection.executeValues(`PRAGMA max_page_count = ${pages}`, []))
        yield* append("a", "c-0")
        yield* limit(1)
        const errors: Array<string> = []
        for (let number = 1; errors.length === 0; number++) {
          const exits = yield* Effect.all(
            [append("a", `a-${number}`), append("b", `b-${number}`)].map((effect) =>
              Effect.flip(effect).pipe(Effect.option)
            ),
            { concurrency: "unbounded" }
          )
          for (const exit of exits) if (exit._tag === "Some") errors.push(exit.value._tag)
        }
        assert.deepStrictEqual(errors, ["StoreUnavailable", "StoreUnavailable"])
        const before = yield* commandIds
        yield* limit(1_000_000)
        yield* append("a", "later")
        assert.deepStrictEqual(yield* commandIds, [...before, "later"])
      })
    )
  )

  it(
    "a failed COMMIT is an unknown outcome; the transaction is ended, and later appends work",
    onPath((filename) => {
      let fails = false
      return Effect.gen(function* () {
        yield* append("a", "c-1")
        fails = true
        assert.strictEqual((yield* Effect.flip(append("a", "c-2")))._tag, "OutcomeUnknown")
        fails = false
        assert.deepStrictEqual(yield* commandIds, ["c-1"])
        yield* append("a", "c-3", 1)
        assert.deepStrictEqual(yield* commandIds, ["c-1", "c-3"])
      }).pipe(Effect.provide(faulty(filename, { fault: (sql) => (fails && sql === "COMMIT" ? ioError : undefined) })))
    })
  )

  it(
    "when the transaction cannot be ended either, the writer stops for good and says so",
    onPath((filename) => {
      let fails = false
      return Effect.gen(function* () {
        yield* append("a", "c-1")
        fails = true
        assert.strictEqual((yield* Effect.flip(append("a", "c-2")))._tag, "OutcomeUnknown")
        fails = false
        const error = yield* Effect.flip(append("a", "c-3"))
        assert.strictEqual(error._tag, "StoreUnavailable")
        assert.include(error.message, "restart")
        assert.deepStrictEqual(yield* commandIds, ["c-1"])
      }).pipe(
        Effect.provide(
          faulty(filename, { fault: (sql) => (fails && /^(COMMIT|ROLLBACK)$/.test(sql) ? ioError : undefined) })
        )
      )
    })
  )

  it(
    "a COMMIT that finds the database busy is tried again",
    onPath((filename) => {
      const busy = new SqlError({ cause: Object.assign(new Error("database is locked"), { code: "SQLITE_BUSY" }) })
      let times = 3
      return Effect.gen(function* () {
        yield* append("a", "c-1")
        assert.deepStrictEqual(yield* commandIds, ["c-1"])
        assert.strictEqual(times, 0)
      }).pipe(
        Effect.provide(
          faulty(filename, { fault: (sql) => (sql === "COMMIT" && times > 0 && times-- ? busy : undefined) })
        )
      )
    })
  )
})
