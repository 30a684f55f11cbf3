/**
 * What `coldStreams.bench.ts` measures, as a process of its own: `FILE STREAMS EVENTS`. Prints it as one line of JSON.
 */
import process from "node:process"
import { Effect, Fiber, Layer, Logger } from "effect"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import { quantile } from "./harness.ts"
import { deposit, Ledger, LedgerLive } from "./Ledger.ts"

const [filename = "", streamsText, eventsText] = process.argv.slice(2)
const streams = Number(streamsText)
const events = Number(eventsText)
const shortAccounts = 64

const balanceAt = (count: number): bigint => {
  let balance = 0n
  for (let number = 0; number < count; number++) balance += deposit(number).amount
  return balance
}

const numbers = (count: number) => Array.from({ length: count }, (_, number) => number)

/** The deposit with this number to an account, and how long it took in milliseconds. */
const depositTo = (id: string, number: number, expected: bigint) =>
  Effect.gen(function* () {
    const start = performance.now()
    const { balance } = yield* (yield* Ledger)(id).Deposit(deposit(number))
    if (balance !== expected) return yield* Effect.die(new Error(`${id} has ${balance} instead of ${expected}`))
    return performance.now() - start
  })

const program = Effect.gen(function* () {
  let asked = 0
  let balance = 0n
  const warmOnce = Effect.suspend(() => {
    balance += deposit(asked).amount
    return depositTo("warm", asked++, balance)
  })
  // Compiled code and prepared statements are there before the clock runs.
  for (let times = 0; times < 200; times++) yield* warmOnce
  const warm: Array<number> = []
  const warming = yield* Effect.fork(
    Effect.forever(Effect.map(Effect.delay(warmOnce, 1), (millis) => void warm.push(millis)))
  )
  const start = performance.now()
  const expected = balanceAt(events + 1)
  const cold = yield* Effect.fork(
    Effect.forEach(numbers(streams), (account) => depositTo(String(account), events, expected), {
      concurrency: "unbounded",
      discard: true
    })
  )
  yield* Effect.sleep("20 millis")
  const first = deposit(0).amount
  const short = yield* Effect.forEach(numbers(shortAccounts), (account) => depositTo(`short-${account}`, 0, first), {
    concurrency: "unbounded"
  })
  yield* Fiber.join(cold)
  const seconds = (performance.now() - start) / 1_000
  yield* Fiber.interrupt(warming)
  return {
    seconds,
    rss: process.resourceUsage().maxRSS * 1_024,
    warmMillis: quantile(warm.length === 0 ? [Number.NaN] : warm, 0.99),
    shortMillis: Math.max(...short),
    checksum: String(expected)
  }
})

Effect.map(program, (found) => process.stdout.write(`${JSON.stringify(found)}\n`)).pipe(
  Effect.provide(
    LedgerLive.pipe(Layer.provide(ActorSystemLocal.layer), Layer.provide(SqliteStore.layer({ filename })))
  ),
  Effect.provide(Logger.remove(Logger.defaultLogger)),
  Effect.runPromise
)
