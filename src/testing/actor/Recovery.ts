/**
 * How an actor comes to its state: in what order it answers, how often it tries, for how long, and what it does at
 * damage.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Deferred, Duration, Effect, Either, Fiber, Option, Stream, TestClock } from "effect"
import * as EventHash from "../../core/EventHash.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import { StoreUnavailable } from "../../core/StoreError.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import { changedBy } from "../Tampering.ts"
import { add, count, counter, running, type Setting, tagOf, virtual } from "./Counter.ts"
import { pass, until } from "./Passing.ts"

export const Recovery: ReadonlyArray<ActorSystemCase> = [
  {
    name: "commands that arrive during a recovery are done after it, in order, and one that fails fails alone (AC11)",
    run: Effect.gen(function* () {
      yield* running(
        { limits: { snapshotEvery: 10 } },
        Effect.forEach(Array.from({ length: 25 }), () => add("a", 1))
      )
      const latch = yield* Deferred.make<void>()
      yield* running(
        {
          store: (store) => ({
            readStream: (id, options) => Effect.zipRight(Deferred.await(latch), store.readStream(id, options))
          })
        },
        Effect.gen(function* () {
          const asked = [add("a", 1), add("a", 13), add("a", 100)]
          const fibers = yield* Effect.forEach(asked, (one) => Effect.fork(Effect.either(one)))
          const empty = yield* Effect.fork(count("empty"))
          for (let times = 0; times < 10; times++) yield* Effect.yieldNow()
          yield* Deferred.succeed(latch, undefined)
          const answers = (yield* Effect.forEach(fibers, Fiber.join)).map((answer) =>
            Either.isLeft(answer) ? answer.left._tag : answer.right.count
          )
          deepStrictEqual(answers, [26, "TooMuch", 126])
          strictEqual(yield* Fiber.join(empty), 0)
        })
      )
    })
  },
  {
    name: "a recovery that fails once is tried again after its backoff (AC12)",
    run: virtual(
      Effect.gen(function* () {
        let reads = 0
        yield* running(
          {
            store: (store) => {
              const fault = new StoreUnavailable({ operation: "read", cause: new Error("injected") })
              return {
                readStream: (id, options) =>
                  Effect.suspend(() => (++reads === 1 ? Effect.fail(fault) : store.readStream(id, options)))
              }
            }
          },
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(add("a", 1))
            yield* until(
              "the first read",
              Effect.sync(() => reads === 1)
            )
            yield* TestClock.adjust("1 second")
            strictEqual((yield* Fiber.join(fiber)).count, 1)
          })
        )
      })
    )
  },
  {
    name: "a recovery that always fails is a typed error to all that wait, does not spin, and is tried again later (AC12)",
    run: virtual(
      Effect.gen(function* () {
        let reads = 0
        let broken = true
        const fault = new StoreUnavailable({ operation: "read", cause: new Error("injected") })
        yield* running(
          {
            limits: { recoveryAttempts: 3 },
            store: (store) => ({
              readStream: (id, options) =>
                Effect.suspend(() => {
                  reads++
                  return broken ? fault : store.readStream(id, options)
                })
            })
          },
          Effect.gen(function* () {
            const fibers = yield* Effect.forEach([1, 2], () => Effect.fork(Effect.flip(add("a", 1))))
            const done = Effect.map(Fiber.poll(Fiber.all(fibers)), Option.isSome)
            yield* until("the failure", Effect.zipRight(pass("100 millis"), done))
            for (const error of yield* Effect.forEach(fibers, Fiber.join)) strictEqual(error._tag, "RecoveryFailed")
            strictEqual(reads, 3)
            strictEqual(yield* tagOf(add("a", 1)), "RecoveryFailed")
            strictEqual(yield* tagOf(count("a")), "RecoveryFailed")
            strictEqual(reads, 3)
            broken = false
            yield* TestClock.adjust("1 minute")
            strictEqual((yield* add("a", 1)).count, 1)
          })
        )
      })
    )
  },
  {
    name: "a recovery that does not answer ends in a typed error (AC13)",
    run: virtual(
      running(
        { limits: { recoveryTimeout: Duration.seconds(3) }, store: () => ({ readStream: () => Effect.never }) },
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Effect.flip(add("a", 1)))
          const done = Effect.map(Fiber.poll(fiber), Option.isSome)
          yield* until("the time-out", Effect.zipRight(pass("1 second"), done))
          strictEqual((yield* Fiber.join(fiber))._tag, "RecoveryFailed")
        })
      )
    )
  },
  {
    name: "the time limit of a recovery holds for all its attempts together (AC13)",
    run: virtual(
      Effect.gen(function* () {
        let reads = 0
        const fault = new StoreUnavailable({ operation: "read", cause: new Error("injected") })
        const second = Duration.seconds(1)
        const limits = { recoveryTimeout: Duration.seconds(5), recoveryAttempts: 100 }
        yield* running(
          {
            limits: { ...limits, minBackoff: second, maxBackoff: second },
            store: () => ({
              readStream: () =>
                Effect.suspend(() => {
                  reads++
                  return fault
                })
            })
          },
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(Effect.flip(add("a", 1)))
            const done = Effect.map(Fiber.poll(fiber), Option.isSome)
            yield* until("the failure", Effect.zipRight(pass("100 millis"), done))
            strictEqual((yield* Fiber.join(fiber))._tag, "RecoveryFailed")
            ok(reads >= 4 && reads <= 7, `${reads} attempts`)
          })
        )
      })
    )
  },
  {
    name: "recoveries that hang hold up no actor that runs, no more than allowed run at once, and each gives its place back (AC14)",
    run: virtual(
      Effect.gen(function* () {
        let recovering = 0
        let most = 0
        yield* running(
          {
            limits: { maxRecoveries: 3, recoveryTimeout: Duration.seconds(10) },
            store: (store) => ({
              readStream: (id, options) =>
                id.startsWith("counter-hangs")
                  ? Effect.acquireUseRelease(
                      Effect.sync(() => {
                        most = Math.max(most, ++recovering)
                      }),
                      () => Effect.never,
                      () => Effect.sync(() => recovering--)
                    )
                  : id === "counter-dies"
                    ? Effect.die(new Error("injected"))
                    : store.readStream(id, options)
            })
          },
          Effect.gen(function* () {
            const warm = Array.from({ length: 10 }, (_, index) => `warm-${index}`)
            yield* Effect.forEach(warm, (id) => add(id, 1), { concurrency: "unbounded" })
            strictEqual(yield* tagOf(add("dies", 1)), "RecoveryFailed")
            const cold = Array.from({ length: 100 }, (_, index) => `hangs-${index}`)
            const fibers = yield* Effect.forEach(cold, (id) => Effect.fork(Effect.flip(add(id, 1))))
            yield* until(
              "3 recoveries",
              Effect.sync(() => recovering === 3)
            )
            for (const reply of yield* Effect.forEach(warm, (id) => add(id, 1))) strictEqual(reply.count, 2)
            const done = Effect.map(Fiber.poll(Fiber.all(fibers)), Option.isSome)
            yield* until("the last time-out", Effect.zipRight(pass("10 seconds"), done))
            deepStrictEqual([most, recovering], [3, 0])
            strictEqual((yield* add("fresh", 1)).count, 1)
          })
        )
      })
    )
  },
  {
    name: "a cold start of many answers the first while the last wait for their recovery (AC14)",
    run: Effect.gen(function* () {
      const ids = Array.from({ length: 500 }, (_, number) => `cold-${number}`)
      yield* running(
        {},
        Effect.forEach(ids, (id) => add(id, 1), { concurrency: "unbounded", discard: true })
      )
      const read = new Set<string>()
      let readBeforeFirst = 0
      yield* running(
        {
          limits: { maxRecoveries: 4 },
          store: (store) => ({
            readStream: (id, options) => {
              read.add(id)
              return store.readStream(id, options)
            }
          })
        },
        Effect.forEach(
          ids,
          (id) =>
            Effect.map(add(id, 1), ({ count }) => {
              strictEqual(count, 2)
              if (readBeforeFirst === 0) readBeforeFirst = read.size
            }),
          { concurrency: "unbounded", discard: true }
        )
      )
      ok(readBeforeFirst < ids.length / 2, `${readBeforeFirst} of ${ids.length}`)
    })
  },
  {
    name: "reads that wait for a recovery have bounded room, and one more is a typed error (AC16)",
    run: Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      yield* running(
        {
          limits: { mailboxCapacity: 3 },
          store: (store) => ({
            readStream: (id, options) => Effect.zipRight(Deferred.await(latch), store.readStream(id, options))
          })
        },
        Effect.gen(function* () {
          const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(count("a")))
          for (let times = 0; times < 10; times++) yield* Effect.yieldNow()
          strictEqual(yield* tagOf(count("a")), "MailboxFull")
          yield* Deferred.succeed(latch, undefined)
          deepStrictEqual(yield* Effect.forEach(fibers, Fiber.join), [0, 0, 0])
        })
      )
    })
  },
  {
    name: "live changes of a damaged stream end in StreamDamaged, and give nothing from there on",
    run: Effect.gen(function* () {
      yield* running(
        {},
        Effect.forEach([1, 2, 3], (by) => add("a", by))
      )
      type Tamper = (event: StoredEvent) => StoredEvent | undefined
      const tampered: ReadonlyArray<Tamper> = [(event) => ({ ...event, data: '{"by":3}' }), () => undefined]
      for (const tamper of tampered) {
        const store: Setting["store"] = (inner) =>
          changedBy(inner, (event) => (event.version === 2 ? tamper(event) : event))
        const seen: Array<number> = []
        const changes = Effect.flatMap(counter("a"), (one) =>
          Stream.runForEach(one.changes(), ({ stored }) => Effect.sync(() => seen.push(stored.version)))
        )
        strictEqual(yield* running({ store }, Effect.timeout(tagOf(changes), "100 seconds")), "StreamDamaged")
        ok(!seen.includes(2) && !seen.includes(3))
      }
      const rest = Effect.flatMap(counter("a"), (one) => Stream.runCollect(Stream.take(one.changes(1), 2)))
      strictEqual((yield* running({}, rest)).length, 2)
    })
  },
  {
    name: "a stream with a changed, a missing or a foreign event is StreamDamaged at that version, and others are served",
    run: Effect.gen(function* () {
      yield* running(
        {},
        Effect.forEach([1, 2, 3], (by) => add("a", by))
      )
      yield* running({}, add("b", 1))
      type Tamper = (event: StoredEvent) => StoredEvent | undefined
      const tampered: ReadonlyArray<Tamper> = [
        (event) => ({ ...event, data: '{"by":3}' }),
        () => undefined,
        (event) => {
          const forged = { ...event, previousHash: "0".repeat(64) }
          return { ...forged, hash: EventHash.compute(forged) }
        }
      ]
      for (const tamper of tampered) {
        const store: Setting["store"] = (inner) =>
          changedBy(inner, (event) => (event.streamId === "counter-a" && event.version === 2 ? tamper(event) : event))
        yield* running(
          { store },
          Effect.gen(function* () {
            const error = yield* Effect.flip(add("a", 1))
            ok(error._tag === "RecoveryFailed" && /counter-a version [23] is damaged/.test(error.message))
            strictEqual((yield* add("b", 1)).version > 1, true)
          })
        )
      }
    })
  }
]
