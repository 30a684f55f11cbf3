/**
 * Question: how far is a read model behind while commands go on, and what does it cost them that it follows? Method: 64
 * clients deposit to 1,000 accounts and wait for each answer, with the account summary running and without; SQLite at
 * synchronous=FULL; contestants in turn on fresh files, medians. Every tenth deposit, once answered, waits until the
 * model has it: that is the lag in milliseconds, which a client that reads its own write waits. In events, it is the
 * distance from the model to the end of the log, looked at with each of them. After each round the model must have each
 * deposit once. Not measured: a rebuild beside (`rebuildLatency.bench.ts`), HTTP.
 */
import { join } from "node:path"
import { Effect, Fiber, Layer, Logger } from "effect"
import { Account } from "../src/bank/account/Account.ts"
import * as AccountBehaviour from "../src/bank/account/AccountBehaviour.ts"
import { AccountId } from "../src/bank/account/AccountSchemas.ts"
import * as AccountSummary from "../src/bank/account/AccountSummary.ts"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import { EventStore } from "../src/core/EventStore.ts"
import { Projections } from "../src/projection/Projections.ts"
import * as ProjectionsLocal from "../src/projection/ProjectionsLocal.ts"
import { ReadModels } from "../src/projection/ReadModels.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import {
  type Contestant,
  inTurn,
  quantile,
  type Ratio,
  type Result,
  ratio,
  size,
  summary,
  toResult,
  type Work
} from "./harness.ts"

const accounts = size(20, 1_000)
const clients = 64
const deposits = size(300, 20_000)
const sampleEvery = 10

interface Followed extends Work {
  readonly millis: ReadonlyArray<number>
  readonly events: ReadonlyArray<number>
}

const ids = Array.from({ length: accounts }, (_, number) => AccountId.make(String(number)))

const contestant = (
  name: string,
  projections: ReadonlyArray<typeof AccountSummary.projection>
): Contestant<Followed> => ({
  name,
  run: (folder) =>
    Effect.gen(function* () {
      const account = yield* Account
      const store = yield* EventStore
      const models = yield* Projections
      const isFollowed = projections.length > 0
      const opened = yield* Effect.forEach(ids, (id) => account(id).Open({ owner: "Anna", currency: "EUR" }), {
        concurrency: clients
      })
      const start = Math.max(...opened.map(({ position }) => position))
      const caughtUp = (position: number) => models.awaitPosition("account_summary", position, "1 minute")
      if (isFollowed) yield* caughtUp(start)

      const millis: Array<number> = []
      const events: Array<number> = []
      const look = (position: number) =>
        Effect.gen(function* () {
          const answered = performance.now()
          const at = (yield* models.status("account_summary")).position
          events.push(Math.max((yield* store.lastPosition) - at, 0))
          yield* caughtUp(position)
          millis.push(performance.now() - answered)
        })
      const looks: Array<Fiber.Fiber<void, unknown>> = []
      let next = 0
      const client = Effect.gen(function* () {
        while (next < deposits) {
          const number = next++
          const id = ids[(number * 7_919) % accounts] as AccountId
          const { position } = yield* account(id).Deposit({ amount: "1" })
          // By a fiber of its own: the clients go on.
          if (isFollowed && number % sampleEvery === 0) looks.push(yield* Effect.forkDaemon(look(position)))
        }
      })
      const began = performance.now()
      yield* Effect.replicateEffect(client, clients, { concurrency: "unbounded", discard: true })
      const seconds = (performance.now() - began) / 1_000
      yield* Fiber.joinAll(looks)
      const end = yield* store.lastPosition
      if (isFollowed) {
        yield* caughtUp(end)
        const { query } = yield* ReadModels
        const [row] = yield* query("SELECT sum(transaction_count) FROM account_summary", [])
        if (row?.[0] !== deposits) return yield* Effect.dieMessage(`the model has ${row?.[0]} of ${deposits} deposits`)
      }
      return { count: deposits, seconds, checksum: String(end), millis, events }
    }).pipe(
      Effect.provide(
        Layer.merge(
          AccountBehaviour.layer.pipe(Layer.provide(ActorSystemLocal.layer)),
          ProjectionsLocal.layer(projections)
        ).pipe(Layer.provideMerge(SqliteStore.layer({ filename: join(folder, "daybook.db") })))
      ),
      Effect.provide(Logger.remove(Logger.defaultLogger)),
      Effect.runPromise
    )
})

const title = `deposits of ${clients} clients`

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const rounds = size(1, 5)
  const works = await inTurn(
    title,
    [contestant("no read model", []), contestant("followed", [AccountSummary.projection])],
    rounds
  )
  const followed = works.get("followed") ?? []
  const lag = (what: "millis" | "events", unit: string): Result => ({
    benchmark: "lag of account_summary meanwhile",
    unit,
    rounds,
    measured: [0.5, 0.99].map((part) =>
      summary(
        `p${part * 100}`,
        followed.map((round) => quantile(round[what], part))
      )
    )
  })
  return [toResult(title, "per second", works), lag("millis", "ms"), lag("events", "events")]
}

export const ratios = ([result]: ReadonlyArray<Result>): ReadonlyArray<Ratio> => [
  { what: `${title}: with the read model against without`, ratio: ratio(result, "followed", "no read model") }
]
