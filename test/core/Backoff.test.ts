/** How long to wait before what failed is tried again. */
import { Duration, Effect, Schedule } from "effect"
import { assert, describe, it } from "vitest"
import * as Backoff from "../../src/core/Backoff.ts"

const policy: Backoff.Policy = { least: 100, most: 1_000 }
/** Without jitter. */
const middle = 0.5

describe("Backoff.delay", () => {
  it("doubles for each failure in a row, up to the cap", () => {
    assert.deepStrictEqual(
      [1, 2, 3, 4, 5, 6, 1_000, Number.MAX_SAFE_INTEGER].map((failures) => Backoff.delay(policy, failures, middle)),
      [100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000]
    )
  })

  it("grows by another factor where the policy has one", () => {
    const gentle = { least: 8, most: 25, factor: 1.5 }
    assert.deepStrictEqual(
      [1, 2, 3, 4, 5].map((failures) => Backoff.delay(gentle, failures, middle)),
      [8, 12, 18, 25, 25]
    )
  })

  it("is jittered by a fifth in both directions, at the cap too", () => {
    assert.closeTo(Backoff.delay(policy, 1, 0), 80, 1e-9)
    assert.closeTo(Backoff.delay(policy, 1, 1), 120, 1e-9)
    assert.closeTo(Backoff.delay(policy, 9, 0), 800, 1e-9)
    assert.closeTo(Backoff.delay(policy, 9, 1), 1_200, 1e-9)
  })

  it("is a number for each count of failures, also where the policy waits for nothing", () => {
    for (const failures of [1, 64, 1_025, Number.MAX_SAFE_INTEGER]) {
      assert.strictEqual(Backoff.delay({ least: 0, most: 0 }, failures, middle), 0)
      assert.strictEqual(Backoff.delay({ least: 0, most: 1_000 }, failures, middle), 0)
    }
  })

  it("is that of limits, in milliseconds", () => {
    const limits = { minBackoff: Duration.seconds(1), maxBackoff: Duration.minutes(1) }
    assert.deepStrictEqual(Backoff.policyOf(limits), { least: 1_000, most: 60_000 })
  })
})

describe("Backoff.Backoff", () => {
  it("says from when on, counts on, and begins again after a success", () => {
    const backoff = new Backoff.Backoff(policy)
    assert.deepStrictEqual([backoff.failures, backoff.notBefore], [0, 0])
    backoff.fail(5_000, middle)
    assert.deepStrictEqual([backoff.failures, backoff.notBefore], [1, 5_100])
    backoff.fail(6_000, middle)
    assert.deepStrictEqual([backoff.failures, backoff.notBefore], [2, 6_200])
    backoff.reset()
    assert.deepStrictEqual([backoff.failures, backoff.notBefore], [0, 0])
    backoff.fail(7_000, middle)
    assert.deepStrictEqual([backoff.failures, backoff.notBefore], [1, 7_100])
  })
})

describe("Backoff.schedule", () => {
  it("waits as the policy says and does not end", () =>
    Effect.gen(function* () {
      const seen = yield* Schedule.run(
        Schedule.delays(Backoff.schedule(policy)),
        0,
        Array.from({ length: 40 }, () => undefined)
      )
      const delays = [...seen].map(Duration.toMillis)
      assert.strictEqual(delays.length, 40)
      for (const [index, delay] of delays.entries()) {
        assert.isAtLeast(delay, Backoff.delay(policy, index + 1, 0))
        assert.isBelow(delay, Backoff.delay(policy, index + 1, 1))
      }
    }).pipe(Effect.runPromise))
})
