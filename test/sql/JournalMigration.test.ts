/** How a log of before the journal gets its entries, in place (JR5), and who may write to it afterwards. */
import { copyFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import type { SqlClient } from "@effect/sql/SqlClient"
import Sqlite from "better-sqlite3"
import { Effect, Either, Logger, type Scope } from "effect"
import { assert, describe, it } from "vitest"
import * as EventHash from "../../src/core/EventHash.ts"
import { EventStore, type StoredCommand } from "../../src/core/EventStore.ts"
import * as Journal from "../../src/core/Journal.ts"
import { StreamId } from "../../src/core/StreamId.ts"
import { checksum, migrationsOf } from "../../src/sql/Migrations.ts"
import * as PostgresDialect from "../../src/sql/PostgresDialect.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import { sqlite } from "../../src/sql/SqliteDialect.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { isLong, random } from "../Random.ts"
import * as Child from "./Child.ts"
import { append, log, problems } from "./Log.ts"
import * as OldLog from "./OldLog.ts"
import { client, schema } from "./Postgres.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const quiet = Logger.remove(Logger.defaultLogger)
const onPath = (test: (filename: string) => Effect.Effect<void, unknown, Scope.Scope>) => () =>
  Effect.runPromise(
    Effect.flatMap(temporaryFolder, (folder) => test(join(folder, "daybook.db"))).pipe(
      Effect.scoped,
      Effect.provide(quiet)
    )
  )

const journal = Effect.gen(function* () {
  const store = yield* EventStore
  const all: Array<Journal.JournalEntry> = []
  for (;;) {
    const { entries, more } = yield* store.readJournal(all.length)
    all.push(...entries)
    if (!more) return all
  }
})

interface Old {
  readonly events: ReadonlyArray<Record<string, unknown>>
  readonly commands: ReadonlyArray<Record<string, unknown>>
}
const commandFields = "command_id, stream_id, fingerprint, outcome, answer, version, position, command, answer_version"
/** What the tables of the layout before hold, or the views in their place. */
const rowsOf = (database: Sqlite.Database): Old => ({
  events: database
    .prepare(
      `SELECT position, stream_id, version, type, schema_version, data, command_id, correlation_id, causation_id,
       traceparent, recorded_at, previous_hash, hash FROM events ORDER BY position`
    )
    .all() as Old["events"],
  commands: database
    .prepare(`SELECT ${commandFields} FROM commands ORDER BY position, command_id`)
    .all() as Old["commands"]
})
const readOld = (filename: string): Old => {
  const database = new Sqlite(filename, { readonly: true })
  const rows = rowsOf(database)
  database.close()
  return rows
}

const postgres = PostgresDialect.make({ sender: "old", statementTimeoutMs: 60_000, synchronousCommit: null })

/** Makes the tables of the layout before. */
const makeOld = (sql: SqlClient) =>
  Effect.gen(function* () {
    yield* sql.unsafe(
      postgres.definition(`CREATE TABLE migrations (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL
      ) STRICT`)
    )
    for (const [index, step] of migrationsOf(postgres).entries()) {
      if (step.name === "journal") return
      for (const statement of step.up) yield* sql.unsafe(statement)
      yield* sql.unsafe("INSERT INTO migrations VALUES ($1, $2, $3, 0)", [index + 1, step.name, checksum(step)])
    }
  })

/** It opens, says that all is well, holds what it held, and goes on. */
const assertMigrated = (filename: string, before: Old) =>
  Effect.gen(function* () {
    yield* Effect.gen(function* () {
      assert.deepStrictEqual(yield* problems(), [])
      const entries = yield* journal
      assert.deepStrictEqual(
        entries.map(({ commandId }) => commandId),
        before.commands.map((command) => command.command_id)
      )
      assert.isTrue(entries.every(({ kind, rule }) => rule === Journal.rules.migrated && kind === "command"))
      yield* append("new", "new")
      const last = (yield* journal).at(-1)
      assert.deepStrictEqual([last?.sequence, last?.rule], [entries.length + 1, Journal.rules.decided])
      assert.deepStrictEqual(yield* problems(), [])
      assert.strictEqual((yield* log).length, before.events.length + 1)
    }).pipe(Effect.provide(SqliteStore.layer({ filename })))
    const { commands, events } = readOld(filename)
    assert.deepStrictEqual(events.slice(0, -1), before.events)
    assert.deepStrictEqual(
      commands.filter(({ command_id }) => command_id !== "new"),
      before.commands
    )
  })

const released = join(import.meta.dirname, "../fixtures/databases")
/** Those of before the journal; the later ones have it. */
const older = readdirSync(released).filter((name) => name.endsWith(".db") && name < "0008")

describe("a log of before the journal", () => {
  it.each(older)("%s gets its entries and goes on (JR5)", (name) =>
    onPath((filename) =>
      Effect.gen(function* () {
        copyFileSync(join(released, name), filename)
        const database = new Sqlite(filename)
        // To read earlier layouts here, the step before the journal is needed.
        const [answers] = migrationsOf(sqlite).filter((step) => step.name === "answers")
        const isOlder = database.prepare("SELECT 1 FROM migrations WHERE name = 'answers'").get() === undefined
        if (isOlder) for (const statement of answers?.up ?? []) database.exec(`${statement}`)
        const before = rowsOf(database)
        database.close()
        copyFileSync(join(released, name), filename)
        yield* assertMigrated(filename, before)
      })
    )()
  )

  it(
    "gets entries in the order (position, id), whatever the order of ids and however long (JR5)",
    onPath((filename) =>
      Effect.gen(function* () {
        OldLog.make(filename, 2_000)
        yield* assertMigrated(filename, readOld(filename))
      })
    )
  )

  const damages: Record<string, readonly [sql: string, says: RegExp]> = {
    "an event was changed": [
      "UPDATE events SET data = '{}' WHERE position = 700",
      /s-\d version \d+: differs from its hash/
    ],
    "a chain is broken": ["UPDATE events SET previous_hash = hash WHERE position = 700", /is not chained/],
    "an event is missing": [
      "DELETE FROM events WHERE position = 700",
      /no event is where one of its commands ends|follows/
    ],
    "the first event of a command is missing": [
      "DELETE FROM events WHERE position = (SELECT position - 1 FROM commands WHERE position > 700 AND version > 1 AND EXISTS (SELECT 1 FROM events AS e WHERE e.command_id = commands.command_id AND e.position = commands.position - 1) ORDER BY position LIMIT 1)",
      /version \d+: follows version/
    ],
    "a command is missing": [
      "DELETE FROM commands WHERE command_id = (SELECT command_id FROM events WHERE position = 700)",
      /version \d+: its command is missing/
    ],
    "the last command is missing": [
      "DELETE FROM commands WHERE command_id = (SELECT command_id FROM events ORDER BY position DESC LIMIT 1)",
      /version \d+: its command is missing/
    ],
    "a refusal ends nowhere": [
      "UPDATE commands SET version = version + 500 WHERE outcome = 'refusal' AND position > 700",
      /no event is where one of its commands ends/
    ]
  }
  for (const [what, [sql, says]] of Object.entries(damages)) {
    it(
      `stays as it is where ${what}, and the place is named (JR5)`,
      onPath((filename) =>
        Effect.gen(function* () {
          OldLog.make(filename, 1_000)
          const database = new Sqlite(filename)
          for (const trigger of database
            .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            .pluck()
            .all()) {
            database.exec(`DROP TRIGGER ${trigger}`)
          }
          assert.isAbove(database.prepare(sql).run().changes, 0)
          database.close()
          const before = readOld(filename)
          const opened = yield* Effect.either(Effect.provide(Effect.void, SqliteStore.layer({ filename })))
          assert.isTrue(Either.isLeft(opened) && opened.left.problem === "unmigrated")
          assert.match(String(Either.isLeft(opened) && opened.left.message), says)
          // The release before opens it: its tables and its steps are there, and no other.
          assert.deepStrictEqual(readOld(filename), before)
          const after = new Sqlite(filename, { readonly: true })
          assert.isUndefined(after.prepare("SELECT 1 FROM sqlite_master WHERE name LIKE 'log%'").get())
          after.close()
        })
      )
    )
  }

  it(
    "goes on or begins again when its migration is killed at any instant, and is never half (JR5)",
    onPath((filename) =>
      Effect.gen(function* () {
        const count = isLong ? 1_000_000 : 20_000
        const kills = isLong ? 10 : 4
        const next = random("kill the migration")
        const source = `${filename}.source`
        OldLog.make(source, count, isLong ? 10_000 : 100)
        let whole = Number.POSITIVE_INFINITY
        let killed = 0
        for (let round = 0; round <= kills; round++) {
          copyFileSync(source, filename)
          const child = yield* Child.start(filename, "open")
          yield* child.ready
          const begun = Date.now()
          yield* child.goOn
          // The first one is not killed; the others at a random instant of the time that it took.
          const ended = yield* Effect.raceFirst(
            child.ended,
            round === 0 ? Effect.never : Effect.as(Effect.delay(child.kill, next() * whole), "killed" as const)
          )
          if (ended !== "killed") {
            assert.strictEqual(ended, 0)
            whole = Math.min(whole, Date.now() - begun)
          } else {
            killed++
            yield* child.ended
          }
          const database = new Sqlite(filename, { readonly: true })
          const steps = database.prepare("SELECT count(*) FROM migrations").pluck().get()
          const names = migrationsOf(sqlite).map(({ name }) => name)
          const [known, old] = [names.length, names.indexOf("journal")]
          assert.include([known, old], steps)
          assert.strictEqual(database.prepare("SELECT count(*) FROM commands").pluck().get(), count)
          database.close()
        }
        console.log(`killed ${killed} times of ${kills}; the whole takes ${whole} ms`)
        yield* Effect.gen(function* () {
          assert.deepStrictEqual(yield* problems(), [])
          assert.strictEqual((yield* (yield* EventStore).journalHead).sequence, count)
        }).pipe(Effect.provide(SqliteStore.layer({ filename })))
      })
    ),
    1_800_000
  )
})

describe("a writer of before the journal", () => {
  const event = [1_000_000, "s-1", 1_000, "Noted", 1, "{}", "late", "late", null, null, 0, "", ""]
  const command = ["late", "s-1", "f", "success", "{}", 1_000, 1_000_000, null, 1]
  const says = /this log was migrated to a newer release/

  it(
    "is refused by SQLite at its next append, with statements that it prepared before, and reads on",
    onPath((filename) =>
      Effect.gen(function* () {
        OldLog.make(filename, 100)
        const old = new Sqlite(filename)
        const [one, kept] = [old.prepare(OldLog.insertEvent), old.prepare(OldLog.insertCommand)]
        const heads = old.prepare("SELECT max(version) FROM events WHERE stream_id = ?").pluck()
        const before = heads.get("s-1")
        yield* Effect.provide(append("s-2", "new"), SqliteStore.layer({ filename }))
        assert.throws(() => one.run(event), says)
        assert.throws(() => kept.run(command), says)
        assert.throws(() => old.exec("UPDATE commands SET answer = ''"), /view/)
        assert.strictEqual(heads.get("s-1"), before)
        old.close()
        assert.deepStrictEqual(yield* Effect.provide(problems(), SqliteStore.layer({ filename })), [])
      })
    )
  )

  it(
    "is refused by PostgreSQL too, whose log was migrated under it",
    onPath(() =>
      Effect.gen(function* () {
        const url = yield* schema
        const sql = yield* client(url)
        yield* makeOld(sql)
        const connection = yield* sql.reserve
        const insert = (table: string, values: ReadonlyArray<unknown>) =>
          connection.executeRaw(
            `INSERT INTO ${table} VALUES (${values.map((_, index) => `$${index + 1}`).join(", ")})`,
            values
          )
        const hashed = {
          position: 1,
          streamId: StreamId.make("a"),
          version: 1,
          type: "Noted",
          schemaVersion: 1,
          data: "{}",
          commandId: "c-1",
          correlationId: "c-1",
          causationId: null,
          traceparent: null,
          recordedAt: 5,
          previousHash: EventHash.genesis
        } satisfies EventHash.Hashed
        yield* insert("events", [...Object.values(hashed), EventHash.compute(hashed)])
        yield* insert("commands", ["c-1", "a", "f", "success", "{}", 1, 1, null, 1])
        yield* insert("commands", ["c-0", "b", "f", "refusal", "{}", 0, 0, "Note", 2])
        yield* Effect.gen(function* () {
          assert.deepStrictEqual(yield* problems(), [])
          const entries = yield* journal
          assert.deepStrictEqual(
            entries.map((entry) => (Journal.commandOf(entry) as StoredCommand).commandId),
            ["c-0", "c-1"]
          )
          yield* append("a", "c-2", 1)
          assert.deepStrictEqual(yield* problems(), [])
        }).pipe(Effect.provide(PostgresStore.layer({ url })))
        for (const [table, values] of [
          ["events", [9, "a", 3, "Noted", 1, "{}", "late", "late", null, null, 5, "", ""]],
          ["commands", ["late", "a", "f", "success", "{}", 3, 9, null, 1]]
        ] as const) {
          const error = yield* Effect.flip(insert(table, values))
          assert.match(String(error.cause), says)
        }
        assert.strictEqual((yield* sql.unsafe("SELECT * FROM events")).length, 2)
      })
    )
  )

  it("is permitted by each step that says so, and the steps before the journal refuse nobody", () => {
    assert.deepStrictEqual(
      migrationsOf(sqlite).map(({ name, oldestWriter }) => [name, oldestWriter]),
      [
        ["spine", "spine"],
        ["read side", "spine"],
        ["leases", "spine"],
        ["answers", "spine"],
        ["journal", "journal"],
        ["checkpoints", "journal"],
        ["operations", "journal"],
        ["exclusions", "journal"]
      ]
    )
  })
})
