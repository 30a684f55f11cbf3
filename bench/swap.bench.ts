/**
 * Question: what does a rebuild cost those who write on PostgreSQL while somebody reads the model that is to be
 * replaced, others have a view on it and a right to it, and another model cannot be built because its index has no free
 * name? Method: a server of its own, durable; 16 clients deposit to accounts of their own and wait for each answer,
 * first for some seconds with nothing else, then while a transaction that has read the model stands open for 60 s.
 * Reported are milliseconds at the 99th percentile, their ratio, which is to stay below 2; then how long after the
 * reader the swap comes, at most 3 s, and until the failing index is named in the status, at most 2 s. The view and the
 * right must be there at the end, and the model have each event once. Not measured: HTTP, a network between the two.
 */
import { setTimeout } from "node:timers/promises"
import { SqlClient } from "@effect/sql/SqlClient"
import { Duration, Effect, Fiber, Layer, Logger } from "effect"
import { Account } from "../src/bank/account/Account.ts"
import * as AccountBehaviour from "../src/bank/account/AccountBehaviour.ts"
import { Deposited } from "../src/bank/account/AccountEvents.ts"
import { AccountId } from "../src/bank/account/AccountSchemas.ts"
import * as AccountSummary from "../src/bank/account/AccountSummary.ts"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import * as Projection from "../src/projection/Projection.ts"
import { Projections } from "../src/projection/Projections.ts"
import * as ProjectionsLocal from "../src/projection/ProjectionsLocal.ts"
import * as PostgresStore from "../src/sql/PostgresStore.ts"
import * as PostgresServer from "../test/PostgresServer.ts"
import { quantile, type Ratio, type Result, ratio, size, summary } from "./harness.ts"
import * as ByHand from "./postgresByHand.ts"

const clients = 16
const quietMillis = size(300, 20_000)
const readMillis = size(500, 60_000)

const inStatus = "failing index in the status"
const afterReader = "swap after the reader"

/** Its index has a name of its own, which the model that serves has taken. */
const fixed = Projection.make({
  name: "deposits",
  version: 1,
  events: [Deposited],
  tables: ["deposits"],
  create: ({ deposits }) => [
    `CREATE TABLE ${deposits} (position INTEGER)`,
    `CREATE INDEX of_a_fixed_name ON ${deposits} (position)`
  ],
  apply: (batch, { deposits }) =>
    Effect.flatMap(SqlClient, (sql) =>
      Effect.forEach(batch, ({ stored }) => sql.unsafe(`INSERT INTO ${deposits} VALUES (?)`, [stored.position]), {
        discard: true
      })
    )
})

/** Runs a statement, and gives the first value of its first row. */
type Sql = (text: string) => Promise<unknown>

