/** OP1: a database beside a write-ahead log that is not its own is refused as it is, and beside its own it never is. */
import { copyFileSync, existsSync, lstatSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import Sqlite from "better-sqlite3"
import { Effect, type Scope } from "effect"
import { assert, describe, it } from "vitest"
import type { EventStore } from "../../src/core/EventStore.ts"
import { backup } from "../../src/sql/Backup.ts"
import { restore } from "../../src/sql/Restore.ts"
import type { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { append, log } from "./Log.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const onPath = (test: (filename: string) => Effect.Effect<void, unknown, Scope.Scope>) => () =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(temporaryFolder, (folder) => test(join(folder, "daybook.db")))))

/** The database as a crash of this instant leaves it. */
const crash = (filename: string): string => {
  const copy = `${filename}.crashed-${process.hrtime.bigint()}`
  copyFileSync(filename, copy)
  if (existsSync(`${filename}-wal`)) copyFileSync(`${filename}-wal`, `${copy}-wal`)
  return copy
}

const at = (filename: string) => ({
  events: Effect.provide(log, SqliteStore.layer({ filename })),
  error: Effect.flip(Effect.provide(Effect.void, SqliteStore.layer({ filename }))),
  run: <A, E>(effect: Effect.Effect<A, E, EventStore | SqlDatabase>) =>
    Effect.provide(effect, SqliteStore.layer({ filename }))
})

/** Runs the work while the database is open, and leaves it as a crash does. */
const crashedAfter = <A, E>(filename: string, work: Effect.Effect<A, E, EventStore | SqlDatabase>) =>
  at(filename).run(
    Effect.zipRight(
      work,
      Effect.sync(() => crash(filename))
    )
  )

const assertForeign = (filename: string) =>
  Effect.gen(function* () {
    const files = [filename, `${filename}-wal`]
    const before = files.map((file) => readFileSync(file))
    const error = yield* at(filename).error
    assert.strictEqual(error.problem, "foreignLog")
    assert.match(error.message, /daybook restore/)
    for (const [index, file] of files.entries()) assert.isTrue(before[index]?.equals(readFileSync(file)), file)
  })

describe("a write-ahead log", () => {
  it(
    "is refused beside a backup that was put in the file's place, and beside an earlier copy of the file (OP1)",
    onPath((filename) =>
      Effect.gen(function* () {
        yield* at(filename).run(append("a", "c-0"))
        const earlier = `${filename}.earlier`
        copyFileSync(filename, earlier)
        const copy = `${filename}.backup`
        const many = Effect.forEach(
          Array.from({ length: 300 }, (_, n) => `m-${n}`),
          (id) => append(id, id)
        )
        yield* at(filename).run(Effect.zipRight(many, backup(copy)))
        const crashed = yield* crashedAfter(filename, append("b", "c-2"))
        for (const replacement of [copy, earlier]) {
          const mixed = crash(crashed)
          copyFileSync(replacement, mixed)
          yield* assertForeign(mixed)
        }
        assert.strictEqual((yield* at(crashed).events).length, 302)
      })
    )
  )

  it(
    "is that of the file itself where the database is opened by a link (OP1)",
    onPath((filename) =>
      Effect.gen(function* () {
        yield* at(filename).run(append("a", "c-1"))
        const link = join(dirname(filename), "link.db")
        symlinkSync(filename, link)
        yield* at(link).run(append("b", "c-2"))
        const copy = `${filename}.backup`
        yield* at(link).run(backup(copy))
        const crashed = yield* crashedAfter(filename, append("b", "c-3"))
        copyFileSync(copy, crashed)
        const other = join(dirname(filename), "other.db")
        symlinkSync(crashed, other)
        assert.strictEqual((yield* at(other).error).problem, "foreignLog")
        yield* assertForeign(crashed)

        yield* restore({ from: copy, to: other, above: 0 })
        assert.isTrue(lstatSync(other).isSymbolicLink())
        assert.strictEqual((yield* at(crashed).events).length, 2)

        const nowhere = join(dirname(filename), "nowhere.db")
        symlinkSync(join(dirname(filename), "missing.db"), nowhere)
        assert.strictEqual((yield* at(nowhere).error).problem, "danglingLink")
        const refused = yield* Effect.flip(restore({ from: copy, to: nowhere, above: 0 }))
        assert.match(refused.message, /is a link to a file that is not there/)
        assert.isTrue(lstatSync(nowhere).isSymbolicLink())
      })
    )
  )

  it(
    "is taken at whatever instant the process that began it was killed (OP1)",
    onPath((filename) =>
      Effect.gen(function* () {
        yield* at(filename).run(append("a", "c-1"))
        // What opening does first: a commit of the mark alone, which has not come to the file.
        const opening = new Sqlite(filename)
        for (const mark of [0, 12_345]) {
          opening.pragma(`user_version = ${mark}`)
          assert.isAbove(statSync(`${filename}-wal`).size, 0)
          assert.strictEqual((yield* at(crash(filename)).events).length, 1)
        }
        opening.close()
        const crashed = yield* crashedAfter(filename, append("a", "c-2"))
        const again = yield* crashedAfter(crashed, append("a", "c-3"))
        assert.strictEqual((yield* at(again).events).length, 3)
      })
    )
  )

  it(
    "of a program that notes no lineage is taken when the whole is sound, and refused when it is not (OP1)",
    onPath((filename) =>
      Effect.gen(function* () {
        yield* at(filename).run(append("a", "c-1"))
        const other = new Sqlite(filename)
        other.exec("CREATE TABLE mine (x INTEGER); INSERT INTO mine VALUES (1)")
        const crashed = crash(filename)
        other.close()
        assert.strictEqual((yield* at(crashed).events).length, 1)
      })
    )
  )

  it(
    "is taken where a reader kept its lineage from the file (OP1)",
    onPath((filename) =>
      Effect.gen(function* () {
        yield* at(filename).run(append("a", "c-1"))
        const reader = new Sqlite(filename, { readonly: true })
        reader.exec("BEGIN")
        reader.prepare("SELECT count(*) FROM log_events").get()
        const crashed = yield* crashedAfter(filename, append("a", "c-2"))
        reader.close()
        assert.strictEqual((yield* at(crashed).events).length, 2)
      })
    ),
    60_000
  )

  it(
    "of another kind, a rollback journal, is refused too (OP1)",
    onPath((filename) =>
      Effect.gen(function* () {
        yield* at(filename).run(append("a", "c-1"))
        writeFileSync(`${filename}-journal`, "of another file")
        assert.strictEqual((yield* at(filename).error).problem, "foreignLog")
      })
    )
  )

  it(
    "what is made may be read by its owner alone: database, log, index and backup (OP7)",
    onPath((filename) =>
      at(filename).run(
        Effect.gen(function* () {
          yield* append("a", "c-1")
          yield* backup(join(dirname(filename), "copy.db"))
          for (const file of [filename, `${filename}-wal`, `${filename}-shm`, join(dirname(filename), "copy.db")]) {
            assert.strictEqual((statSync(file).mode & 0o777).toString(8), "600", file)
          }
        })
      )
    )
  )
})
