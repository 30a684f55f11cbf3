/** How a database gets from any version to this one (ES36), with steps made up for the test. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { apply, checksum, type Migration, migrationsOf, problemOf } from "../../src/sql/Migrations.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import { sqlite } from "../../src/sql/SqliteDialect.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { Writer } from "../../src/sql/Writer.ts"

const migrations = migrationsOf(sqlite)
const step = (name: string, ...up: ReadonlyArray<string>): Migration => ({
  name,
  oldestWriter: "spine",
  up
})
const notes = step("notes", "CREATE TABLE notes (text TEXT) STRICT", "INSERT INTO notes VALUES ('once')")
const broken = step("broken", "INSERT INTO notes VALUES ('twice')", "INSERT INTO nowhere VALUES (1)")

describe("migrations", () => {
  it("applies what is missing once, and nothing of a list with a step that fails (ES36)", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const writer = yield* Writer
        const database = yield* SqlDatabase
        const migrate = (known: ReadonlyArray<Migration>) =>
          writer.transact((connection) => apply(connection, sqlite, known))
        yield* migrate([...migrations, notes])
        yield* migrate([...migrations, notes])
        const failed = yield* Effect.either(migrate([...migrations, notes, broken]))
        assert.strictEqual(failed._tag, "Left")
        assert.deepStrictEqual(yield* database.read("SELECT text FROM notes", []), [["once"]])
        assert.deepStrictEqual(yield* database.read("SELECT id, name FROM migrations", []), [
          ...migrations.map(({ name }, index) => [index + 1, name]),
          [migrations.length + 1, "notes"]
        ])
        assert.strictEqual(yield* Effect.flip(migrate(migrations)), "newer")
      }).pipe(Effect.provide(SqliteStore.layer({ filename: ":memory:" })))
    ))

  it("refuses steps that are newer, missing or changed, and no others (ES36)", () => {
    const known = [notes, broken]
    const applied = known.map((migration, index) => ({ id: index + 1, checksum: checksum(migration) }))
    const [first, second] = [applied.slice(0, 1), applied.slice(1)]
    assert.isUndefined(problemOf([], known))
    assert.isUndefined(problemOf(first, known))
    assert.isUndefined(problemOf(applied, known))
    assert.strictEqual(problemOf(applied, [notes]), "newer")
    assert.strictEqual(problemOf(second, known), "migrationMissing")
    assert.strictEqual(problemOf(applied, [notes, step("broken", "SELECT 1")]), "migrationChanged")
  })
})
