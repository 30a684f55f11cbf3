/** How a database file is made, opened and refused: DU8 and ES36. */
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import Sqlite from "better-sqlite3"
import { Effect, type Scope } from "effect"
import { assert, describe, it } from "vitest"
import { EventStore } from "../../src/core/EventStore.ts"
import { checksum, SnapshotStore } from "../../src/core/SnapshotStore.ts"
import { GenerationStore } from "../../src/projection/GenerationStore.ts"
import type { Problem } from "../../src/sql/DatabaseError.ts"
import { migrationsOf } from "../../src/sql/Migrations.ts"
import * as SqliteDatabase from "../../src/sql/SqliteDatabase.ts"
import { sqlite } from "../../src/sql/SqliteDialect.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { Writer } from "../../src/sql/Writer.ts"
import * as Child from "./Child.ts"
import { append, log } from "./Log.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

/** Runs a test on the path of a database that is not there yet. */
const onNewPath = (test: (filename: string) => Effect.Effect<void, unknown, Scope.Scope>) => () =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(temporaryFolder, (folder) => test(join(folder, "daybook.db")))))

const open = (options: SqliteDatabase.SqliteOptions) =>
  Effect.provide(Effect.void, SqliteDatabase.layer(options)).pipe(Effect.either)

/** Opening it fails with the problem and leaves the file as it was. */
const refused = (problem: Problem, options: SqliteDatabase.SqliteOptions, file = options.filename) =>
  Effect.gen(function* () {
    const before = existsSync(file) ? readFileSync(file) : undefined
    const opened = yield* open(options)
    assert.isTrue(opened._tag === "Left", "it was opened")
    if (opened._tag === "Left") {
      assert.strictEqual(opened.left.problem, problem)
      assert.match(opened.left.message, /^\S+ .+; .+[^.]$/)
    }
    assert.deepStrictEqual(existsSync(file) ? readFileSync(file) : undefined, before)
  })

const make = (filename: string) => Effect.provide(append("a", "c-1"), SqliteStore.layer({ filename }))

/** Changes a closed database behind our back. */
const change = (filename: string, ...statements: ReadonlyArray<string>) =>
  Effect.sync(() => {
    const database = new Sqlite(filename)
    for (const statement of statements) database.exec(statement)
    database.close()
  })

describe("opening a database", () => {
  it(
    "names a missing file or folder, and makes neither (DU8)",
    onNewPath((filename) =>
      Effect.gen(function* () {
        yield* refused("missing", { filename, mode: "existing" })
        yield* refused("missing", { filename, mode: "readOnly" })
        yield* refused("missingFolder", { filename: join(filename, "daybook.db") })
        assert.deepStrictEqual(readdirSync(dirname(filename)), [])
      })
    )
  )

  it(
    "names a folder, an empty file, and what is not a database (DU8)",
    onNewPath((filename) =>
      Effect.gen(function* () {
        yield* refused("notAFile", { filename: dirname(filename) }, filename)
        for (const [content, problem] of [
          ["", "empty"],
          ["SQLite", "notADatabase"],
          ["not a database at all ".repeat(500), "notADatabase"]
        ] as const) {
          writeFileSync(filename, content)
          for (const mode of ["create", "existing", "readOnly"] as const) yield* refused(problem, { filename, mode })
        }
      })
    )
  )

  it(
    "names a file or folder that may not be written, which can be opened to read (DU8)",
    onNewPath((filename) =>
      Effect.gen(function* () {
        yield* make(filename)
        chmodSync(filename, 0o444)
        yield* refused("readOnly", { filename })
        assert.strictEqual((yield* open({ filename, mode: "readOnly" }))._tag, "Right")
        chmodSync(filename, 0o644)
        chmodSync(dirname(filename), 0o555)
        yield* Effect.ensuring(
          Effect.all([refused("readOnly", { filename }), refused("readOnly", { filename: `${filename}.new` })]),
          Effect.sync(() => chmodSync(dirname(filename), 0o755))
        )
      })
    )
  )

  it(
    "names the database of another program (DU8)",
    onNewPath((filename) =>
      Effect.gen(function* () {
        yield* change(filename, "CREATE TABLE events (id INTEGER)")
        yield* refused("foreign", { filename })
      })
    )
  )

  it(
    "names a damaged file: cut off, or with a broken schema (DU8)",
    onNewPath((filename) =>
      Effect.gen(function* () {
        yield* make(filename)
        const whole = readFileSync(filename)
        writeFileSync(filename, whole.subarray(0, 4096 * 3))
        yield* refused("damaged", { filename })
        writeFileSync(filename, Buffer.concat([whole.subarray(0, 100), Buffer.alloc(whole.length - 100, 7)]))
        yield* refused("damaged", { filename })
      })
    )
  )

  it(
    "refuses to make a database where the -wal file of a lost one lies (DU8)",
    onNewPath((filename) =>
      Effect.gen(function* () {
        writeFileSync(`${filename}-wal`, "committed, but not yet in the lost file")
        yield* refused("strayLog", { filename }, `${filename}-wal`)
        assert.isFalse(existsSync(filename))
      })
    )
  )

  it(
    "refuses a database of a newer program, with a changed migration, or with one missing (ES36)",
    onNewPath((filename) =>
      Effect.gen(function* () {
        for (const [statement, problem] of [
          ["INSERT INTO migrations VALUES (99, 'later', 'x', 0)", "newer"],
          ["UPDATE migrations SET checksum = 'x'", "migrationChanged"],
          ["UPDATE migrations SET id = 0 WHERE id = 1", "migrationMissing"],
          ["DROP TABLE migrations", "damaged"]
        ] as const) {
          const copy = `${filename}.${problem}`
          yield* make(copy)
          yield* change(copy, statement)
          for (const mode of ["create", "readOnly"] as const) yield* refused(problem, { filename: copy, mode })
        }
      })
    )
  )

  it(
    "commits durably: `synchronous` is what was asked for after the first write too",
    onNewPath((filename) =>
      Effect.gen(function* () {
        for (const [durability, level] of [
          ["full", 2],
          ["normal", 1]
        ] as const) {
          const found = yield* Effect.gen(function* () {
            yield* append("a", `c-${durability}`)
            const writer = yield* Writer
            return yield* writer.transact((connection) => connection.executeValues("PRAGMA synchronous", []))
          }).pipe(Effect.provide(SqliteStore.layer({ filename, durability })))
          assert.deepStrictEqual(found, [[level]])
        }
      })
    )
  )

  it(
    "reads while another process writes, and writes nothing itself",
    onNewPath((filename) =>
      Effect.gen(function* () {
        yield* make(filename)
        const child = yield* Child.start(filename, "append", "other", "20")
        yield* child.ready
        yield* Effect.gen(function* () {
          yield* child.goOn
          yield* child.ended
          const store = yield* EventStore
          assert.deepStrictEqual([yield* store.writtenEnd, yield* store.lastPosition], [undefined, 21])
          assert.strictEqual((yield* log).length, 21)
          const error = yield* Effect.flip(append("a", "c-2"))
          assert.strictEqual(error._tag, "StoreUnavailable")
          assert.include(error.message, "read only")
        }).pipe(Effect.provide(SqliteStore.layer({ filename, mode: "readOnly" })))
      })
    )
  )

  it(
    "leaves one file when it is closed",
    onNewPath((filename) =>
      Effect.gen(function* () {
        yield* make(filename)
        assert.deepStrictEqual(readdirSync(dirname(filename)), ["daybook.db"])
      })
    )
  )
})

