/** How a projection paces itself, on a clock that the test moves, and how it counts on a log whose positions leave some out. */
import { createRequire } from "node:module"
import { join } from "node:path"
import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import type BetterSqlite3 from "better-sqlite3"
import { Duration, Effect, Layer, Logger } from "effect"
import * as Event from "../../src/core/Event.ts"
import * as EventHash from "../../src/core/EventHash.ts"
import { appendOrFail, EventStore } from "../../src/core/EventStore.ts"
import { StreamId } from "../../src/core/StreamId.ts"
import { CheckpointStore } from "../../src/projection/CheckpointStore.ts"
import * as Projection from "../../src/projection/Projection.ts"
import * as ProjectionConfig from "../../src/projection/ProjectionConfig.ts"
import { Projections } from "../../src/projection/Projections.ts"
import * as ProjectionsLocal from "../../src/projection/ProjectionsLocal.ts"
import { ReadModels } from "../../src/projection/ReadModels.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { append, request } from "../sql/Log.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as VirtualClock from "../VirtualClock.ts"

const Sqlite = createRequire(import.meta.url)("better-sqlite3") as typeof BetterSqlite3

const positions = (before: Effect.Effect<void, unknown>) =>
  Projection.make({
    name: "positions",
    version: 1,
    events: [Event.make("Noted", {})],
    tables: ["positions"],
    create: ({ positions }) => [`CREATE TABLE ${positions} (position INTEGER NOT NULL)`],
    apply: (batch, { positions }) =>
      Effect.gen(function* () {
        yield* before
        const sql = yield* SqlClient
        for (const { stored } of batch) yield* sql.unsafe(`INSERT INTO ${positions} VALUES (?)`, [stored.position])
      })
  })

