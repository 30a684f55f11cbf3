/** What somebody changes who can write the file: found, and never served (JR2 to JR4). */
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Logger, type Scope } from "effect"
import { assert, describe, it } from "vitest"
import type * as EventHash from "../../src/core/EventHash.ts"
import { appendOrFail, EventStore } from "../../src/core/EventStore.ts"
import * as Journal from "../../src/core/Journal.ts"
import { EntryDamaged } from "../../src/core/StoreError.ts"
import { StreamId } from "../../src/core/StreamId.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { importBerka } from "../cli/Berka.ts"
import { isLong, random } from "../Random.ts"
import { append, problems, request } from "./Log.ts"
import { client, schema } from "./Postgres.ts"
import { allEntries, allEvents, edit, rechain, tamper } from "./Tamper.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const quiet = Logger.remove(Logger.defaultLogger)
const run = (test: Effect.Effect<void, unknown, Scope.Scope>) => () =>
  Effect.runPromise(Effect.provide(Effect.scoped(test), quiet))
const onPath = (test: (filename: string) => Effect.Effect<void, unknown, Scope.Scope>) =>
  run(Effect.flatMap(temporaryFolder, (folder) => test(join(folder, "daybook.db"))))

const refusal = (id: string, commandId: string) =>
  Effect.flatMap(EventStore, (store) => {
    const { commands, ...rest } = request(id, commandId)
    return appendOrFail(store, [
      { ...rest, commands: commands.map((command) => ({ ...command, events: [], outcome: "refusal" as const })) }
    ])
  })

/** Three streams, a refusal on one of them, and an operation. */
const some = Effect.gen(function* () {
  for (let index = 0; index < 12; index++) yield* append(`s-${index % 3}`, `c-${index}`)
  yield* refusal("s-1", "r-1")
  const store = yield* EventStore
  yield* store.record({ kind: "operation", name: "pause", detail: "{}", principal: null })
  for (let index = 12; index < 18; index++) yield* append(`s-${index % 3}`, `c-${index}`)
})
const headOf = Effect.flatMap(EventStore, (store) => store.journalHead)

const edits = [
  "UPDATE log_entries SET answer = '{}' WHERE command_id = 'c-4'",
  "UPDATE log_entries SET answer_version = 2 WHERE command_id = 'c-4'",
  "UPDATE log_entries SET outcome = 1 WHERE command_id = 'c-4'",
  "UPDATE log_entries SET version = 3 WHERE command_id = 'c-4'",
  "UPDATE log_entries SET position = 1 WHERE command_id = 'c-4'",
  "UPDATE log_entries SET recorded_at = 1 WHERE command_id = 'c-4'",
  "UPDATE log_entries SET principal = 'eve' WHERE command_id = 'c-4'",
  "UPDATE log_entries SET stream = (SELECT stream FROM log_streams WHERE stream_id = 's-2') WHERE command_id = 'c-4'",
  "UPDATE log_events SET hash = previous_hash WHERE position = 5"
]

describe("a kept answer that is not what was stored", () => {
  for (const sql of edits) {
    it(
      `is a typed error of damage and not an answer: ${sql} (JR2)`,
      onPath((filename) =>
        Effect.gen(function* () {
          const store = SqliteStore.layer({ filename })
          yield* Effect.provide(some, store)
          tamper(filename, (database) => database.exec(sql))
          yield* Effect.gen(function* () {
            const error = yield* Effect.flip(append("s-1", "c-4"))
            assert.isTrue(error._tag === "EntryDamaged" && error.sequence === 5)
            assert.include(
              (yield* problems()).map(({ sequence }) => sequence),
              5
            )
            // Others are answered, and the log goes on.
            assert.strictEqual((yield* append("s-2", "c-2"))._tag, "StoredBefore")
          }).pipe(Effect.provide(store))
        })
      )
    )
  }

  it(
    "is one on PostgreSQL too (JR2)",
    run(
      Effect.gen(function* () {
        const url = yield* schema
        const sql = yield* client(url)
        yield* Effect.gen(function* () {
          yield* some
          yield* sql.unsafe("ALTER TABLE log_entries DISABLE TRIGGER USER")
          yield* sql.unsafe("ALTER TABLE log_events DISABLE TRIGGER USER")
          for (const statement of edits) {
            const before = yield* sql.reserve
            yield* before.executeRaw("BEGIN", [])
            yield* before.executeRaw("CREATE TEMP TABLE kept ON COMMIT PRESERVE ROWS AS SELECT * FROM log_entries", [])
            yield* before.executeRaw("CREATE TEMP TABLE events_kept AS SELECT * FROM log_events", [])
            yield* before.executeRaw(statement, [])
            yield* before.executeRaw("COMMIT", [])
            assert.strictEqual((yield* Effect.flip(append("s-1", "c-4")))._tag, "EntryDamaged", statement)
            for (const restore of [
              "DELETE FROM log_entries",
              "INSERT INTO log_entries SELECT * FROM kept",
              "DELETE FROM log_events",
              "INSERT INTO log_events SELECT * FROM events_kept",
              "DROP TABLE kept",
              "DROP TABLE events_kept"
            ]) {
              yield* before.executeRaw(restore, [])
            }
          }
          assert.deepStrictEqual(yield* problems(), [])
          assert.strictEqual((yield* append("s-1", "c-4"))._tag, "StoredBefore")
        }).pipe(Effect.provide(PostgresStore.layer({ url })))
      })
    )
  )
})

