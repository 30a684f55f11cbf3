/** The promise of the import: the bank's own transactions end at the bank's own balances, whatever happens on the way. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Account, AccountId } from "../../src/account/Account.ts"
import * as AccountBehaviour from "../../src/account/AccountBehaviour.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { isLong, random } from "../Random.ts"
import * as Cli from "./Cli.ts"

const data = join(import.meta.dirname, "../../../shared/data")
const rows = 23_092
const importBerka = (filename: string, options?: Cli.RunOptions) =>
  Cli.run(
    ["import", join(data, "berka.jsonl.gz"), "--format", "berka", "--overdraft", "100000.00"].concat([
      "--db",
      `sqlite:${filename}`,
      "--json"
    ]),
    options
  )
const verify = (filename: string) => Cli.run(["verify", "--db", `sqlite:${filename}`, "--json"])
const exportLog = (filename: string, out: string) => Cli.run(["export", "--db", `sqlite:${filename}`, "--out", out])

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
const balances = (filename: string) =>
  Effect.gen(function* () {
    const accounts = yield* Account
    const found = new Map<string, bigint>()
    for (const id of oracle.keys()) {
      const { state } = yield* accounts(AccountId.make(id)).state
      found.set(id, state.balance)
    }
    return found
  }).pipe(
    Effect.provide(
      AccountBehaviour.layer.pipe(
        Layer.provide(ActorSystemLocal.layer),
        Layer.provide(SqliteStore.layer({ filename, mode: "existing" }))
      )
    )
  )

const assertWhole = (filename: string) =>
  Effect.gen(function* () {
    assert.strictEqual(oracle.size, 615)
    assert.deepStrictEqual(yield* balances(filename), oracle)
    const { code, stdout } = yield* verify(filename)
    assert.strictEqual(code, 0, stdout)
    assert.strictEqual(JSON.parse(stdout).events, rows + oracle.size)
  })

describe("the import of Berka's transactions", () => {
  it.scoped(
    "ends at the oracle's balances; again it applies nothing and changes no byte; it exports and imports byte for byte",
    () =>
      Effect.gen(function* () {
        const folder = yield* Cli.folder
        const first = join(folder, "first.db")
        assert.deepStrictEqual(JSON.parse((yield* importBerka(first)).stdout), {
          applied: rows,
          replayed: 0,
          refused: 0
        })
        yield* assertWhole(first)
        const log = join(folder, "log.jsonl")
        assert.strictEqual((yield* exportLog(first, log)).code, 0)

        assert.deepStrictEqual(JSON.parse((yield* importBerka(first)).stdout), {
          applied: 0,
          replayed: rows,
          refused: 0
        })
        const again = join(folder, "again.jsonl")
        yield* exportLog(first, again)
        assert.isTrue(readFileSync(again).equals(readFileSync(log)))

        const second = join(folder, "second.db")
        const restored = yield* Cli.run(["import", log, "--format", "events", "--db", `sqlite:${second}`, "--json"])
        assert.deepStrictEqual(JSON.parse(restored.stdout), { events: rows + 615, commands: rows + 615 })
        const third = join(folder, "third.jsonl")
        yield* exportLog(second, third)
        assert.isTrue(readFileSync(third).equals(readFileSync(log)))
        // The kept answers went along: the rows are known there.
        assert.deepStrictEqual(JSON.parse((yield* importBerka(second)).stdout).replayed, rows)
      }),
    120_000
  )

  it.scoped(
    "survives SIGKILL at random instants",
    () =>
      Effect.gen(function* () {
        const next = random("kill the import")
        const filename = join(yield* Cli.folder, "killed.db")
        let killed = 0
        for (let kills = isLong ? 10 : 3; kills > 0; kills--) {
          const { code } = yield* importBerka(filename, { killAfter: 300 + next() * 1_500 })
          if (code === "SIGKILL") killed++
        }
        const last = JSON.parse((yield* importBerka(filename)).stdout)
        console.log(`killed ${killed} times; then ${last.replayed} rows were there`)
        assert.strictEqual(last.applied + last.replayed, rows)
        yield* assertWhole(filename)
      }),
    240_000
  )
})
