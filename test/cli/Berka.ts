/** Berka's transactions, a real bank's, and the balances that they end at. */
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { assert } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import * as AccountBehaviour from "../../src/bank/account/AccountBehaviour.ts"
import { AccountId } from "../../src/bank/account/AccountSchemas.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { isLong, random } from "../Random.ts"
import * as Cli from "./Cli.ts"

const data = join(import.meta.dirname, "../../../shared/data")
export const rows = 23_092
/** Into the database of an address. */
export const importInto = (db: string, options?: Cli.RunOptions) =>
  Cli.run(
    ["import", join(data, "berka.jsonl.gz"), "--format", "berka", "--overdraft", "100000.00", "--db", db, "--json"],
    options
  )
export const importBerka = (filename: string, options?: Cli.RunOptions) => importInto(`sqlite:${filename}`, options)
export const verify = (filename: string, options?: Cli.RunOptions) =>
  Cli.run(["verify", "--db", `sqlite:${filename}`, "--json"], options)
export const exportLog = (filename: string, out: string, options?: Cli.RunOptions) =>
  Cli.run(["export", "--db", `sqlite:${filename}`, "--out", out], options)

/** What the oracle says of each account, in haléř. */
const oracle = new Map(
  readFileSync(join(data, "berka-expected-summary.csv"), "utf8")
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => {
      const fields = line.split(",")
      return [fields[0] ?? "", BigInt(fields[4] ?? "")] as const
    })
)

/** The balances as the actors know them. */
const balances = Effect.gen(function* () {
  const accounts = yield* Account
  const found = new Map<string, bigint>()
  for (const id of oracle.keys()) {
    const { state } = yield* accounts(AccountId.make(id)).state
    found.set(id, state.balance)
  }
  return found
}).pipe(Effect.provide(Layer.provide(AccountBehaviour.layer, ActorSystemLocal.layer)))

/** The balances on these stores are the oracle's, all of them. */
export const assertBalances = Effect.map(balances, (found) => {
  assert.strictEqual(oracle.size, 615)
  assert.deepStrictEqual(found, oracle)
})

/** Bytes in the database and its log. */
const written = (filename: string): number =>
  [filename, `${filename}-wal`].reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0)

/** Kills the import at random places of it, and at last lets it end. */
export const importThroughKills = (filename: string, options?: Cli.RunOptions) =>
  Effect.gen(function* () {
    const next = random("kill the import")
    const kills = isLong ? 10 : 3
    let killed = 0
    while (killed < kills) {
      // A place shows in how much is written. The whole takes about 15 MB.
      const until = written(filename) + next() * (15_000_000 / kills)
      const { code } = yield* importBerka(filename, { ...options, killWhen: () => written(filename) > until })
      if (code !== "SIGKILL") break
      killed++
    }
    const last = JSON.parse((yield* importBerka(filename, options)).stdout)
    console.log(`killed ${killed} times; then ${last.replayed} rows were there`)
    assert.strictEqual(killed, kills)
    assert.isAbove(last.replayed, 0)
    assert.strictEqual(last.applied + last.replayed, rows)
  })

/** The database holds all of it, as this Node finds. */
export const assertWhole = (filename: string) =>
  Effect.gen(function* () {
    yield* Effect.provide(assertBalances, SqliteStore.layer({ filename, mode: "existing" }))
    const { code, stdout } = yield* verify(filename)
    assert.strictEqual(code, 0, stdout)
    assert.strictEqual(JSON.parse(stdout).events, rows + oracle.size)
  })
