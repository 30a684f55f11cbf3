/**
 * Two services on one log on JetStream, each with a local file of its own: one account, and every command counts once.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import * as Service from "../http/Service.ts"
import { isLong } from "../Random.ts"
import * as Nats from "./Nats.ts"

const { ask, tryAsk } = Service

const deposits = isLong ? 1_000 : 60

describe.skipIf(!Nats.isThere)("two services on one log on JetStream", () => {
  it.scopedLive("have each command of one account once, wherever it came and came again, through a SIGKILL", () =>
    Effect.gen(function* () {
      const { of } = yield* Nats.address
      const start = (name: string) => Service.start(["--db", of(`${name}.db`)])
      const left = yield* start("left")
      let right = yield* start("right")
      const account = { accountId: "shared", owner: "Ann", currency: "EUR" }
      assert.strictEqual((yield* ask(`${left.url}/accounts`, { body: account })).status, 201)
      const deposit = (url: () => string, number: number) =>
        Effect.suspend(() =>
          tryAsk(`${url()}/accounts/shared/deposits`, { body: { amount: "0.01" }, key: `k-${number}` })
        ).pipe(
          Effect.filterOrFail(({ status }) => status === 200),
          Effect.retry(Schedule.spaced("50 millis"))
        )
      let answered = 0
      // Each command goes to both.
      const both = (number: number) =>
        Effect.gen(function* () {
          const to = [() => left.url, () => right.url]
          const [one, other] = yield* Effect.forEach(to, (url) => deposit(url, number), { concurrency: 2 })
          assert.strictEqual(one?.json.version, other?.json.version, `k-${number}`)
          answered++
          return Number(one?.json.version)
        })
      const killed = Effect.gen(function* () {
        while (answered < deposits / 2) yield* Effect.sleep("5 millis")
        right.process.kill("SIGKILL")
        yield* right.ended
        right = yield* start("right")
      })
      const numbers = Array.from({ length: deposits }, (_, number) => number)
      const [versions] = yield* Effect.all([Effect.forEach(numbers, both, { concurrency: 16 }), killed], {
        concurrency: 2
      })
      assert.deepStrictEqual(
        versions.toSorted((a, b) => a - b),
        numbers.map((number) => number + 2)
      )
      for (const { url } of [left, right]) {
        const { json } = yield* ask(`${url}/accounts/shared`)
        assert.deepStrictEqual([json.balance, json.version], [(deposits / 100).toFixed(2), deposits + 1])
      }
    })
  )
})