describe("making a database", () => {
  it(
    "processes that make and migrate it at once make it once (ES36)",
    onNewPath((filename) =>
      Effect.gen(function* () {
        const children = yield* Effect.all(Array.from({ length: 4 }, () => Child.start(filename, "open")))
        for (const child of children) yield* child.ready
        for (const child of children) yield* child.goOn
        for (const child of children) assert.strictEqual(yield* child.ended, 0)
        const database = new Sqlite(filename, { readonly: true })
        assert.deepStrictEqual(database.prepare("SELECT count(*) FROM migrations").raw().all(), [
          [migrationsOf(sqlite).length]
        ])
        database.close()
        yield* make(filename)
      })
    ),
    30_000
  )

  it(
    "leaves a whole database or none when it is killed",
    onNewPath((filename) =>
      Effect.gen(function* () {
        for (const [name, when, made] of [
          ["fsyncSync", "instead", false],
          ["linkSync", "instead", false],
          ["linkSync", "after", true],
          ["rmSync", "instead", true]
        ] as const) {
          const path = `${filename}.${name}.${when}`
          const child = yield* Child.start(path, "die", name, when)
          assert.strictEqual(yield* child.ended, "SIGKILL")
          assert.strictEqual(existsSync(path), made)
          // What is left under temporary names does no harm.
          yield* make(path)
        }
      })
    ),
    30_000
  )
})

const released = join(import.meta.dirname, "../fixtures/databases")

describe("databases of every version", () => {
  it.each(readdirSync(released).filter((name) => name.endsWith(".db")))(
    "%s is migrated and reads as it was (ES36)",
    (name) =>
      onNewPath((filename) =>
        Effect.gen(function* () {
          copyFileSync(join(released, name), filename)
          yield* Effect.gen(function* () {
            const before = yield* log
            assert.isAbove(before.length, 0)
            yield* append("new", "new")
            assert.deepStrictEqual((yield* log).slice(0, -1), before)
            const store = yield* EventStore
            for (const { streamId, version } of (yield* store.listStreams()).streams) {
              assert.strictEqual((yield* store.readStream(streamId)).events.length, version)
            }
            for (const snapshot of (yield* (yield* SnapshotStore).readAll(null, 1_000)).snapshots) {
              assert.strictEqual(snapshot.checksum, checksum(snapshot))
            }
            const models = yield* Effect.flatMap(GenerationStore, ({ list }) => list)
            if (name.startsWith("0008")) assert.isAbove(models.length, 0)
            for (const { live } of models) assert.isFalse(live?.isAhead ?? false)
          }).pipe(Effect.provide(SqliteStore.layer({ filename })))
        })
      )()
  )
})
