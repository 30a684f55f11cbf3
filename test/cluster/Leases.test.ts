/** When a node gives up its leases, over a storage that answers as a case wants. */
import { PersistenceError } from "@effect/cluster/ClusterError"
import { RunnerAddress } from "@effect/cluster/RunnerAddress"
import type { RunnerStorage } from "@effect/cluster/RunnerStorage"
import * as ShardId from "@effect/cluster/ShardId"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Either, Fiber, TestClock } from "effect"
import * as Leases from "../../src/cluster/Leases.ts"

const address = RunnerAddress.make({ host: "127.0.0.1", port: 1 })
const shards = [ShardId.make("default", 1), ShardId.make("default", 2)]
const done = Effect.succeed(shards)
const unanswered = Effect.never
const failed = Effect.fail(new PersistenceError({ cause: "the database is down" }))

/** Renews leases of 6 seconds every 2, each time with one of the given outcomes, and gives what came of each. */
const renewing = (...outcomes: ReadonlyArray<Effect.Effect<Array<ShardId.ShardId>, PersistenceError>>) =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    let next = 0
    const storage = {
      refresh: () => Effect.suspend(() => outcomes[next++] ?? Effect.never)
    } as unknown as RunnerStorage["Type"]
    const { refresh } = Leases.steadfast(storage, Duration.seconds(6), () => clock.unsafeCurrentTimeMillis())
    const held: Array<number | string> = []
    for (const _ of outcomes) {
      const from = yield* Clock.currentTimeMillis
      const fiber = yield* Effect.fork(Effect.either(refresh(address, shards)))
      yield* TestClock.adjust("1999 millis")
      const answer = yield* Fiber.join(fiber)
      held.push(Either.match(answer, { onLeft: ({ _tag }) => _tag, onRight: ({ length }) => length }))
      yield* TestClock.setTime(from + 2_000)
    }
    return held
  })

describe("Leases", () => {
  it.effect("are kept through a renewal that fails or is not answered, as long as they last", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* renewing(done, failed, done, failed, done), [2, 2, 2, 2, 2])
      assert.deepStrictEqual(yield* renewing(done, unanswered, done, unanswered, done), [2, 2, 2, 2, 2])
    })
  )

  it.effect("are given up before they are over, and where another has them", () =>
    Effect.gen(function* () {
      const given = "PersistenceError"
      assert.deepStrictEqual(yield* renewing(done, failed, failed, done), [2, 2, given, 2])
      assert.deepStrictEqual(yield* renewing(done, unanswered, unanswered, done), [2, 2, given, 2])
      assert.deepStrictEqual(yield* renewing(done, Effect.succeed(shards.slice(1))), [2, 1])
      assert.deepStrictEqual(yield* renewing(failed, unanswered), [given, given])
    })
  )
})
