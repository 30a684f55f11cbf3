/** BY5: the write-ahead log of SQLite grows under a reader that stays, and shrinks when it is gone. */
import { statSync } from "node:fs"
import { join } from "node:path"
import Sqlite from "better-sqlite3"
import { Deferred, Effect, Fiber, TestClock, TestContext } from "effect"
import { assert, describe, it } from "vitest"
import { EventStore } from "../../src/core/EventStore.ts"
import * as ReadTransaction from "../../src/sql/ReadTransaction.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import * as SqliteDatabase from "../../src/sql/SqliteDatabase.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { Writer } from "../../src/sql/Writer.ts"
import { append, request } from "./Log.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const limit = 1_048_576

const onStore = (test: (filename: string) => Effect.Effect<void, unknown, EventStore | SqlDatabase | Writer>) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(temporaryFolder, (folder) => {
        const filename = join(folder, "daybook.db")
        return Effect.provide(test(filename), SqliteStore.layer({ filename, writeAheadLogLimit: limit }))
      })
    ).pipe(Effect.provide(TestContext.TestContext))
  )

const logSize = (filename: string): number => statSync(`${filename}-wal`).size

/** Another process's reader, as far as SQLite can tell. */
const openReader = (filename: string) => {
  const reader = new Sqlite(filename, { readonly: true })
  reader.exec("BEGIN")
  reader.prepare("SELECT count(*) FROM events").get()
  return () => reader.close()
}

const grow = (filename: string) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const [one] = request("big", "").commands
    const data = JSON.stringify("x".repeat(500_000))
    for (let number = 0; logSize(filename) < 4 * limit; number++) {
      const commands = [{ ...one, commandId: `big-${number}`, events: [{ type: "Noted", schemaVersion: 1, data }] }]
      yield* store.append([{ ...request("big", ""), commands: commands as never }])
    }
  })

describe("the write-ahead log (BY5)", () => {
  it("is cut back by the commits after a reader that stayed", () =>
    onStore((filename) =>
      Effect.gen(function* () {
        yield* append("a", "first")
        const end = openReader(filename)
        yield* grow(filename)
        end()
        for (let number = 0; number < 3; number++) yield* append("a", `later-${number}`)
        assert.isAtMost(logSize(filename), limit)
      })
    ))

  it("is cut back where nothing is written, and not while the reader stays", () =>
    onStore((filename) =>
      Effect.gen(function* () {
        yield* append("a", "first")
        const end = openReader(filename)
        yield* grow(filename)
        yield* TestClock.adjust("10 seconds")
        assert.isAbove(logSize(filename), limit)
        end()
        yield* TestClock.adjust("10 seconds")
        assert.isAtMost(logSize(filename), limit)
        yield* append("a", "later")
      })
    ))

  it("is cut back after a reader of this process too, such as an export", () =>
    onStore((filename) =>
      Effect.gen(function* () {
        yield* append("a", "first")
        const { read } = yield* SqlDatabase
        const [begun, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const reading = yield* Effect.fork(
          ReadTransaction.within(
            read("SELECT count(*) FROM events", []).pipe(
              Effect.zipRight(Deferred.succeed(begun, undefined)),
              Effect.zipRight(Deferred.await(gate))
            )
          )
        )
        yield* Deferred.await(begun)
        yield* grow(filename)
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(reading)
        yield* TestClock.adjust("10 seconds")
        assert.isAtMost(logSize(filename), limit)
      })
    ))

  it("is not touched within a transaction", () =>
    onStore((filename) =>
      Effect.gen(function* () {
        const writer = yield* Writer
        const end = openReader(filename)
        yield* grow(filename)
        end()
        yield* writer.transact((connection) =>
          Effect.gen(function* () {
            yield* connection.executeRaw("INSERT INTO migrations VALUES (99, 'note', '', 0)", [])
            yield* TestClock.adjust("10 seconds")
            assert.isAbove(logSize(filename), limit)
          })
        )
        yield* TestClock.adjust("10 seconds")
        assert.isAtMost(logSize(filename), limit)
      })
    ))
})

describe("full durability", () => {
  it.each(["full", "normal"] as const)(
    "%s: a sync of macOS reaches the drive or need not, after a commit too",
    (durability) =>
      Effect.gen(function* () {
        const filename = join(yield* temporaryFolder, "daybook.db")
        yield* Effect.gen(function* () {
          yield* append("a", "first")
          const writer = yield* Writer
          const values = yield* writer.transact((connection) =>
            Effect.forEach(["fullfsync", "checkpoint_fullfsync"], (name) =>
              Effect.map(connection.executeValues(`PRAGMA ${name}`, []), ([row]) => row?.[0])
            )
          )
          assert.deepStrictEqual(values, durability === "full" ? [1, 1] : [0, 0])
        }).pipe(Effect.provide(SqliteStore.layer({ filename, durability })))
      }).pipe(Effect.scoped, Effect.runPromise)
  )

  it("names a limit outside its range", () => {
    const make = () => SqliteDatabase.layer({ filename: ":memory:", writeAheadLogLimit: -1 })
    assert.throws(make, /writeAheadLogLimit is -1; it is a whole number from 0 /)
  })
})
