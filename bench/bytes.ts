/**
 * Question: how many bytes of file does a durable command take, with its event, its answer, its entry and all indices?
 * Method: deposits to 1,000 accounts of the bank, and the size of the SQLite file once it is closed, less that of an
 * empty one. `node node_modules/.cache/daybook-bench/bench/bytes.js [commands]`, after `npx tsc -p
 * tsconfig.bench.json`.
 */
import { statSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { Effect, Layer } from "effect"
import { Account } from "../src/bank/account/Account.ts"
import * as AccountBehaviour from "../src/bank/account/AccountBehaviour.ts"
import { AccountId } from "../src/bank/account/AccountSchemas.ts"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import { withFolder } from "./harness.ts"

const commands = Number(process.argv[2] ?? 30_000)
const accounts = 1_000

const deposits = Effect.gen(function* () {
  const account = yield* Account
  const refs = Array.from({ length: accounts }, (_, number) => account(AccountId.make(`account-${number}`)))
  yield* Effect.forEach(refs, (ref) => ref.Open({ owner: "Ann", currency: "EUR" }), { concurrency: 100, discard: true })
  const numbers = Array.from({ length: commands - accounts }, (_, number) => number)
  yield* Effect.forEach(
    numbers,
    (number) => refs[number % accounts]?.Deposit({ amount: `${1 + (number % 100)}.50` }) ?? Effect.void,
    {
      concurrency: 1_000,
      discard: true
    }
  )
})

await withFolder(async (folder) => {
  const layerOf = (filename: string) =>
    AccountBehaviour.layer.pipe(Layer.provide(ActorSystemLocal.layer), Layer.provide(SqliteStore.layer({ filename })))
  const [empty, full] = [join(folder, "empty.db"), join(folder, "full.db")]
  await Effect.runPromise(Effect.provide(Effect.void, layerOf(empty)))
  await Effect.runPromise(Effect.provide(deposits, layerOf(full)))
  console.log(
    `${((statSync(full).size - statSync(empty).size) / commands).toFixed(0)} bytes of file for each of ${commands} commands`
  )
})
