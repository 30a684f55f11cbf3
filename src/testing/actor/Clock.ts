/** Nothing waits by the clock on the wall. */
import { ok, strictEqual } from "node:assert"
import { Duration, Effect, type Clock as EffectClock, Fiber, Option, TestClock } from "effect"
import { StoreUnavailable } from "../../core/StoreError.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import { add, running, tagOf, virtual } from "./Counter.ts"
import { pass, until } from "./Passing.ts"

/** As `virtual`, and on a wall clock that can be set: by milliseconds to what the clock that is waited by has gone. */
const onWallClock = <A, E, R>(run: (set: (by: number) => void) => Effect.Effect<A, E, R>) =>
  virtual(
    Effect.clockWith((inner) => {
      let offset = Date.UTC(2026, 0)
      const unsafeCurrentTimeMillis = () => inner.unsafeCurrentTimeMillis() + offset
      const wall: EffectClock.Clock = Object.assign(Object.create(inner), {
        unsafeCurrentTimeMillis,
        unsafeCurrentTimeNanos: () => inner.unsafeCurrentTimeNanos(),
        currentTimeMillis: Effect.sync(unsafeCurrentTimeMillis)
      })
      const set = (by: number): void => {
        offset += by
      }
      return Effect.withClock(run(set), wall)
    })
  )

export const Clock: ReadonlyArray<ActorSystemCase> = [
  {
    name: "a wall clock that is set back by a day holds up no backoff, no refusal, no append and no idle actor",
    run: onWallClock((set) =>
      Effect.gen(function* () {
        const day = 24 * 3_600_000
        let reads = 0
        let broken = true
        let hanging = false
        const fault = new StoreUnavailable({ operation: "read", cause: new Error("injected") })
        const answered = <A, E>(fiber: Fiber.Fiber<A, E>) =>
          Effect.zipRight(pass("1 second"), Effect.map(Fiber.poll(fiber), Option.isSome))
        yield* running(
          {
            limits: { minBackoff: Duration.seconds(1), recoveryAttempts: 1, idleTimeout: Duration.minutes(1) },
            store: (store) => ({
              readStream: (id, options) => {
                reads++
                return broken ? fault : store.readStream(id, options)
              },
              append: (requests) => (hanging ? Effect.never : store.append(requests))
            })
          },
          Effect.gen(function* () {
            strictEqual(yield* tagOf(add("a", 1)), "RecoveryFailed")
            broken = false
            set(-day)
            yield* TestClock.adjust("2 seconds")
            strictEqual((yield* add("a", 1)).count, 1)

            yield* Effect.exit(add("a", 16))
            set(-day)
            const afterPoison = yield* Effect.fork(add("a", 1))
            yield* until("the reload", answered(afterPoison))
            strictEqual((yield* Fiber.join(afterPoison)).count, 2)

            reads = 0
            set(-day)
            yield* TestClock.adjust("2 minutes")
            strictEqual((yield* add("a", 1)).count, 3)
            ok(reads > 0)

            hanging = true
            const hangs = yield* Effect.fork(Effect.flip(add("a", 1)))
            for (let times = 0; times < 100; times++) yield* Effect.yieldNow()
            set(-day)
            yield* TestClock.adjust("1 minute")
            yield* until("the end of the append", answered(hangs))
            strictEqual((yield* Fiber.join(hangs))._tag, "OutcomeUnknown")
          })
        )
      })
    )
  }
]
