/** What the tables themselves refuse, whatever writes (ES23, ES34), and how the statements find their rows. */
import type { Connection } from "@effect/sql/SqlConnection"
import { Effect, Layer } from "effect"
import { assert, describe, it } from "vitest"
import { EventStore } from "../../src/core/EventStore.ts"
import { SnapshotStore } from "../../src/core/SnapshotStore.ts"
import { StreamId } from "../../src/core/StreamId.ts"
import { SqlDatabase } from "../../src/sql/SqlDatabase.ts"
import * as SqlEventStore from "../../src/sql/SqlEventStore.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as SqlSnapshotStore from "../../src/sql/SqlSnapshotStore.ts"
import * as UnverifiedLog from "../../src/sql/UnverifiedLog.ts"
import { Writer } from "../../src/sql/Writer.ts"
import { append, log } from "./Log.ts"

type Stores = EventStore | SqlDatabase | Writer

const onStore = (test: Effect.Effect<void, unknown, Stores>) => () =>
  Effect.runPromise(Effect.provide(test, SqliteStore.layer({ filename: ":memory:" })))

/** Runs a statement past the store, as any program could. */
const sql = (statement: string) =>
  Effect.flatMap(Writer, (writer) => writer.transact((connection) => connection.executeRaw(statement, [])))
const query = (statement: string) => Effect.flatMap(SqlDatabase, (database) => database.read(statement, []))

/** An event of stream `a` by its number; the entry that it names is another's. */
const event = (position: string, version: number, stream = 1) =>
  `INTO log_events VALUES (${position}, ${stream}, ${version}, 1, 1, 0, 1, x'00', x'00', '{}')`
const entry = (sequence: number, commandId: string) =>
  `INTO log_entries (sequence, rule, kind, command_id, answer_version, version, position, events, recorded_at, hash, answer)
   VALUES (${sequence}, 1, 1, '${commandId}', 1, 1, 1, 0, 0, x'00', '')`

const stored = Effect.all([
  log,
  ...["commands", "log_streams", "log_names", "log_identity"].map((table) => query(`SELECT * FROM ${table}`))
])

describe("the tables", () => {
  for (const [what, statement] of Object.entries({
    "an event is changed": "UPDATE log_events SET data = '{}'",
    "an event's position is changed": "UPDATE OR REPLACE log_events SET position = 2 WHERE position = 1",
    "an event is deleted": "DELETE FROM log_events WHERE position = 1",
    "an event is replaced by position": `REPLACE ${event("1", 3)}`,
    "an event is replaced by version": `REPLACE ${event("3", 1)}`,
    "an event is replaced on conflict": `INSERT ${event("3", 2)} ON CONFLICT DO UPDATE SET data = 'x'`,
    "a version is left out": `INSERT ${event("3", 4)}`,
    "a position is before the last": `INSERT ${event("2", 1, 9)}`,
    "an entry is changed": "UPDATE log_entries SET answer = ''",
    "an entry is deleted": "DELETE FROM log_entries",
    "an entry is replaced by sequence": `REPLACE ${entry(2, "c-3")}`,
    "an entry leaves out a sequence": `INSERT ${entry(4, "c-3")}`,
    "a command id is taken again": `INSERT ${entry(3, "c-1")}`,
    "a command is replaced": `REPLACE ${entry(3, "c-1")}`,
    "a stream gets another name": "UPDATE log_streams SET stream_id = 'b'",
    "a stream is replaced by number": "REPLACE INTO log_streams VALUES (1, 'b')",
    "a stream is replaced by name": "REPLACE INTO log_streams VALUES (2, 'a')",
    "a name is changed": "UPDATE log_names SET name = 'b'",
    "the log gets another id": "UPDATE log_identity SET log_id = ''",
    "the epoch goes back": "UPDATE log_identity SET epoch = 0",
    "the identity is replaced": "REPLACE INTO log_identity VALUES (1, '', 2)",
    "the identity is deleted": "DELETE FROM log_identity"
  })) {
    it(
      `refuse when ${what} (ES34)`,
      onStore(
        Effect.gen(function* () {
          yield* append("a", "c-1")
          yield* append("a", "c-2")
          const before = yield* stored
          const error = yield* Effect.flip(sql(statement))
          assert.match(error.message, /never changed|next version|next sequence/)
          assert.deepStrictEqual(yield* stored, before)
        })
      )
    )
  }

  it(
    "refuse a number that JavaScript would round; at the last exact position an append is a typed error (ES23)",
    onStore(
      Effect.gen(function* () {
        assert.include((yield* Effect.flip(sql(`INSERT ${event("9007199254740992", 1)}`))).message, "CHECK")
        assert.include((yield* Effect.flip(sql(`INSERT ${event("9007199254740993", 1)}`))).message, "CHECK")
        yield* sql(`INSERT ${event("9007199254740991", 1)}`)
        const store = yield* EventStore
        assert.strictEqual(yield* store.lastPosition, Number.MAX_SAFE_INTEGER)
        assert.strictEqual((yield* Effect.flip(append("a", "c-1")))._tag, "StoreUnavailable")
        assert.strictEqual((yield* UnverifiedLog.readAll(0)).events.length, 1)
      })
    )
  )
})

describe("the statements", () => {
  it(
    "seek their rows and scan no table, so that their cost does not grow with the log",
    onStore(
      Effect.gen(function* () {
        const database = yield* SqlDatabase
        const statements: Array<readonly [sql: string, params: ReadonlyArray<unknown>]> = []
        const spy = (sql: string, params: ReadonlyArray<unknown>) => {
          statements.push([sql, params])
          return database.read(sql, params)
        }
        yield* Effect.gen(function* () {
          const [store, snapshots, streamId] = [yield* EventStore, yield* SnapshotStore, StreamId.make("a")]
          yield* store.listStreams({ prefix: "a", after: "a" })
          yield* store.readStream(streamId)
          yield* store.readStream(streamId, { direction: "backwards" })
          yield* store.readAll(5)
          yield* store.head(streamId)
          yield* store.lastPosition
          yield* snapshots.load(streamId)
          yield* snapshots.readAll({ streamId, version: 1 }, 10)
          yield* store.readJournal(5)
          yield* store.lastEntry(streamId)
          yield* store.journalHead
        }).pipe(
          Effect.provide(Layer.merge(SqlEventStore.layer, SqlSnapshotStore.layer)),
          Effect.provideService(SqlDatabase, { ...database, read: spy })
        )
        // These use only this method of a connection.
        const connection = { executeValues: spy } as unknown as Connection
        yield* database.log.selectKnown(connection, { streamIds: ["a"], names: ["Noted"] })
        yield* database.log.selectCommands(connection, ["c"])
        yield* database.log.selectEnd(connection, undefined)

        assert.strictEqual(statements.length, 15)
        // The dictionary is read whole: it has as many rows as the code has names.
        const byRows = statements.filter(([sql]) => !sql.endsWith("FROM log_names"))
        for (const [sql, params] of byRows) {
          const plan = yield* database.read(`EXPLAIN QUERY PLAN ${sql}`, params)
          const steps = plan.map(([, , , step]) => String(step))
          // A seek names the columns it goes by; the last position is at the end of the table.
          const slow = /SCAN (log_\w+|[ejpsn]|snapshots)\b|TEMP B-TREE|SEARCH (?!(?:log_events|log_entries)$)[^(]*$/
          assert.isEmpty(
            steps.filter((step) => slow.test(step)),
            `${sql}\n${steps.join("\n")}`
          )
        }
      })
    )
  )
})
