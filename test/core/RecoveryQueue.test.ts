import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import * as EventLoop from "../../src/core/EventLoop.ts"
import { RecoveryQueue } from "../../src/core/RecoveryQueue.ts"

const numbers = Array.from({ length: 300 }, (_, number) => number)
const rest = Effect.repeatN(EventLoop.turn, 5)

describe("RecoveryQueue (BY1)", () => {
  it.live("has a bounded number of pages read at once, each in its turn", () =>
    Effect.gen(function* () {
      const queue = new RecoveryQueue(3)
      const begun: Array<number> = []
      let inside = 0
      let most = 0
      const one = (number: number) =>
        queue.within(
          0,
          Effect.gen(function* () {
            begun.push(number)
            most = Math.max(most, ++inside)
            yield* Effect.repeatN(EventLoop.turn, 3)
            inside--
          })
        )
      yield* Effect.forEach(numbers, one, { concurrency: "unbounded", discard: true })
      assert.deepStrictEqual([begun, most], [numbers, 3])
    })
  )

  it.live("takes first pages before those of long recoveries, of which every fourth page is one", () =>
    Effect.gen(function* () {
      const queue = new RecoveryQueue(1)
      const order: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const holder = yield* Effect.fork(queue.within(0, Deferred.await(gate)))
      yield* rest
      const page = (kind: string, pages: number) =>
        Effect.fork(
          queue.within(
            pages,
            Effect.sync(() => void order.push(kind))
          )
        )
      const fibers = [
        ...(yield* Effect.forEach([1, 2, 3], () => page("long", 9))),
        ...(yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7], () => page("short", 0)))
      ]
      yield* rest
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll([holder, ...fibers])
      // The one that held the place was a first page too.
      assert.deepStrictEqual(order.join(" "), "short short long short short short long short short long")
    })
  )

  it.live("begins pages for a few milliseconds in one turn of the event loop, and so lets others run", () =>
    Effect.gen(function* () {
      const queue = new RecoveryQueue(8)
      let pages = 0
      let mostBetween = 0
      let before = 0
      const held = Effect.sync(() => {
        const start = performance.now()
        while (performance.now() - start < 6);
        pages++
      })
      const all = yield* Effect.fork(
        Effect.forEach(numbers.slice(0, 40), () => queue.within(5, held), { concurrency: "unbounded", discard: true })
      )
      while (pages < 40) {
        yield* EventLoop.turn
        mostBetween = Math.max(mostBetween, pages - before)
        before = pages
      }
      yield* Fiber.join(all)
      assert.isAtMost(mostBetween, 2)
    })
  )

  it.live("gives a place back however its holder ends, and loses none to one that was interrupted (AC14)", () =>
    Effect.gen(function* () {
      const queue = new RecoveryQueue(1)
      const ends = [Effect.fail("typed"), Effect.die("defect"), Effect.interrupt, Effect.void]
      for (const end of ends) yield* Effect.exit(queue.within(0, end))
      for (const _ of numbers.slice(0, 50)) {
        const gate = yield* Deferred.make<void>()
        const first = yield* Effect.fork(queue.within(0, Deferred.await(gate)))
        const second = yield* Effect.fork(queue.within(0, Effect.void))
        const third = yield* Effect.fork(queue.within(0, Effect.never))
        yield* rest
        yield* Fiber.interrupt(third)
        first.addObserver(() => second.unsafeInterruptAsFork(second.id()))
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.await(second)
        yield* Fiber.await(first)
        assert.isTrue(Exit.isSuccess(yield* Effect.exit(queue.within(0, Effect.void))))
      }
    })
  )
})
