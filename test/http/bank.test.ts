/**
 * A bank that is killed: eight accounts with 100 in all, clients that move at most 5, and SIGKILL in the middle of it.
 */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Ref } from "effect"
import * as Conservation from "../../src/bank/Conservation.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { wholeLog } from "../../src/testing/WholeLog.ts"
import { isLong, random } from "../Random.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import { ask, start } from "./Service.ts"

/** How long the clients work, and the longest life of the service, in milliseconds. */
const [whole, longest] = isLong ? [60_000, 4_000] : [4_500, 2_000]
const clients = 16
const accounts = Array.from({ length: 8 }, (_, index) => `account-${index}`)

describe("a bank that is killed", () => {
  it.scopedLive(
    "conserves money at every prefix of its log, and ends each transfer that it accepted",
    () =>
      Effect.gen(function* () {
        const draw = random("bank")
        const pick = () => accounts[Math.floor(draw() * accounts.length)] ?? ""
        const filename = join(yield* temporaryFolder, "bank.db")
        const answered = new Map<string, number>()
        let number = 0
        let lives = 0

        for (let left = whole; left > 0; lives++) {
          const { process, ended, url } = yield* start(["--db", `sqlite:${filename}`])
          if (lives === 0) {
            for (const accountId of accounts) {
              yield* ask(`${url}/accounts`, { body: { accountId, owner: "Anna", currency: "EUR" } })
              yield* ask(`${url}/accounts/${accountId}/deposits`, { body: { amount: "12.50" } })
            }
          }
          const isOver = yield* Ref.make(false)
          const client = Effect.gen(function* () {
            while (!(yield* Ref.get(isOver))) {
              const transferId = `t${++number}`
              const body = { transferId, from: pick(), to: pick(), amount: (0.01 + draw() * 4.99).toFixed(2) }
              // A life that dies does not answer: the next one tells.
              yield* ask(`${url}/transfers`, { body, key: transferId }).pipe(
                Effect.tap(({ status }) => Effect.sync(() => answered.set(transferId, status))),
                Effect.catchAllCause(() => Ref.set(isOver, true))
              )
            }
          })
          const work = yield* Effect.forkScoped(
            Effect.all(
              Array.from({ length: clients }, () => client),
              { concurrency: "unbounded" }
            )
          )
          const life = Math.min(left, longest * (0.25 + 0.75 * draw()))
          left -= life
          yield* Effect.sleep(life)
          if (left > 0) process.kill("SIGKILL")
          else {
            yield* Ref.set(isOver, true)
            yield* Fiber.join(work)
            const pending = () =>
              Effect.map(
                Effect.provide(wholeLog, SqliteStore.layer({ filename, mode: "readOnly" })),
                (events) => Conservation.check(events).pending
              )
            yield* Effect.repeat(Effect.delay(pending(), 50), { until: ({ length }) => length === 0 })
            process.kill("SIGTERM")
          }
          yield* ended
          yield* Fiber.await(work)
        }

        const events = yield* Effect.provide(wholeLog, SqliteStore.layer({ filename, mode: "readOnly" }))
        const { balances, violation } = Conservation.check(events)
        assert.isUndefined(violation)
        assert.strictEqual(
          [...balances.values()].reduce((sum, balance) => sum + balance, 0n),
          10_000n
        )
        const completed = new Set(
          events
            .filter(({ type }) => type === "TransferCompleted")
            .map(({ streamId }) => streamId.slice("transfer-".length))
        )
        for (const [transferId, status] of answered) {
          if (status === 201) assert.isTrue(completed.has(transferId), `${transferId} was answered 201`)
          if (status === 409) assert.isFalse(completed.has(transferId), `${transferId} was answered 409`)
        }
        assert.isAbove(completed.size, 0)
        console.log(
          `bank: killed ${lives - 1} times in ${whole / 1_000} s, ${events.length} events, ${completed.size} transfers completed, ${answered.size} answered`
        )
      }),
    600_000
  )
})