describe("a noted head", () => {
  const forgeries: Record<string, readonly [change: string, found: number]> = {
    "the last entries are cut": [
      "DELETE FROM log_events WHERE sequence > 17; DELETE FROM log_entries WHERE sequence > 17",
      18
    ],
    "the last events of one stream are cut": ["DELETE FROM log_events WHERE position > 16 AND stream = 3", 20],
    "a whole stream is cut": [
      "DELETE FROM log_events WHERE stream = 2; DELETE FROM log_entries WHERE stream = 2; DELETE FROM log_streams WHERE stream = 2",
      3
    ],
    "a refusal is cut": ["DELETE FROM log_entries WHERE command_id = 'r-1'", 14],
    "an operation is cut": ["DELETE FROM log_entries WHERE kind = 1", 15],
    "two entries are swapped": [
      "UPDATE log_entries SET sequence = 99 WHERE sequence = 7; UPDATE log_entries SET sequence = 7 WHERE sequence = 8; UPDATE log_entries SET sequence = 8 WHERE sequence = 99",
      7
    ],
    "an event is moved to another stream": ["UPDATE log_events SET stream = 1, version = 99 WHERE position = 18", 20]
  }
  for (const [what, [sql, sequence]] of Object.entries(forgeries)) {
    it(
      `shows it where ${what} (JR3)`,
      onPath((filename) =>
        Effect.gen(function* () {
          const store = SqliteStore.layer({ filename })
          const head = yield* Effect.provide(Effect.zipRight(some, headOf), store)
          tamper(filename, (database) => database.exec(sql))
          const found = yield* Effect.provide(problems(head), store)
          assert.include(
            found.map((problem) => problem.sequence),
            sequence,
            JSON.stringify(found)
          )
        })
      )
    )
  }

  it(
    "shows a forgery whose hashes were all recomputed by somebody who knows the rules, and nothing else does (JR3 JR4)",
    onPath((filename) =>
      Effect.gen(function* () {
        const store = SqliteStore.layer({ filename })
        const head = yield* Effect.provide(Effect.zipRight(some, headOf), store)
        for (const sql of [
          'UPDATE log_events SET data = \'{"amount":"9.00"}\' WHERE position = 4',
          "UPDATE log_entries SET answer = '{}' WHERE command_id = 'r-1'",
          "UPDATE log_entries SET outcome = 0 WHERE command_id = 'r-1'"
        ]) {
          tamper(filename, (database) => {
            database.exec(sql)
            rechain(database)
          })
          assert.deepStrictEqual(yield* Effect.provide(problems(), store), [])
          const found = yield* Effect.provide(problems(head), store)
          assert.deepStrictEqual(
            found.map(({ sequence, streamId }) => [streamId, sequence]),
            [["log", head.sequence]]
          )
        }
      })
    )
  )

  it(
    "passes while the log goes on, and shows an older copy and another log (JR4)",
    onPath((filename) =>
      Effect.gen(function* () {
        const store = SqliteStore.layer({ filename })
        yield* Effect.provide(some, store)
        copyFileSync(filename, `${filename}.older`)
        const head = yield* Effect.provide(Effect.zipRight(append("s-9", "later"), headOf), store)
        yield* Effect.provide(append("s-9", "latest"), store)
        assert.deepStrictEqual(yield* Effect.provide(problems(head), store), [])
        const older = yield* Effect.provide(problems(head), SqliteStore.layer({ filename: `${filename}.older` }))
        assert.deepStrictEqual(
          older.map(({ sequence }) => sequence),
          [head.sequence]
        )
        const other = SqliteStore.layer({ filename: `${filename}.other` })
        const found = yield* Effect.provide(Effect.zipRight(some, problems(head)), other)
        assert.match(found[0]?.problem ?? "", /they part at entry 1/)
      })
    )
  )
})