describe("a projection", () => {
  it("waits twice as long after each failure in a row, up to a limit, not always alike, and starts again after a success (PR7)", () => {
    const { clock, pass } = VirtualClock.make()
    const attempts: Array<number> = []
    let isBroken = false
    const failing = Effect.suspend(() => {
      attempts.push(clock.unsafeCurrentTimeMillis())
      return isBroken ? Effect.fail(new Error("cannot")) : Effect.void
    })
    const limits = ProjectionConfig.layer({
      minBackoff: Duration.minutes(1),
      maxBackoff: Duration.hours(1),
      maxAttempts: 1_000,
      // Looks between attempts cost the test time, and change nothing.
      pollInterval: Duration.minutes(10),
      heartbeat: Duration.hours(1)
    })
    return Effect.gen(function* () {
      const asked = yield* Projections
      /** The delays between the attempts, as parts of what they are to be about. */
      const waits = () =>
        attempts.slice(1).map((at, index) => (at - (attempts[index] ?? 0)) / Math.min(60_000 * 2 ** index, 3_600_000))
      // The clock may move on, by a second at most, while the store still works.
      const isRight = (wait: number) => wait >= 0.8 && wait <= 1.25
      const caughtUp = Effect.gen(function* () {
        while ((yield* asked.status("positions")).lag.events > 0) yield* pass(1_000)
      })
      // Into the model that serves: a swap would start again as well.
      yield* append("a", "served")
      yield* caughtUp
      isBroken = true
      attempts.length = 0
      yield* append("a", "first")
      while (attempts.length < 12) yield* pass(1_000)
      assert.isTrue(waits().every(isRight), String(waits()))
      assert.isAbove(new Set(waits().map((wait) => wait.toFixed(2))).size, 3)

      isBroken = false
      yield* caughtUp
      isBroken = true
      attempts.length = 0
      yield* append("a", "second")
      while (attempts.length < 3) yield* pass(1_000)
      assert.isTrue(waits().every(isRight), String(waits()))
    }).pipe(
      Effect.provide(ProjectionsLocal.layer([positions(failing)]).pipe(Layer.provide(limits))),
      Effect.provide(SqliteStore.layer({ filename: ":memory:" })),
      Effect.provide(Logger.remove(Logger.defaultLogger)),
      Effect.withClock(clock),
      Effect.runPromise
    )
  })

  it("passes over what concerns others now and then, and takes an event of its own at once", () => {
    const { clock, pass } = VirtualClock.make()
    const limits = ProjectionConfig.layer({ pollInterval: Duration.minutes(10), heartbeat: Duration.hours(1) })
    let moves = 0
    const counted = Layer.effect(
      CheckpointStore,
      Effect.map(CheckpointStore, (store) => ({
        ...store,
        advance: (...move: Parameters<typeof store.advance>) => {
          moves++
          return store.advance(...move)
        }
      }))
    )
    return Effect.gen(function* () {
      const asked = yield* Projections
      const lag = Effect.map(asked.status("positions"), ({ lag }) => lag.events)
      const appendOther = (commandId: string) => {
        const { commands, ...rest } = request("b", commandId)
        const events = [{ type: "Other", schemaVersion: 1, data: "{}" }]
        return Effect.flatMap(EventStore, (store) =>
          appendOrFail(store, [{ ...rest, commands: commands.map((command) => ({ ...command, events })) }])
        )
      }
      yield* append("a", "first")
      while ((yield* lag) > 0) yield* pass(1_000)
      moves = 0
      // The clock stands: it comes to the first of them, and rests.
      for (let index = 0; index < 20; index++) {
        yield* appendOther(`other ${index}`)
        yield* pass(0)
      }
      assert.strictEqual(moves, 1)
      yield* append("a", "second")
      while ((yield* lag) > 0) yield* pass(0)
      assert.strictEqual(moves, 2)
      for (let index = 20; index < 40; index++) {
        yield* appendOther(`other ${index}`)
        yield* pass(0)
      }
      assert.isAbove(yield* lag, 0)
      yield* pass(1_000)
      assert.strictEqual(yield* lag, 0)
    }).pipe(
      Effect.provide(
        ProjectionsLocal.layer([positions(Effect.void)]).pipe(Layer.provide(limits), Layer.provide(counted))
      ),
      Effect.provide(SqliteStore.layer({ filename: ":memory:" })),
      Effect.provide(Logger.remove(Logger.defaultLogger)),
      Effect.withClock(clock),
      Effect.runPromise
    )
  })

  it.scopedLive(
    "has no lag at rest on a log whose positions leave some out, and a rebuild passes each event once (PR11)",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* temporaryFolder, "d.db")
        const store = SqliteStore.layer({ filename })
        yield* Effect.provide(append("a", "first"), store)

        // As another program may write it, or a store whose sequences have holes.
        const database = new Sqlite(filename)
        const last = database.prepare("SELECT * FROM events").get() as Record<string, unknown>
        const insertEntry =
          database.prepare(`INSERT INTO log_entries (sequence, rule, kind, command_id, stream, answer_version,
          version, position, events, recorded_at, hash, answer) VALUES (?, 1, 1, ?, 1, 1, ?, ?, 1, 0, x'00', '')`)
        const insert =
          database.prepare(`INSERT INTO log_events (position, stream, version, type, schema_version, recorded_at,
          sequence, previous_hash, hash, data) SELECT ?, 1, ?, type, 1, recorded_at, ?, unhex(?), unhex(?), '{}'
          FROM log_events WHERE position = 1`)
        let previousHash = last.hash as string
        for (const [index, position] of [5, 6, 1_000].entries()) {
          const event = {
            position,
            streamId: StreamId.make("a"),
            version: index + 2,
            type: "Noted",
            schemaVersion: 1,
            data: "{}",
            commandId: `gap ${position}`,
            correlationId: `gap ${position}`,
            causationId: null,
            traceparent: null,
            recordedAt: last.recorded_at as number,
            previousHash
          } satisfies EventHash.Hashed
          const hash = EventHash.compute(event)
          const sequence = index + 2
          insertEntry.run(sequence, event.commandId, event.version, position)
          insert.run(position, event.version, sequence, previousHash, hash)
          previousHash = hash
        }
        database.close()

        yield* Effect.gen(function* () {
          const asked = yield* Projections
          const { query } = yield* ReadModels
          yield* asked.awaitPosition("positions", 1_000, "100 seconds")
          assert.deepStrictEqual((yield* asked.status("positions")).lag, { events: 0, seconds: 0 })
          yield* asked.requestRebuild("positions")
          yield* asked.awaitRebuilt("positions")
          const [live] = (yield* asked.list).map(({ lag, position }) => [lag.events, position])
          assert.deepStrictEqual(live, [0, 1_000])
          assert.deepStrictEqual(yield* query("SELECT position FROM positions ORDER BY position", []), [
            [1],
            [5],
            [6],
            [1_000]
          ])
        }).pipe(Effect.provide(Layer.provideMerge(ProjectionsLocal.layer([positions(Effect.void)]), store)))
      })
  )
})
