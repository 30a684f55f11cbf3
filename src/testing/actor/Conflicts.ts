/** What an actor does about events that another writer stored, and about a stream that is another than it knew. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Duration, Effect, Fiber, Option } from "effect"
import type { Snapshot } from "../../core/SnapshotStore.ts"
import { StreamId } from "../../core/StreamId.ts"
import { proposed } from "../ProposedCommand.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import { add, count, elsewhere, running, stored, virtual } from "./Counter.ts"
import { pass, until } from "./Passing.ts"

/** What another writer appends. */
const rival = (commandId: string) =>
  proposed(commandId, { events: [{ type: "Added", schemaVersion: 1, data: '{"by":1}' }] })

export const Conflicts: ReadonlyArray<ActorSystemCase> = [
  {
    name: "after another writer's events the actor reads them and decides again (AC9)",
    run: running(
      {},
      Effect.gen(function* () {
        yield* add("a", 1)
        yield* running({}, add("a", 10))
        strictEqual((yield* add("a", 1)).count, 12)
        strictEqual((yield* stored("a")).length, 3)
        yield* running({}, add("a", 10))
        // Reads, refusals and expected versions see the other writer too.
        strictEqual(yield* count("a"), 22)
        yield* running({}, add("a", 10))
        const error = yield* Effect.flip(add("a", 13))
        ok(error._tag === "TooMuch" && error.count === 32)
        yield* running({}, add("a", 10))
        strictEqual((yield* add("a", 1, { expectedVersion: 6 })).count, 43)
      })
    )
  },
  {
    name: "who loses to another writer each time gets a typed conflict after 3 retries (AC9)",
    run: virtual(
      Effect.gen(function* () {
        let appends = 0
        const program = Effect.gen(function* () {
          const fiber = yield* Effect.fork(Effect.flip(add("a", 1)))
          yield* until("a conflict", Effect.zipRight(pass("1 second"), Effect.map(Fiber.poll(fiber), Option.isSome)))
          strictEqual((yield* Fiber.join(fiber))._tag, "VersionConflict")
        })
        yield* running(
          {
            store: (store) => ({
              append: (requests) =>
                Effect.suspend(() => {
                  appends++
                  const streamId = StreamId.make("counter-a")
                  const first = store.append([
                    { streamId, expectedVersion: "any", commands: [rival(`rival-${appends}`)] }
                  ])
                  return Effect.zipRight(first, store.append(requests))
                })
            })
          },
          program
        )
        strictEqual(appends, 4)
      })
    )
  },
  {
    name: "commands that are decided again keep their order before those that came later (AC9 AC2)",
    run: Effect.gen(function* () {
      let rivals = 1
      yield* running(
        {
          limits: { maxBatch: 2 },
          store: (store) => ({
            append: (requests) =>
              Effect.suspend(() => {
                if (rivals-- <= 0) return store.append(requests)
                const streamId = StreamId.make("counter-a")
                return Effect.zipRight(
                  store.append([{ streamId, expectedVersion: "any", commands: [rival("rival")] }]),
                  store.append(requests)
                )
              })
          })
        },
        Effect.gen(function* () {
          const asked = [101, 102, 103, 104, 105].map((by) => add("a", by))
          yield* Effect.all(asked, { concurrency: "unbounded" })
          deepStrictEqual(
            (yield* stored("a")).map((event) => JSON.parse(event.data).by),
            [1, 101, 102, 103, 104, 105]
          )
        })
      )
    })
  },
  {
    name: "a read folds what another process wrote once, and the next command goes on from there (AC9)",
    run: Effect.gen(function* () {
      const reads: Array<number | undefined> = []
      let appends = 0
      yield* running(
        {
          store: (store) => ({
            readStream: (id, options) => {
              reads.push(options?.from)
              return store.readStream(id, options)
            },
            append: (requests) => {
              appends++
              return store.append(requests)
            }
          })
        },
        Effect.gen(function* () {
          strictEqual(yield* count("a"), 0)
          yield* running(
            {},
            Effect.forEach([1, 2, 3], (by) => add("a", by))
          )
          for (let round = 0; round < 3; round++) strictEqual(yield* count("a"), 6)
          strictEqual((yield* add("a", 1)).count, 7)
        })
      )
      deepStrictEqual([reads, appends], [[1, 1], 1])
    })
  },
  {
    name: "reading what another writer stored does not hold the actor for ever (AC9 AC13)",
    run: virtual(
      Effect.gen(function* () {
        let hang = false
        yield* running(
          {
            limits: { recoveryTimeout: Duration.seconds(3) },
            store: (store) => ({
              readStream: (id, options) => {
                if (!hang) return store.readStream(id, options)
                hang = false
                return Effect.uninterruptible(Effect.never)
              }
            })
          },
          Effect.gen(function* () {
            yield* add("a", 1)
            yield* running({}, add("a", 10))
            hang = true
            const fiber = yield* Effect.fork(add("a", 1))
            const done = Effect.map(Fiber.poll(fiber), Option.isSome)
            yield* until("the answer", Effect.zipRight(pass("1 second"), done))
            strictEqual((yield* Fiber.join(fiber)).count, 12)
          })
        )
      })
    )
  },
  {
    name: "two systems over one store lose no update and write no version twice (AC10)",
    run: Effect.gen(function* () {
      const adds = Effect.forEach(Array.from({ length: 200 }), () => Effect.retry(add("a", 1), { times: 100 }), {
        concurrency: 5
      })
      yield* Effect.all([running({}, adds), running({}, adds)], { concurrency: 2 })
      const events = yield* stored("a")
      deepStrictEqual(
        events.map(({ version }) => version),
        Array.from({ length: 400 }, (_, index) => index + 1)
      )
      strictEqual(yield* running({}, count("a")), 400)
    })
  },
  {
    name: "a stream that is shorter than the actor knows it, for example that of a restored backup, is loaded again",
    run: Effect.gen(function* () {
      yield* running({}, add("restored", 100))
      let isRestored = false
      yield* running(
        {
          store: elsewhere((id) => (isRestored ? StreamId.make("counter-restored") : id)),
          snapshots: () => ({ load: () => Effect.succeedNone })
        },
        Effect.gen(function* () {
          for (const by of [1, 2, 3]) yield* add("a", by)
          isRestored = true
          strictEqual((yield* add("a", 1)).count, 101)
          isRestored = false
          strictEqual(yield* count("a"), 6)
          isRestored = true
          strictEqual(yield* count("a"), 101)
        })
      )
    })
  },
  {
    name: "a stream that was cut and rewritten under its actor is noticed at the next append or read, and loaded again (JR8)",
    run: Effect.gen(function* () {
      // As long as the actor's, shorter, and longer with another past.
      const pasts = { same: [100, 200, 300], shorter: [100], longer: [100, 200, 300, 400] }
      for (const [past, amounts] of Object.entries(pasts)) {
        yield* running(
          {},
          Effect.forEach(amounts, (by) => add(past, by))
        )
        const sum = amounts.reduce((total, by) => total + by, 0)
        for (const how of ["append", "read", "refusal"]) {
          let isRewritten = false
          const saved: Array<Snapshot> = []
          yield* running(
            {
              limits: { snapshotEvery: 1 },
              store: elsewhere((id) => (isRewritten ? StreamId.make(`counter-${past}`) : id)),
              snapshots: () => ({
                load: () => Effect.succeedNone,
                save: (snapshots) => Effect.sync(() => void saved.push(...snapshots))
              })
            },
            Effect.gen(function* () {
              const id = `${past}-${how}`
              for (const by of [1, 2, 3]) yield* add(id, by)
              yield* until(
                "three snapshots",
                Effect.sync(() => saved.some(({ version }) => version === 3))
              )
              saved.length = 0
              isRewritten = true
              if (how === "append") {
                const answer = yield* add(id, 0)
                deepStrictEqual([answer.count, answer.version], [sum, amounts.length + 1])
                amounts.push(0)
              } else if (how === "read") {
                strictEqual(yield* count(id), sum)
              } else {
                // A refusal is of the real stream too.
                const error = yield* Effect.flip(add(id, 13))
                ok((error as { readonly count?: number }).count === sum)
              }
              strictEqual(yield* count(id), sum)
            })
          )
          // What was saved since is of the stream that is there.
          const real = new Set((yield* stored(past)).map(({ hash }) => hash))
          for (const { eventHash } of saved) ok(real.has(eventHash), `${past} ${how}`)
        }
      }
    })
  }
]
