/**
 * Question: how much slower are deposits while a large log is rebuilt?
 * Method: one log of 500,000 events over 1,000 accounts; 16 clients deposit to accounts of their own and wait for each answer,
 * first for some seconds with nothing else (the summary follows all the same), then while a rebuild runs; SQLite at
 * synchronous=FULL. Reported are milliseconds at the 99th percentile, and their ratio, which is to stay below 5.
 * Not measured: HTTP.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { Effect, Fiber, Layer, Logger } from "effect"
import { Account } from "../src/account/Account.ts"
import * as AccountBehaviour from "../src/account/AccountBehaviour.ts"
import * as AccountSummary from "../src/account/AccountSummary.ts"
import { AccountId } from "../src/account/AccountTerms.ts"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import { Projections } from "../src/projection/Projections.ts"
import * as ProjectionsLocal from "../src/projection/ProjectionsLocal.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import { machine, type Result, size } from "./harness.ts"
import { makeLog } from "./rebuild.bench.ts"

const count = size(2_000, 500_000)
const clients = 16
const quietMillis = size(200, 5_000)

const p99 = (latencies: ReadonlyArray<number>): number =>
  [...latencies].sort((left, right) => left - right)[Math.floor(latencies.length * 0.99)] ?? Number.NaN

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
  const quiet = yield* deposits(Effect.sleep(quietMillis))
  const start = performance.now()
  const busy = yield* deposits(
    Effect.zipRight(projections.requestRebuild("account_summary"), projections.awaitRebuilt("account_summary"))
  )
  const seconds = (performance.now() - start) / 1_000
  return { quiet, busy, seconds }
})

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "daybook-bench-"))
  try {
    const filename = await makeLog(folder, count)
    const layer = Layer.merge(
      AccountBehaviour.layer.pipe(Layer.provide(ActorSystemLocal.layer)),
      ProjectionsLocal.layer([AccountSummary.projection])
    ).pipe(Layer.provideMerge(SqliteStore.layer({ filename })))
    const { busy, quiet, seconds } = await Effect.runPromise(
      measure.pipe(Effect.provide(layer), Effect.provide(Logger.remove(Logger.defaultLogger)))
    )
    const row = (name: string, latencies: ReadonlyArray<number>) => {
      const rate = p99(latencies)
      return { name, rate, least: Math.min(...latencies.slice(0, 1_000)), most: rate, checksum: `${latencies.length}` }
    }
    const benchmark = `deposits during a rebuild of ${count} events (${seconds.toFixed(1)} s)`
    const measured = [row("quiet", quiet), row("rebuilding", busy)]
    return [{ benchmark, unit: "ms at the 99th percentile", rounds: 1, measured, machine: machine() }]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export const aims = (results: ReadonlyArray<Result>) =>
  results.map(({ benchmark, measured: [quiet, rebuilding] }) => ({
    what: `${benchmark}, p99 against quiet`,
    ratio: (rebuilding?.rate ?? Number.NaN) / (quiet?.rate ?? Number.NaN)
  }))