const measure = (sql: Sql, read: () => Promise<void>) =>
  Effect.gen(function* () {
    const account = yield* Account
    const projections = yield* Projections
    const run = (text: string) => Effect.promise(() => sql(text))
    let latencies: Array<number> = []
    const client = (id: number) =>
      Effect.forever(
        Effect.suspend(() => {
          const start = performance.now()
          return Effect.map(account(AccountId.make(String(id))).Deposit({ amount: "1" }), () => {
            latencies.push(performance.now() - start)
          })
        })
      )
    /** The 99th percentile of the deposits meanwhile, in milliseconds. */
    const during = <E, R>(effect: Effect.Effect<unknown, E, R>) =>
      Effect.suspend(() => {
        latencies = []
        return Effect.map(effect, () => quantile(latencies, 0.99))
      })
    const seconds = <E, R>(effect: Effect.Effect<unknown, E, R>) =>
      Effect.map(Effect.timed(effect), ([duration]) => Duration.toSeconds(duration))

    let last = 0
    for (let id = 0; id < clients; id++) {
      last = (yield* account(AccountId.make(String(id))).Open({ owner: "Ada", currency: "EUR" })).position
    }
    for (const name of ["account_summary", "deposits"]) yield* projections.awaitPosition(name, last, "1 minute")
    yield* run("CREATE VIEW report AS SELECT account_id, current_balance FROM account_summary")
    yield* run("GRANT SELECT ON account_summary TO PUBLIC")
    const depositing = yield* Effect.fork(
      Effect.forEach(Array.from({ length: clients }), (_, id) => client(id), { concurrency: "unbounded" })
    )
    yield* Effect.sleep(size(100, 3_000))
    const quiet = yield* during(Effect.sleep(quietMillis))

    const reading = yield* Effect.fork(Effect.promise(read))
    yield* Effect.sleep(100)
    yield* projections.requestRebuild("account_summary")
    yield* projections.requestRebuild("deposits")
    const isNamed = Effect.map(
      projections.status("deposits"),
      ({ lastError }) => lastError?.error.includes("of_a_fixed_name") === true
    )
    let named = 0
    const beside = yield* during(
      Effect.gen(function* () {
        named = yield* seconds(Effect.repeat(Effect.zipLeft(isNamed, Effect.sleep(10)), { until: (isDone) => isDone }))
        yield* Fiber.join(reading)
      })
    )
    const swapped = yield* seconds(projections.awaitRebuilt("account_summary"))
    yield* Fiber.interrupt(depositing)

    const end = (yield* account(AccountId.make("0")).Deposit({ amount: "1" })).position
    yield* projections.awaitPosition("account_summary", end, "1 minute")
    const deposits = yield* run("SELECT sum(transaction_count)::bigint FROM account_summary")
    const rows = yield* run("SELECT count(*) FROM report")
    const acl = yield* run("SELECT relacl::text FROM pg_class WHERE oid = to_regclass('account_summary')")
    if (deposits !== end - clients || rows !== clients || !String(acl).includes("=r/")) {
      return yield* Effect.dieMessage(
        `${deposits} of ${end - clients} deposits, ${rows} rows of the view, rights ${acl}`
      )
    }
    return { quiet, beside, named, swapped }
  })

export const run = async (): Promise<ReadonlyArray<Result>> => {
  const server = await PostgresServer.start()
  const pool = ByHand.open(server.url)
  const sql = async (text: string): Promise<unknown> => Object.values((await ByHand.query(pool, text))[0] ?? {})[0]
  const read = async () => {
    const session = await pool.connect()
    await session.query("BEGIN")
    await session.query("SELECT * FROM account_summary")
    await setTimeout(readMillis)
    await session.query("COMMIT")
    session.release()
  }
  const layer = Layer.merge(
    AccountBehaviour.layer.pipe(Layer.provide(ActorSystemLocal.layer)),
    ProjectionsLocal.layer([AccountSummary.projection, fixed])
  ).pipe(Layer.provideMerge(PostgresStore.layer({ url: server.url })))
  try {
    const { beside, named, quiet, swapped } = await Effect.runPromise(
      measure(sql, read).pipe(Effect.provide(layer), Effect.provide(Logger.remove(Logger.defaultLogger)))
    )
    return [
      {
        benchmark: `deposits during a rebuild on PostgreSQL beside a reader of ${readMillis / 1_000} s`,
        unit: "ms at the 99th percentile",
        rounds: 1,
        measured: [summary("quiet", [quiet]), summary("beside", [beside])]
      },
      {
        benchmark: "what the operator waits for",
        unit: "s",
        rounds: 1,
        measured: [summary(inStatus, [named]), summary(afterReader, [swapped])]
      }
    ]
  } finally {
    await pool.end()
    await server.stop()
  }
}

const secondsOf = (result: Result | undefined, name: string): number =>
  result?.measured.find((one) => one.name === name)?.median ?? Number.NaN

export const ratios = ([deposits, waits]: ReadonlyArray<Result>): ReadonlyArray<Ratio> => [
  { what: `${deposits?.benchmark}, p99 against quiet`, ratio: ratio(deposits, "beside", "quiet"), atMost: 2 },
  { what: "seconds until a failing index is in the status", ratio: secondsOf(waits, inStatus), atMost: 2 },
  { what: "seconds from the end of the reader to the swap", ratio: secondsOf(waits, afterReader), atMost: 3 }
]