describe("a real log under random edits", () => {
  it(
    "each is found against a head, at its place, and nothing changed is served as sound (JR2 JR3)",
    onPath((filename) =>
      Effect.gen(function* () {
        const source = `${filename}.source`
        const store = (mode: "existing" | "readOnly") => SqliteStore.layer({ filename, mode })
        if (isLong) assert.strictEqual((yield* importBerka(source)).code, 0)
        else yield* Effect.provide(some, SqliteStore.layer({ filename: source }))
        const head = yield* Effect.provide(headOf, SqliteStore.layer({ filename: source, mode: "readOnly" }))
        const original = tamper(source, (database) => ({
          events: new Map(allEvents(database).map((event) => [event.position, event])),
          entries: new Map(allEntries(database).map((entry) => [entry.sequence, entry]))
        }))
        const next = random("edit the log")
        const count = isLong ? 200 : 60
        for (let index = 0; index < count; index++) {
          copyFileSync(source, filename)
          const made = tamper(filename, (database) => edit(database, next))
          const { found, served, kept } = yield* Effect.gen(function* () {
            const found = yield* problems(head)
            const events = yield* EventStore
            const served: Array<EventHash.Hashed> = []
            for (let after = 0; ; ) {
              const page = yield* Effect.either(events.readAll(after))
              if (page._tag === "Right") {
                served.push(...page.right.events)
                if (!page.right.more) break
                after = page.right.events.at(-1)?.position ?? after
              } else {
                assert(page.left._tag === "StreamDamaged", page.left.message)
                after = page.left.position ?? after
              }
            }
            const { log, read } = yield* SqlDatabase
            const ids = made.sequences.slice(0, 500).flatMap((at) => original.entries.get(at)?.commandId ?? [])
            const kept = yield* log.selectCommands({ executeValues: read } as never, ids)
            return { found, served, kept }
          }).pipe(Effect.provide(store("readOnly")))
          const about = `${index}: ${made.what}: ${JSON.stringify(found.slice(0, 3))}`
          assert.isAbove(found.length, 0, about)
          const places = new Set(made.sequences.flatMap((at) => [at, at + 1]))
          assert.isTrue(
            found.some(({ sequence, streamId }) => streamId === "log" || (sequence !== null && places.has(sequence))),
            about
          )
          for (const event of served) {
            const { principal: _, sequence: __, ...before } = original.events.get(event.position) ?? {}
            assert.deepInclude(event, before, about)
          }
          for (const [id, command] of kept) {
            const entry = [...made.sequences].map((at) => original.entries.get(at)).find((one) => one?.commandId === id)
            if (command instanceof EntryDamaged || entry === undefined) continue
            assert.deepStrictEqual(command, Journal.commandOf(entry), about)
          }
        }
      })
    ),
    1_800_000
  )
})

describe("the end of a stream that was cut", () => {
  it(
    "shows in the stream's last entry, by its version or by the hash of its event (JR3)",
    onPath((filename) =>
      Effect.gen(function* () {
        const layer = SqliteStore.layer({ filename })
        yield* Effect.provide(some, layer)
        tamper(filename, (database) => database.exec("DELETE FROM log_events WHERE position > 15 AND stream = 1"))
        yield* Effect.gen(function* () {
          const store = yield* EventStore
          const streamId = StreamId.make("s-0")
          assert.isBelow((yield* store.head(streamId)).version, (yield* store.lastEntry(streamId))?.version ?? 0)
        }).pipe(Effect.provide(layer))
      })
    )
  )
})
