/**
 * What one token may send in a second: exactly that, however much it sends at once, whatever becomes of its file and of
 * the clock.
 */
import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Either, Layer } from "effect"
import * as HttpConfig from "../../src/http/HttpConfig.ts"
import { TokenBuckets } from "../../src/http/TokenBuckets.ts"
import * as Tokens from "../../src/http/Tokens.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask, Url } = Service

const entryOf = (name: string, token: string, more: object = {}) => {
  return { name, sha256: createHash("sha256").update(token).digest("hex"), scopes: ["read"], ...more }
}
const parsed = (...entries: ReadonlyArray<object>) => Either.getOrThrow(Tokens.parse(JSON.stringify(entries)))

describe("the rate of a token", () => {
  it.scopedLive("is kept to the request, also by many at once and after the file of tokens has changed", () => {
    // It stands still unless it is moved, for code that asks how much time has gone by; what sleeps goes on.
    let elapsed = 0n
    const clock: Clock.Clock = Object.assign(Object.create(Clock.make()), { unsafeCurrentTimeNanos: () => elapsed })
    let tokens = parsed(entryOf("one", "first"), entryOf("two", "second"))
    const service = Service.layer({ tokens: Tokens.among(() => tokens) }).pipe(
      Layer.provide(HttpConfig.layer({ maxRate: 5, viewTimeout: Duration.seconds(1) })),
      Layer.provide(Layer.setClock(clock))
    )
    return Effect.gen(function* () {
      const url = yield* Url
      const send = (token: string, count = 1) =>
        Effect.replicateEffect(ask(`${url}/projections`, { headers: { authorization: `Bearer ${token}` } }), count, {
          concurrency: "unbounded"
        })
      const passed = (token: string, count: number) =>
        Effect.map(send(token, count), (answers) => {
          for (const answer of answers.filter(({ status }) => status !== 200)) {
            assertProblem(answer, "too-many-requests")
            assert.strictEqual(answer.headers.get("retry-after"), "1")
          }
          return answers.filter(({ status }) => status === 200).length
        })
      assert.strictEqual(yield* passed("first", 60), 5)
      assert.strictEqual(yield* passed("second", 3), 3)

      // Another secret, end or scope of a name is the same one that asks.
      tokens = parsed(
        entryOf("one", "rotated", { scopes: ["admin"] }),
        entryOf("two", "second"),
        entryOf("new", "third")
      )
      assert.strictEqual(yield* passed("rotated", 20), 0)
      assert.strictEqual(yield* passed("second", 20), 2)
      assert.strictEqual(yield* passed("third", 20), 5)
      for (const answer of yield* send("first", 3)) assertProblem(answer, "unauthorized")

      elapsed += 400_000_000n
      assert.strictEqual(yield* passed("rotated", 20), 2)
      elapsed += 3_600_000_000_000n
      assert.strictEqual(yield* passed("rotated", 20), 5)
      // What needs no token has no rate.
      const live = yield* Effect.replicateEffect(ask(`${url}/health/live`), 20, { concurrency: "unbounded" })
      assert.isTrue(live.every(({ status }) => status === 200))
    }).pipe(Effect.provide(service))
  })

  it("is forgotten of names that have not asked for as long as a bucket takes to fill", () => {
    const buckets = new TokenBuckets()
    const take = (key: string, now: number) => buckets.take({ key, tokens: 1, limit: 10, refill: 100 }, now)
    for (let n = 0; n < 100_000; n++) take(`name ${n}`, n / 100)
    assert.strictEqual(take("late", 10_000), 9)
    assert.strictEqual(buckets.size, 1)
    for (let n = 0; n < 9; n++) take("late", 10_000)
    assert.strictEqual(take("late", 10_000), -1)
    assert.strictEqual(take("late", 10_100), 0)
    // Nothing is taken by one that gets nothing: half of one is there half of the time later.
    assert.strictEqual(take("late", 10_150), -0.5)
    assert.strictEqual(take("late", 10_200), 0)
  })
})
