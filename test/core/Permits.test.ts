import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { Permits } from "../../src/core/Permits.ts"

const numbers = Array.from({ length: 1_000 }, (_, number) => number)

/** Lets every fiber run until it waits. */
const rest = Effect.repeatN(Effect.yieldNow(), 20)

describe("Permits", () => {
  it.effect("lets a bounded number run at once, and each in its turn", () =>
    Effect.gen(function* () {
      const permits = new Permits(3)
      const begun: Array<number> = []
      let inside = 0
      let most = 0
      const one = (number: number) =>
        Effect.gen(function* () {
          begun.push(number)
          most = Math.max(most, ++inside)
          yield* Effect.yieldNow()
          inside--
        }).pipe(permits.within)
      yield* Effect.forEach(numbers, one, { concurrency: "unbounded", discard: true })
      assert.deepStrictEqual([begun, most], [numbers, 3])
    })
  )

  it.effect("gives a place back however its holder ends (AC14)", () =>
    Effect.gen(function* () {
      const permits = new Permits(1)
      const gate = yield* Deferred.make<void>()
      const ends = [Effect.fail("typed"), Effect.die("defect"), Effect.interrupt, Effect.void]
      for (const end of ends) yield* Effect.exit(permits.within(end))

      const inside = yield* Effect.fork(permits.within(Effect.never))
      const waiting = yield* Effect.fork(permits.within(Deferred.succeed(gate, undefined)))
      yield* rest
      yield* Fiber.interrupt(waiting)
      const next = yield* Effect.fork(permits.within(Effect.succeed("in")))
      yield* rest
      yield* Fiber.interrupt(inside)
      assert.strictEqual(yield* Fiber.join(next), "in")
      // One that went away while it waited was not let in.
      assert.isFalse(yield* Deferred.isDone(gate))
    })
  )

  it.effect("loses no place to one that is interrupted in the instant in which it is let in (AC14)", () =>
    Effect.gen(function* () {
      const permits = new Permits(1)
      for (const _ of numbers.slice(0, 100)) {
        const gate = yield* Deferred.make<void>()
        const first = yield* Effect.fork(permits.within(Deferred.await(gate)))
        const second = yield* Effect.fork(permits.within(Effect.void))
        yield* rest
        yield* Deferred.succeed(gate, undefined)
        // The first has ended, and the second has been woken and has not run.
        first.addObserver(() => second.unsafeInterruptAsFork(second.id()))
        yield* Fiber.await(second)
        yield* Fiber.await(first)
        assert.isTrue(Exit.isSuccess(yield* Effect.exit(permits.within(Effect.void))))
      }
    })
  )

  it.effect("has one that takes long give its place to the one that waits, once, and go on", () =>
    Effect.gen(function* () {
      const permits = new Permits(1)
      const gate = yield* Deferred.make<void>()
      const slow = yield* Effect.fork(permits.within(Deferred.await(gate)))
      yield* rest
      // Nobody waits.
      permits.relieve(Number.POSITIVE_INFINITY)
      const second = yield* Effect.fork(permits.within(Deferred.await(gate)))
      const third = yield* Effect.fork(permits.within(Effect.void))
      yield* rest
      permits.relieve(Number.NEGATIVE_INFINITY)
      yield* rest
      assert.isNull(third.unsafePoll())
      // One after the other gives its place to the next.
      permits.relieve(Number.POSITIVE_INFINITY)
      yield* rest
      permits.relieve(Number.POSITIVE_INFINITY)
      yield* Fiber.join(third)
      assert.deepStrictEqual([slow.unsafePoll(), second.unsafePoll()], [null, null])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(Fiber.zip(slow, second))
      // There is one place, as before.
      let inside = 0
      let most = 0
      const one = Effect.gen(function* () {
        most = Math.max(most, ++inside)
        yield* Effect.yieldNow()
        inside--
      })
      yield* Effect.all([permits.within(one), permits.within(one)], { concurrency: "unbounded" })
      assert.strictEqual(most, 1)
    })
  )
})
