/**
 * Question: how many transfers between two accounts reach their end a second, against deposits of the same clients?
 * Method: 64 clients that wait for each answer, 1,000 accounts, SQLite at synchronous=FULL, no HTTP; contestants in
 * turn on fresh files, medians. A transfer is four durable commands, one after the other, so a fourth is what deposits
 * could give. Not measured: HTTP, transfers that are refused or refunded.
 */
import { join } from "node:path"
import { Effect, Layer, Logger } from "effect"
import { Account } from "../src/bank/account/Account.ts"
import { AccountId, TransferId } from "../src/bank/account/AccountSchemas.ts"
import * as AccountSummary from "../src/bank/account/AccountSummary.ts"
import type * as Bank from "../src/bank/Bank.ts"
import * as Transfers from "../src/bank/transfer/Transfers.ts"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import * as ProjectionsLocal from "../src/projection/ProjectionsLocal.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import { type Contestant, compare, type Ratio, type Result, ratio, size } from "./harness.ts"

const accounts = size(20, 1_000)
const clients = 64
const ids = Array.from({ length: accounts }, (_, number) => AccountId.make(String(number)))
const idOf = (number: number): AccountId => ids[number % accounts] as AccountId

/** What `daybook serve` runs, without HTTP. */
const bank = (folder: string) =>
  Layer.merge(
    Transfers.layer.pipe(Layer.provide(ActorSystemLocal.layer)),
    ProjectionsLocal.layer([AccountSummary.projection])
  ).pipe(Layer.provideMerge(SqliteStore.layer({ filename: join(folder, "daybook.db") })))

/** Does this many commands, each by whichever client is free. */
const contestant = (
  name: string,
  commands: number,
  command: (number: number) => Effect.Effect<string, unknown, Effect.Effect.Context<typeof services>>
): Contestant => ({
  name,
  run: (folder) =>
    Effect.gen(function* () {
      const account = yield* Account
      yield* Effect.forEach(
        ids,
        (id) =>
          Effect.zipRight(
            account(id).Open({ owner: "Anna", currency: "EUR" }),
            account(id).Deposit({ amount: "1000" })
          ),
        { concurrency: clients, discard: true }
      )
      let next = 0
      const ends = new Set<string>()
      const client = Effect.gen(function* () {
        while (next < commands) ends.add(yield* command(next++))
      })
      const start = performance.now()
      yield* Effect.all(
        Array.from({ length: clients }, () => client),
        { concurrency: "unbounded", discard: true }
      )
      const seconds = (performance.now() - start) / 1_000
      return { count: commands, seconds, checksum: [...ends].join() }
    }).pipe(Effect.provide(bank(folder)), Effect.provide(Logger.remove(Logger.defaultLogger)), Effect.runPromise)
})

const services = Effect.all([Account, Transfers.Transfers])

/** Everything of a build that its bank runs on; each commit since 4a0a8e0 has it. */
export interface Build {
  readonly application: typeof Bank.application
  readonly ActorSystemLocal: typeof ActorSystemLocal
  readonly ProjectionsLocal: typeof ProjectionsLocal
  readonly SqliteStore: typeof SqliteStore
  readonly Account: typeof Account
  readonly Transfers: typeof Transfers.Transfers
}

/** Transfers of a whole bank, with all its reactions and models, as two commits are compared by. */
export const ofBuild = (build: Build): Contestant => {
  const { application } = build
  const { projections, reactions } = application
  return {
    name: "transfers",
    run: (folder) =>
      Effect.gen(function* () {
        const account = yield* build.Account
        const { request } = yield* build.Transfers
        const open = (id: AccountId) =>
          Effect.zipRight(account(id).Open({ owner: "Anna", currency: "EUR" }), account(id).Deposit({ amount: "1000" }))
        yield* Effect.forEach(ids, open, { concurrency: clients, discard: true })
        const count = size(50, 8_000)
        const ends = new Set<string>()
        const one = (number: number) =>
          Effect.map(
            request(TransferId.make(`t${number}`), {
              from: idOf(number * 7_919),
              to: idOf(number * 7_919 + 1),
              amount: "1"
            }),
            ({ transfer }) => ends.add(transfer.status)
          )
        const numbers = Array.from({ length: count }, (_, number) => number)
        const start = performance.now()
        yield* Effect.forEach(numbers, one, { concurrency: clients, discard: true })
        return { count, seconds: (performance.now() - start) / 1_000, checksum: [...ends].join() }
      }).pipe(
        Effect.provide(
          Layer.merge(application.layer, build.ProjectionsLocal.layer(projections, reactions)).pipe(
            Layer.provide(build.ActorSystemLocal.layer),
            Layer.provide(build.SqliteStore.layer({ filename: join(folder, "daybook.db") }))
          )
        ),
        Effect.provide(Logger.remove(Logger.defaultLogger)),
        Effect.runPromise
      )
  }
}

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const deposits = contestant("deposits", size(200, 20_000), (number) =>
    Effect.flatMap(Account, (account) => Effect.as(account(idOf(number * 7_919)).Deposit({ amount: "1" }), "deposited"))
  )
  const transfers = contestant("transfers", size(50, 4_000), (number) =>
    Effect.flatMap(Transfers.Transfers, ({ request }) =>
      Effect.map(
        request(TransferId.make(`t${number}`), {
          from: idOf(number * 7_919),
          to: idOf(number * 7_919 + 1),
          amount: "1"
        }),
        ({ transfer }) => transfer.status
      )
    )
  )
  return [await compare(`transfers, ${clients} clients`, "per second", [deposits, transfers])]
}

export const ratios = (results: ReadonlyArray<Result>): ReadonlyArray<Ratio> =>
  results.map((result) => ({
    what: `${result.benchmark}, against deposits`,
    ratio: ratio(result, "transfers", "deposits"),
    atLeast: 0.1
  }))
