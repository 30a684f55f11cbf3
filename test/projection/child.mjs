/**
 * A process for tests that kill it: `node child.mjs <dist> <database> <seed>`, where the database is a file or an
 * address. It deposits to accounts for ever while the summary of accounts follows in small batches and is rebuilt again
 * and again. It says in a line what it begins, `projecting`, `rebuilding` or `swapping`, and `idle` when that is done.
 */
import { writeSync } from "node:fs"
import { Context, Effect, Layer, Logger } from "effect"

const [dist, database, seed] = process.argv.slice(2)
const load = (module) => import(`${dist}/${module}.js`)
const { Account } = await load("bank/account/Account")
const AccountBehaviour = await load("bank/account/AccountBehaviour")
const AccountSummary = await load("bank/account/AccountSummary")
const ActorSystemLocal = await load("core/ActorSystemLocal")
const { CheckpointStore } = await load("projection/CheckpointStore")
const { GenerationStore } = await load("projection/GenerationStore")
const ProjectionConfig = await load("projection/ProjectionConfig")
const { Projections } = await load("projection/Projections")
const ProjectionsLocal = await load("projection/ProjectionsLocal")
const PostgresStore = await load("sql/PostgresStore")
const SqliteStore = await load("sql/SqliteStore")

const accounts = 5

/** Before anything of it is done, and after all of it is. */
const say = (what) => Effect.sync(() => writeSync(1, `${what}\n`))
const saying = (what, effect) => Effect.zipRight(say(what), Effect.ensuring(effect, say("idle")))

const talking = Layer.effectContext(
  Effect.gen(function* () {
    const checkpoints = yield* CheckpointStore
    const generations = yield* GenerationStore
    const serves = ({ generation, projection }) =>
      Effect.map(generations.find(projection), (row) => row.value?.live?.generation === generation)
    return Context.make(CheckpointStore, {
      ...checkpoints,
      advance: (from, move, change) =>
        Effect.flatMap(serves(from), (isLive) =>
          saying(isLive ? "projecting" : "rebuilding", checkpoints.advance(from, move, change))
        )
    }).pipe(
      Context.add(GenerationStore, {
        ...generations,
        swap: (shadow, live) => saying("swapping", generations.swap(shadow, live))
      })
    )
  })
)

const program = Effect.gen(function* () {
  const account = yield* Account
  const projections = yield* Projections
  yield* Effect.forEach(Array.from({ length: accounts }), (_, id) =>
    account(String(id)).ask("Open", { owner: "Ada", currency: "EUR" }, { commandId: `open-${id}` })
  )
  // One client, which waits for the model: a rebuild in small batches would never come to the end of many.
  const client = Effect.gen(function* () {
    for (let number = 0; ; number++) {
      const command = number % 3 === 2 ? "Withdraw" : "Deposit"
      const commandId = `${seed}-${number}`
      const { position } = yield* account(String(number % accounts)).ask(command, { amount: "1.25" }, { commandId })
      yield* projections.awaitPosition("account_summary", position, "100 seconds")
    }
  })
  const rebuilds = Effect.forever(
    Effect.zipRight(projections.requestRebuild("account_summary"), projections.awaitRebuilt("account_summary"))
  )
  yield* Effect.all([rebuilds, client], { concurrency: "unbounded" })
})

const layer = Layer.merge(
  AccountBehaviour.layer.pipe(Layer.provide(ActorSystemLocal.layer)),
  ProjectionsLocal.layer([AccountSummary.projection]).pipe(
    Layer.provide(Layer.merge(ProjectionConfig.layer({ maxBatch: 7, busyBatch: 7 }), talking))
  )
).pipe(
  Layer.provideMerge(
    database.startsWith("postgres:")
      ? PostgresStore.layer({ url: database })
      : SqliteStore.layer({ filename: database })
  )
)

await Effect.runPromise(program.pipe(Effect.provide(layer), Effect.provide(Logger.remove(Logger.defaultLogger))))
