/**
 * What `memory.bench.ts` measures, as a process of its own: `actors COUNT FOLDER`, with `--expose-gc`, or
 * `accounts COUNT FOLDER`. Prints what it found as one line of JSON.
 */
import { join } from "node:path"
import process from "node:process"
import { Clock, Duration, Effect, Fiber, Layer, Logger, Metric } from "effect"
import { Account } from "../src/bank/account/Account.ts"
import * as AccountBehaviour from "../src/bank/account/AccountBehaviour.ts"
import { AccountId } from "../src/bank/account/AccountSchemas.ts"
import * as ActorConfig from "../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import * as EventHash from "../src/core/EventHash.ts"
import { EventStore } from "../src/core/EventStore.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"

const [mode, countText, folder = ""] = process.argv.slice(2)
const count = Number(countText)
const clients = 1_000

const idOf = (number: number) => AccountId.make(`client-${number}`)
const open = { owner: "Anna Nováková", currency: "CZK" }
/** In minor units; another one for most accounts. */
const amountOf = (number: number): number => (number % 9_973) + 1
const textOf = (minor: number): string => `${Math.floor(minor / 100)}.${String(minor % 100).padStart(2, "0")}`
const fail = (message: string) => Effect.die(new Error(message))

/** Does the work for each number below `count`, for as many at a time as there are clients. */
const forEach = <E, R>(work: (number: number) => Effect.Effect<unknown, E, R>): Effect.Effect<void, E, R> => {
  let next = 0
  const client = Effect.whileLoop({ while: () => next < count, body: () => work(next++), step: () => {} })
  return Effect.all(
    Array.from({ length: clients }, () => client),
    { concurrency: "unbounded", discard: true }
  )
}

const store = SqliteStore.layer({ filename: join(folder, "daybook.db") })
const accounts = AccountBehaviour.layer.pipe(Layer.provide(ActorSystemLocal.layer))

/** Bytes that are in use, in the heap and outside of it, when all that is garbage has gone. */
const used = Effect.promise(async () => {
  // What one collection lets go of may hold what the next one finds.
  for (let times = 0; times < 4; times++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
})

/** Bytes for each actor: live and idle, live with a command and its caller that waits, and after all have left. */
const actors = Effect.suspend(() => {
  const clock = Clock.make()
  let skippedNanos = 0n
  const skipping: Clock.Clock = Object.assign(Object.create(clock), {
    unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos() + skippedNanos
  })
  const gate = Effect.unsafeMakeLatch(true)
  let held = 0
  const gated = Layer.effect(
    EventStore,
    Effect.map(EventStore, (events) => ({
      ...events,
      append: (requests: Parameters<typeof events.append>[0]) => {
        held++
        return gate.whenOpen(events.append(requests))
      }
    }))
  )
  const until = (condition: Effect.Effect<boolean>) =>
    Effect.repeat(Effect.delay(condition, 10), { until: (holds) => holds })
  const areLive = (wanted: number) =>
    until(
      Effect.map(
        Metric.value(Metric.gauge("daybook.actor.live", { description: "Actors in memory" })),
        ({ value }) => value === wanted
      )
    )
  const leave = Effect.gen(function* () {
    yield* areLive(count)
    skippedNanos += Duration.unsafeToNanos("2 days")
    yield* areLive(0)
  })

  return Effect.gen(function* () {
    const account = yield* Account
    const deposit = (number: number) => account(idOf(number)).Deposit({ amount: textOf(amountOf(number)) })
    yield* forEach((number) => account(idOf(number)).Open(open))
    yield* leave
    // Compiled code, prepared statements and buffers are there now.
    const base = yield* used
    yield* forEach(deposit)
    const idle = yield* used
    yield* gate.close
    held = 0
    const callers = yield* Effect.forEach(Array.from({ length: count }), (_, number) => Effect.fork(deposit(number)))
    yield* until(Effect.sync(() => held === count))
    const busy = yield* used
    yield* gate.open
    yield* Effect.forEach(callers, Fiber.join, { discard: true })
    callers.length = 0
    yield* leave
    const left = yield* used
    return { idle: (idle - base) / count, busy: (busy - base) / count, passivated: (left - base) / count }
  }).pipe(
    Effect.provide(
      accounts.pipe(
        Layer.provide(ActorConfig.layer({ maxLiveActors: count, idleTimeout: Duration.days(1) })),
        Layer.provide(gated),
        Layer.provide(store)
      )
    ),
    Effect.withClock(skipping)
  )
})

/**
 * The whole log, read from outside, with every hash checked: each account's balance, and how many are not as they
 * should be.
 */
const check = Effect.gen(function* () {
  const events = yield* EventStore
  const balances = new Map<string, bigint>()
  for (let after = 0; ; ) {
    const page = yield* events.readAll(after)
    for (const event of page.events) {
      if (!EventHash.isIntact(event)) return yield* fail(`the event at ${event.position} is damaged`)
      const { amount = "0.00" } = JSON.parse(event.data)
      balances.set(event.streamId, (balances.get(event.streamId) ?? 0n) + BigInt(amount.replace(".", "")))
      after = event.position
    }
    if (!page.more) break
    yield* Effect.yieldNow()
  }
  let wrong = 0
  let sum = 0n
  for (let number = 0; number < count; number++) {
    const balance = balances.get(Account.streamId(idOf(number)))
    sum += balance ?? 0n
    if (balance !== BigInt(amountOf(number))) wrong++
  }
  if (wrong > 0 || balances.size !== count) return yield* fail(`${wrong} balances are wrong, of ${balances.size}`)
  return String(sum)
})

/** Opens accounts and then deposits to each, in another order, by when its actor has long left: it is recovered. */
const manyAccounts = Effect.gen(function* () {
  const start = performance.now()
  yield* Effect.gen(function* () {
    const account = yield* Account
    yield* forEach((number) => account(idOf(number)).Open(open))
    yield* forEach((turn) => {
      const number = (turn * 7_919) % count
      const amount = textOf(amountOf(number))
      return Effect.flatMap(account(idOf(number)).Deposit({ amount }), ({ balance }) =>
        balance === amount ? Effect.void : fail(`the balance of ${number} is ${balance} instead of ${amount}`)
      )
    })
  }).pipe(
    Effect.provide(
      accounts.pipe(
        Layer.provide(ActorConfig.layer({ maxLiveActors: Math.min(10_000, Math.ceil(count / 10)) })),
        Layer.provide(store)
      )
    )
  )
  const seconds = (performance.now() - start) / 1_000
  // In kilobytes, and before the check, which holds all balances.
  const rss = process.resourceUsage().maxRSS * 1_024
  return { rss, seconds, checksum: yield* Effect.provide(check, store) }
})

const program: Effect.Effect<unknown, unknown> = mode === "actors" ? actors : manyAccounts
Effect.map(program, (found) => process.stdout.write(`${JSON.stringify(found)}\n`)).pipe(
  Effect.provide(Logger.remove(Logger.defaultLogger)),
  Effect.runPromise
)
