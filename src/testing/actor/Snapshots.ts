/** A state from a snapshot is the state from all events, and a snapshot that is not of its stream is never used. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Deferred, Duration, Effect, Option, TestClock } from "effect"
import { noHead } from "../../core/AppendPlan.ts"
import { checksum } from "../../core/SnapshotStore.ts"
import { StreamId } from "../../core/StreamId.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import { add, count, elsewhere, running, type Setting, virtual } from "./Counter.ts"
import { until } from "./Passing.ts"

export const Snapshots: ReadonlyArray<ActorSystemCase> = [
  {
    name: "a state from a snapshot and the events after it is the state from all events, for any snapshot policy (SS12)",
    run: Effect.gen(function* () {
      for (const every of [1, 2, 3, 7]) {
        for (let round = 0; round < 6; round++) {
          yield* running(
            { limits: { snapshotEvery: every } },
            Effect.forEach([1, 2, 3], (by) => add(`s-${every}`, by))
          )
          const expected = (round + 1) * 6
          strictEqual(yield* running({}, count(`s-${every}`)), expected)
          const bare = { snapshots: () => ({ load: () => Effect.succeedNone }) }
          strictEqual(yield* running(bare, count(`s-${every}`)), expected)
        }
      }
    })
  },
  {
    name: "a snapshot that is damaged or of another form is passed over (SS8 SS13)",
    run: Effect.gen(function* () {
      yield* running(
        { limits: { snapshotEvery: 2 } },
        Effect.forEach([1, 2, 3, 4], (by) => add("a", by))
      )
      const damaged: Setting["snapshots"] = (store) => ({
        load: (id, max) =>
          Effect.map(
            store.load(id, max),
            Option.map((snapshot) => ({ ...snapshot, data: '{"count":999}' }))
          )
      })
      strictEqual(yield* running({ snapshots: damaged }, count("a")), 10)
      const foreign: Setting["snapshots"] = (store) => ({
        load: (id, max) =>
          Effect.map(
            store.load(id, max),
            Option.map((snapshot) => {
              const older = { ...snapshot, fingerprint: "older", data: '{"count":999}' }
              return { ...older, checksum: checksum(older) }
            })
          )
      })
      strictEqual(yield* running({ snapshots: foreign }, count("a")), 10)
    })
  },
  {
    name: "a snapshot ahead of its stream is reported, not served",
    run: Effect.gen(function* () {
      yield* running(
        { limits: { snapshotEvery: 2 } },
        Effect.forEach([1, 2, 3, 4], (by) => add("a", by))
      )
      const short: Setting["store"] = (store) => ({
        readStream: (id, options) => store.readStream(id, { ...options, to: Math.min(options?.to ?? 1, 1) }),
        head: (id) =>
          Effect.map(store.readStream(id, { to: 1 }), ({ events: [event] }) => event ?? noHead).pipe(
            Effect.catchTag("StreamDamaged", Effect.die)
          )
      })
      const error = yield* running({ store: short }, Effect.flip(count("a")))
      ok((error as Error).message.includes("ahead of its stream"))
    })
  },
  {
    name: "a snapshot that waits when its stream is cut and rewritten is not stored (JR8)",
    run: Effect.gen(function* () {
      yield* running(
        {},
        Effect.forEach([100, 200, 300], (by) => add("other", by))
      )
      const latch = yield* Deferred.make<void>()
      let isRewritten = false
      const saved: Array<readonly [string, number]> = []
      yield* running(
        {
          limits: { snapshotEvery: 3 },
          store: elsewhere((id) => (isRewritten ? StreamId.make("counter-other") : id)),
          snapshots: () => ({
            load: () => Effect.succeedNone,
            save: (snapshots) =>
              Effect.zipRight(
                Effect.sync(() => void saved.push(...snapshots.map((one) => [one.streamId, one.version] as const))),
                Deferred.await(latch)
              )
          })
        },
        Effect.gen(function* () {
          // The saver is at work on one, so that the other one waits.
          for (const by of [1, 2, 3]) yield* add("first", by)
          yield* until(
            "the first is being saved",
            Effect.sync(() => saved.length === 1)
          )
          for (const by of [1, 2, 3]) yield* add("a", by)
          isRewritten = true
          yield* Deferred.succeed(latch, undefined)
          strictEqual(yield* count("a"), 600)
        })
      )
      deepStrictEqual(saved, [["counter-first", 3]])
    })
  },
  {
    name: "limits of zero events make no snapshot of a stream without any (AC17)",
    run: virtual(
      running(
        { limits: { snapshotMinEvents: 0, snapshotEvery: 0, idleTimeout: Duration.seconds(1) } },
        Effect.gen(function* () {
          strictEqual(yield* count("a"), 0)
          yield* TestClock.adjust("10 seconds")
          for (let times = 0; times < 100; times++) yield* Effect.yieldNow()
          strictEqual((yield* add("a", 1)).count, 1)
        })
      )
    )
  }
]
