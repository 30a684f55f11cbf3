/**
 * A process for tests that end it: `node transferring.mjs <dist> <filename> <scenario> [before|after <commit>]`. With
 * the last two it makes the accounts, requests one transfer, and kills itself right before or after a given number of
 * commits of events from then on, if there are that many. Without them it waits for the end of what was requested, and
 * prints how it ended and after how long.
 */
import { Effect, Layer, Logger } from "effect"

const [dist, filename, scenario, when, commit] = process.argv.slice(2)
const load = (module) => import(`${dist}/${module}.js`)
const { Account } = await load("bank/account/Account")
const { Transfers, ...TransfersModule } = await load("bank/transfer/Transfers")
const ActorSystemLocal = await load("core/ActorSystemLocal")
const { EventStore } = await load("core/EventStore")
const SqliteStore = await load("sql/SqliteStore")

/** Commits of events since the transfer was asked for. */
let commits = Number.NaN
const dieIf = (moment) =>
  Effect.sync(() => {
    if (when === moment && commits === Number(commit)) process.kill(process.pid, "SIGKILL")
  })

const stores = SqliteStore.layer({ filename })
const watched = Layer.effect(
  EventStore,
  Effect.map(EventStore, (store) => ({
    ...store,
    append: (requests) =>
      Effect.suspend(() => {
        commits++
        return dieIf("before").pipe(Effect.zipRight(store.append(requests)), Effect.zipLeft(dieIf("after")))
      })
  }))
).pipe(Layer.provide(stores))

const layer = TransfersModule.layer.pipe(
  Layer.provide(ActorSystemLocal.layer),
  Layer.provideMerge(Layer.merge(stores, watched))
)

const request = Effect.gen(function* () {
  const account = yield* Account
  for (const id of ["a", "b"]) yield* account(id).Open({ owner: "Ada", currency: "EUR" })
  yield* account("a").Deposit({ amount: "10" })
  if (scenario === "refund") yield* account("b").Close()
  commits = 0
  const { request } = yield* Transfers
  yield* request("t", { from: "a", to: "b", amount: scenario === "refusal" ? "10.01" : "5" }, { commandId: "request" })
})

const finish = Effect.gen(function* () {
  const { get } = yield* Transfers
  const ended = get("t").pipe(
    Effect.map(({ transfer }) => transfer.status),
    Effect.catchTag("TransferNotFound", () => Effect.succeed("not requested")),
    Effect.delay("10 millis"),
    Effect.repeat({ until: (status) => status !== "pending" }),
    Effect.timeoutTo({ duration: "5 seconds", onTimeout: () => "pending after 5 s", onSuccess: (status) => status })
  )
  console.log(JSON.stringify({ status: yield* ended, millis: Math.round(performance.now()) }))
})

await Effect.runPromise(
  (when === undefined ? finish : request).pipe(
    Effect.provide(layer),
    Effect.provide(Logger.remove(Logger.defaultLogger))
  )
)
