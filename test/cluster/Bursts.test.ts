import { setImmediate } from "node:timers"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Bursts } from "../../src/cluster/Bursts.ts"

const turn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

describe("Bursts", () => {
  it.live(
    "lets a bounded number go on in each turn of the event loop, in their order, and forgets those that went away",
    () =>
      Effect.gen(function* () {
        const bursts = new Bursts(3)
        const passed: Array<number> = []
        const start = (number: number) =>
          Effect.fork(
            Effect.zipRight(
              bursts.room,
              Effect.sync(() => passed.push(number))
            )
          )
        const fibers = yield* Effect.forEach([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], start)
        yield* Effect.yieldNow()
        assert.deepStrictEqual(passed, [0, 1, 2])
        for (const gone of [4, 7]) yield* Fiber.interrupt(fibers[gone] as Fiber.Fiber<number>)
        const seen: Array<number> = []
        for (let turns = 0; passed.length < 8; turns++) {
          yield* turn
          assert.isAtMost(passed.length - (seen.at(-1) ?? 3), 3)
          seen.push(passed.length)
          assert.isBelow(turns, 20)
        }
        assert.deepStrictEqual(passed, [0, 1, 2, 3, 5, 6, 8, 9])
        // Nobody waits, so the next goes on at once.
        yield* turn
        yield* start(10)
        yield* Effect.yieldNow()
        assert.strictEqual(passed.at(-1), 10)
      })
  )
})
