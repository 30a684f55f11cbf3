/**
 * Question: how much slower are deposits while a large log is rebuilt? Method: one log of 500,000 events over 1,000
 * accounts; 16 clients deposit to accounts of their own and wait for each answer, first for some seconds with nothing
 * else (the summary follows all the same), then while a rebuild runs; SQLite at synchronous=FULL. Reported are
 * milliseconds at the 99th percentile, and their ratio, which is to stay below 5. Not measured: HTTP.
 */
import { Effect, Fiber, Layer, Logger } from "effect"
import { Account } from "../src/bank/account/Account.ts"
import * as AccountBehaviour from "../src/bank/account/AccountBehaviour.ts"
import { AccountId } from "../src/bank/account/AccountSchemas.ts"
import * as AccountSummary from "../src/bank/account/AccountSummary.ts"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import { Projections } from "../src/projection/Projections.ts"
import * as ProjectionsLocal from "../src/projection/ProjectionsLocal.ts"
import { ReadModels } from "../src/projection/ReadModels.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import { quantile, type Ratio, type Result, ratio, size, summary, withFolder } from "./harness.ts"
import { accounts, makeLog } from "./rebuild.bench.ts"

const count = size(2_000, 500_000)
const clients = 16
const rounds = size(1, 3)
const quietMillis = size(200, 5_000)

const measure = Effect.gen(function* () {
  const account = yield* Account
  const projections = yield* Projections
  yield* projections.awaitPosition("account_summary", count, "10 minutes")

  /** Deposits until told to stop, and gives how long each took, in milliseconds. */
  const deposits = <A, E, R>(until: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const latencies: Array<number> = []
      const client = (id: number) =>
        Effect.forever(
          Effect.suspend(() => {
            const start = performance.now()
            return Effect.map(account(AccountId.make(`client-${id}`)).Deposit({ amount: "1" }), () => {
              latencies.push(performance.now() - start)
            })
          })
        )
      const running = yield* Effect.fork(
        Effect.forEach(Array.from({ length: clients }), (_, id) => client(id), { concurrency: "unbounded" })
      )
      yield* until
      yield* Fiber.interrupt(running)
      return latencies
    })

  for (let id = 0; id < clients; id++) {
    yield* account(AccountId.make(`client-${id}`)).Open({ owner: "Ada", currency: "EUR" })
  }
  yield* deposits(Effect.sleep(1_000))
  const round = Effect.gen(function* () {
    const quiet = yield* deposits(Effect.sleep(quietMillis))
    const rebuilding = yield* deposits(
      Effect.zipRight(projections.requestRebuild("account_summary"), projections.awaitRebuilt("account_summary"))
    )
    return { quiet, rebuilding }
  })
  const all = yield* Effect.replicateEffect(round, rounds)
  // The model has each event once: those of the log, and the deposits of all clients.
  const { position } = yield* projections.status("account_summary")
  const [row] = yield* Effect.flatMap(ReadModels, (models) =>
    models.query("SELECT sum(transaction_count) FROM account_summary", [])
  )
  const deposited = position - accounts - clients
  if (row?.[0] !== deposited) return yield* Effect.dieMessage(`the model has ${row?.[0]} transactions of ${deposited}`)
  return all
})

export const run = (): Promise<ReadonlyArray<Result>> =>
  withFolder(async (folder) => {
    const filename = await makeLog(folder, count)
    const layer = Layer.merge(
      AccountBehaviour.layer.pipe(Layer.provide(ActorSystemLocal.layer)),
      ProjectionsLocal.layer([AccountSummary.projection])
    ).pipe(Layer.provideMerge(SqliteStore.layer({ filename })))
    const measured = await Effect.runPromise(
      measure.pipe(Effect.provide(layer), Effect.provide(Logger.remove(Logger.defaultLogger)))
    )
    // One process for all rounds: each rebuild has the deposits of the last one in it too.
    const row = (name: "quiet" | "rebuilding") =>
      summary(
        name,
        measured.map((round) => quantile(round[name], 0.99))
      )
    return [
      {
        benchmark: `deposits during a rebuild of ${count} events`,
        unit: "ms at the 99th percentile",
        rounds,
        measured: [row("quiet"), row("rebuilding")]
      }
    ]
  })

export const ratios = ([result]: ReadonlyArray<Result>): ReadonlyArray<Ratio> => [
  { what: `${result?.benchmark}, p99 against quiet`, ratio: ratio(result, "rebuilding", "quiet"), atMost: 5 }
]
