/** Which actors are in memory, for how long, and what they may hold there. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Context, Deferred, Duration, Effect, Fiber, Logger, Option, TestClock } from "effect"
import { SnapshotStore } from "../../core/SnapshotStore.ts"
import { StreamId } from "../../core/StreamId.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import { Added, add, behaviour, count, type Decide, running, stored, tagOf, virtual } from "./Counter.ts"
import { pass, until } from "./Passing.ts"

export const Residency: ReadonlyArray<ActorSystemCase> = [
  {
    name: "an idle actor leaves memory, its snapshot is kept, and the next command recovers it (AC17)",
    run: virtual(
      Effect.gen(function* () {
        const reads: Array<number | undefined> = []
        yield* running(
          {
            limits: { idleTimeout: Duration.minutes(1), snapshotMinEvents: 2 },
            store: (store) => ({
              readStream: (id, options) => {
                reads.push(options?.from)
                return store.readStream(id, options)
              }
            })
          },
          Effect.gen(function* () {
            for (const by of [1, 2, 3]) yield* add("a", by)
            deepStrictEqual(reads, [1])
            yield* TestClock.adjust("2 minutes")
            const snapshots = yield* SnapshotStore
            const saved = snapshots.load(StreamId.make("counter-a"))
            yield* until("a snapshot", Effect.map(saved, Option.isSome))
            strictEqual((yield* add("a", 1)).count, 7)
            // From the start; whether the log has the snapshot's event, before it is saved and when it is used; and
            // what follows.
            deepStrictEqual(reads, [1, 3, 3, 4])
          })
        )
      })
    )
  },
  {
    name: "an actor that was only read leaves memory and nothing behind: looking writes nothing",
    run: virtual(
      Effect.gen(function* () {
        const saved = (id: string) =>
          Effect.flatMap(SnapshotStore, (snapshots) =>
            Effect.map(snapshots.load(StreamId.make(`counter-${id}`)), Option.isSome)
          )
        const limits = { idleTimeout: Duration.minutes(1), snapshotMinEvents: 1 }
        yield* running(
          { limits: { snapshotMinEvents: Number.MAX_SAFE_INTEGER } },
          Effect.forEach([1, 2, 3], (by) => add("read", by))
        )
        yield* running(
          { limits },
          Effect.gen(function* () {
            strictEqual(yield* count("read"), 6)
            yield* TestClock.adjust("2 minutes")
            // It goes later, and would be saved later.
            yield* add("written", 1)
            yield* TestClock.adjust("2 minutes")
            yield* until("the snapshot of one that had a command", saved("written"))
            strictEqual(yield* saved("read"), false)
            // A command is not a look.
            yield* add("read", 1)
            yield* TestClock.adjust("2 minutes")
            yield* until("its snapshot after a command", saved("read"))
          })
        )
      })
    )
  },
  {
    name: "no command is lost while actors come and go (AC17)",
    run: running(
      { limits: { maxLiveActors: 3 } },
      Effect.gen(function* () {
        const ids = Array.from({ length: 20 }, (_, index) => `c-${index}`)
        const sends = Array.from({ length: 1_000 }, (_, index) => ids[(index * 7) % ids.length] ?? "")
        yield* Effect.forEach(sends, (id) => add(id, 1), { concurrency: 50 })
        for (const id of ids) strictEqual(yield* count(id), 50)
      })
    )
  },
  {
    name: "actors that are never idle keep no place for ever from those that wait for one (AC17)",
    run: virtual(
      running(
        {
          limits: { maxLiveActors: 2, maxBatch: 1 },
          // Slow enough for who was answered to come again: so there is always one more command.
          store: (store) => ({
            append: (requests) => Effect.zipRight(Effect.repeatN(Effect.yieldNow(), 10), store.append(requests))
          })
        },
        Effect.gen(function* () {
          const hot = ["hot-1", "hot-2"].flatMap((id) => [1, 2, 3].map(() => Effect.forever(add(id, 1))))
          const busy = yield* Effect.forEach(hot, (one) => Effect.fork(one))
          yield* until(
            "both to be busy",
            Effect.map(Effect.all([stored("hot-1"), stored("hot-2")]), (all) => all.every(({ length }) => length > 3))
          )
          const cold = yield* Effect.forEach(["a", "b", "c"], (id) => Effect.fork(add(id, 1)))
          const done = Effect.map(Fiber.poll(Fiber.all(cold)), Option.isSome)
          yield* until("a place for each", Effect.zipRight(pass("1 second"), done))
          for (const { count } of yield* Effect.forEach(cold, Fiber.join)) strictEqual(count, 1)
          yield* Fiber.interruptAll(busy)
          for (const id of ["hot-1", "hot-2"]) {
            const settled = Effect.zipWith(count(id), stored(id), (sum, events) => sum === events.length)
            yield* until("what was stored", settled)
          }
        })
      )
    )
  },
  {
    name: "when every place is taken, as many actors wait as may, and one more is a typed error (AC17)",
    run: Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const decide: Decide = ({ by }) => Effect.as(Deferred.await(latch), [Added.make({ by })])
      yield* running(
        { limits: { maxLiveActors: 2, maxWaitingActors: 3 }, behaviour: behaviour(decide) },
        Effect.gen(function* () {
          const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], (id) => Effect.fork(add(`c-${id}`, id)))
          for (let times = 0; times < 10; times++) yield* Effect.yieldNow()
          strictEqual(yield* tagOf(add("c-6", 6)), "TooManyActors")
          yield* Deferred.succeed(latch, undefined)
          const counts = (yield* Effect.forEach(fibers, Fiber.join)).map((reply) => reply.count)
          deepStrictEqual(counts, [1, 2, 3, 4, 5])
          strictEqual((yield* add("c-6", 6)).count, 6)
        })
      )
    })
  },
  {
    name: "a logger that throws keeps no idle actor in memory (AC17)",
    run: virtual(
      Effect.gen(function* () {
        let hang = true
        let reads = 0
        const throwing = Logger.replace(
          Logger.defaultLogger,
          Logger.make(() => {
            throw new Error("injected")
          })
        )
        const program = Effect.gen(function* () {
          yield* add("a", 1)
          const hangs = yield* Effect.fork(Effect.flip(add("b", 1)))
          const done = Effect.map(Fiber.poll(hangs), Option.isSome)
          yield* until("the end of the append", Effect.zipRight(pass("1 second"), done))
          reads = 0
          yield* TestClock.adjust("10 minutes")
          strictEqual((yield* add("a", 1)).count, 2)
          ok(reads > 0)
        })
        yield* running(
          {
            store: (store) => ({
              readStream: (id, options) => {
                reads++
                return store.readStream(id, options)
              },
              append: (requests) => {
                if (requests[0]?.streamId !== "counter-b" || !hang) return store.append(requests)
                hang = false
                return Effect.never
              }
            })
          },
          program
        ).pipe(Effect.provide(throwing))
      })
    )
  },
  {
    name: "neither actors nor snapshots get anything of what builds the system or sends a command",
    run: Effect.gen(function* () {
      class Open extends Context.Tag("daybook/testing/Open")<Open, true>() {}
      let saved = 0
      const found: Array<string> = []
      const note = (what: string) =>
        Effect.contextWith((context: Context.Context<never>) => {
          if (Option.isSome(Context.getOption(context, Open))) found.push(what)
        })
      const program = Effect.gen(function* () {
        yield* Effect.forEach([1, 2, 3], (by) => add("a", by))
        yield* until(
          "a snapshot",
          Effect.sync(() => saved > 0)
        )
      })
      yield* running(
        {
          limits: { snapshotEvery: 1 },
          behaviour: behaviour((payload) => Effect.as(note("decide"), [Added.make(payload)])),
          store: (store) => ({
            append: (requests) => Effect.zipRight(note("append"), store.append(requests)),
            readStream: (id, options) => Effect.zipRight(note("recover"), store.readStream(id, options))
          }),
          snapshots: (store) => ({
            save: (snapshots, keep) => {
              saved++
              return Effect.zipRight(note("save"), store.save(snapshots, keep))
            }
          })
        },
        program
      ).pipe(Effect.provideService(Open, true))
      deepStrictEqual(found, [])
    })
  }
]
