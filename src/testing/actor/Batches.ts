/**
 * What a mailbox takes and a batch decides: order, one answer for each, nothing of a batch before its commit, and
 * bounds.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { type Clock, Deferred, Duration, Effect, Either, Fiber, Option } from "effect"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import {
  Added,
  add,
  behaviour,
  count,
  type Decide,
  decideAdd,
  running,
  type Setting,
  stored,
  type TooMuch,
  tagOf,
  unavailable
} from "./Counter.ts"
import { until } from "./Passing.ts"

/** Notes how many commands each append has. */
const counting =
  (sizes: Array<number>): NonNullable<Setting["store"]> =>
  (store) => ({
    append: (requests) => {
      sizes.push(requests[0]?.commands.length ?? 0)
      return store.append(requests)
    }
  })

export const Batches: ReadonlyArray<ActorSystemCase> = [
  {
    name: "1,000 commands at once to one actor are decided one at a time and answered 1 to 1,000 (AC1)",
    run: Effect.gen(function* () {
      let inside = 0
      const decide: Decide = (payload, state, context) =>
        Effect.gen(function* () {
          strictEqual(++inside, 1)
          yield* Effect.yieldNow()
          inside--
          return yield* decideAdd(payload, state, context) as Effect.Effect<ReadonlyArray<Added>, TooMuch>
        })
      const program = Effect.forEach(Array.from({ length: 1_000 }), () => add("a", 1), { concurrency: "unbounded" })
      const replies = yield* running({ behaviour: behaviour(decide) }, program)
      deepStrictEqual(
        replies.map((reply) => reply.count).sort((left, right) => left - right),
        Array.from({ length: 1_000 }, (_, index) => index + 1)
      )
      ok(replies.every((reply) => reply.version === reply.count))
    })
  },
  {
    name: "the commands of one sender are done in its order (AC2)",
    run: running(
      {},
      Effect.gen(function* () {
        const fibers = yield* Effect.forEach(Array.from({ length: 100 }), (_, index) =>
          Effect.fork(add("a", index + 100))
        )
        yield* Fiber.joinAll(fibers)
        const data = (yield* stored("a")).map((event) => JSON.parse(event.data).by)
        deepStrictEqual(
          data,
          Array.from({ length: 100 }, (_, index) => index + 100)
        )
      })
    )
  },
  {
    name: "a decision that waits holds up no other actor (AC3)",
    run: Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const decide: Decide = (payload, state, context) =>
        context.id === "slow"
          ? Effect.as(Deferred.await(latch), [Added.make(payload)])
          : decideAdd(payload, state, context)
      yield* running(
        { behaviour: behaviour(decide) },
        Effect.gen(function* () {
          const slow = yield* Effect.fork(add("slow", 1))
          for (let round = 1; round <= 3; round++) strictEqual((yield* add("fast", 1)).count, round)
          yield* Deferred.succeed(latch, undefined)
          strictEqual((yield* Fiber.join(slow)).count, 1)
        })
      )
    })
  },
  {
    name: "no answer, be it a refusal or a mismatch, leaves before the commit of its batch, and reads see what is committed (AC4)",
    run: Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const appending = yield* Deferred.make<void>()
      yield* running(
        {
          store: (store) => ({
            append: (requests) =>
              Effect.zipRight(
                Deferred.succeed(appending, undefined),
                Effect.zipRight(Deferred.await(latch), store.append(requests))
              )
          })
        },
        Effect.gen(function* () {
          strictEqual(yield* count("a"), 0)
          const asked = [add("a", 1), add("a", 13), add("a", 14), add("a", 1, { expectedVersion: 7 })]
          const fibers = yield* Effect.forEach(asked, (one) => Effect.fork(Effect.either(one)))
          yield* Deferred.await(appending)
          for (let times = 0; times < 100; times++) yield* Effect.yieldNow()
          for (const fiber of fibers) ok(Option.isNone(yield* Fiber.poll(fiber)))
          strictEqual(yield* count("a"), 0)
          yield* Deferred.succeed(latch, undefined)
          const tags = (yield* Effect.forEach(fibers, Fiber.join)).map((answer) =>
            Either.isLeft(answer) ? answer.left._tag : answer.right.count
          )
          deepStrictEqual(tags, [1, "TooMuch", "NotYet", "WrongExpectedVersion"])
          strictEqual(yield* count("a"), 1)
        })
      )
    })
  },
  {
    name: "an append that fails is a typed error and leaves the state as it was (AC5)",
    run: Effect.gen(function* () {
      let broken = true
      yield* running(
        { store: (store) => ({ append: (requests) => (broken ? unavailable : store.append(requests)) }) },
        Effect.gen(function* () {
          strictEqual(yield* tagOf(add("a", 5)), "StoreUnavailable")
          strictEqual(yield* count("a"), 0)
          broken = false
          strictEqual((yield* add("a", 1)).count, 1)
        })
      )
    })
  },
  {
    name: "an event that cannot be stored is a typed error to its sender alone (AC6)",
    run: running(
      {},
      Effect.gen(function* () {
        const asked = [add("a", 1), add("a", 15), add("a", 1)].map(Effect.either)
        const answers = yield* Effect.all(asked, { concurrency: "unbounded" })
        deepStrictEqual(
          answers.map((answer) => (Either.isLeft(answer) ? answer.left._tag : answer.right.count)),
          [1, "UnencodableEvent", 2]
        )
      })
    )
  },
  {
    name: "a command that the store refuses fails alone (AC6)",
    run: running(
      {},
      Effect.gen(function* () {
        const wrong = [{ commandId: "a\0b" }, { commandId: "x".repeat(256) }, { fingerprint: "\ud800" }]
        const asked = [add("a", 1), ...wrong.map((options) => add("a", 1, options)), add("a", 1)].map(Effect.either)
        const answers = yield* Effect.all(asked, { concurrency: "unbounded" })
        deepStrictEqual(
          answers.map((answer) => (Either.isLeft(answer) ? answer.left._tag : answer.right.count)),
          [1, "InvalidArgument", "InvalidArgument", "InvalidArgument", 2]
        )
      })
    )
  },
  {
    name: "an expected version that is none fails its sender alone, and nobody waits for ever (AC6)",
    run: running(
      {},
      Effect.gen(function* () {
        for (const expectedVersion of [1.5, Number.NaN, -1, 2 ** 60]) {
          const asked = [add("a", 1, { expectedVersion }), add("a", 1)].map(Effect.either)
          const [wrong, right] = yield* Effect.timeout(Effect.all(asked, { concurrency: "unbounded" }), "100 seconds")
          ok(wrong && Either.isLeft(wrong) && wrong.left._tag === "InvalidArgument")
          ok(right && Either.isRight(right))
        }
        const asked = [add("a", 1, { expectedVersion: Number.MAX_SAFE_INTEGER }), add("a", 1)].map(Effect.either)
        const [ahead, right] = yield* Effect.all(asked, { concurrency: "unbounded" })
        ok(ahead && Either.isLeft(ahead) && ahead.left._tag === "WrongExpectedVersion")
        ok(right && Either.isRight(right))
      })
    )
  },
  {
    name: "20,000 commands that wait for a recovery are done in order (AC15)",
    run: running(
      { limits: { mailboxCapacity: 20_000 } },
      Effect.gen(function* () {
        const counts = yield* Effect.forEach(
          Array.from({ length: 20_000 }),
          () => Effect.map(add("a", 1), (reply) => reply.count),
          { concurrency: "unbounded" }
        )
        deepStrictEqual(
          counts,
          Array.from({ length: 20_000 }, (_, index) => index + 1)
        )
      })
    )
  },
  {
    name: "a batch is bounded by the size of its events too, and no command is split or lost (AC16)",
    run: Effect.gen(function* () {
      const sizes: Array<number> = []
      yield* running(
        {
          // The data of each event is 8 characters.
          limits: { maxBatchCharacters: 12 },
          store: counting(sizes)
        },
        Effect.gen(function* () {
          yield* add("a", 1)
          const asked = Array.from({ length: 5 }, () => Effect.map(add("a", 1), ({ count }) => count))
          deepStrictEqual(yield* Effect.all(asked, { concurrency: "unbounded" }), [2, 3, 4, 5, 6])
        })
      )
      deepStrictEqual(sizes, [1, 2, 2, 1])
    })
  },
  {
    name: "a batch is bounded by the time that its decisions take, and the rest is decided in the next one (AC16)",
    run: Effect.clockWith((inner) => {
      let elapsed = 0n
      const clock: Clock.Clock = Object.assign(Object.create(inner), {
        unsafeCurrentTimeNanos: () => inner.unsafeCurrentTimeNanos() + elapsed
      })
      const sizes: Array<number> = []
      const decide: Decide = ({ by }) => {
        elapsed += 30_000_000n
        return Either.right([Added.make({ by })])
      }
      return running(
        {
          limits: { maxBatchTime: Duration.millis(50), appendTimeout: Duration.days(1) },
          behaviour: behaviour(decide),
          store: counting(sizes)
        },
        Effect.gen(function* () {
          yield* add("a", 1)
          const asked = Array.from({ length: 5 }, () => Effect.map(add("a", 1), ({ count }) => count))
          deepStrictEqual(yield* Effect.all(asked, { concurrency: "unbounded" }), [2, 3, 4, 5, 6])
          deepStrictEqual(sizes, [1, 2, 2, 1])
        })
      ).pipe(Effect.withClock(clock))
    })
  },
  {
    name: "a full mailbox refuses at once with a typed error, and what it accepted is done (AC16)",
    run: Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const decide: Decide = ({ by }) => Effect.as(Deferred.await(latch), [Added.make({ by })])
      yield* running(
        { limits: { mailboxCapacity: 100 }, behaviour: behaviour(decide) },
        Effect.gen(function* () {
          const asked = Array.from({ length: 1_000 }, () => Effect.fork(Effect.either(add("a", 1))))
          const fibers = yield* Effect.all(asked)
          yield* until(
            "900 refusals",
            Effect.map(Effect.forEach(fibers, Fiber.poll), (polls) => polls.filter(Option.isSome).length === 900)
          )
          yield* Deferred.succeed(latch, undefined)
          const answers = yield* Effect.forEach(fibers, Fiber.join)
          const full = answers.filter((answer) => Either.isLeft(answer) && answer.left._tag === "MailboxFull")
          deepStrictEqual([full.length, answers.filter(Either.isRight).length], [900, 100])
          strictEqual(yield* count("a"), 100)
        })
      )
    })
  }
]
