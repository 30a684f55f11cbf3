/** `daybook diff`: two programs over one log, and where they part. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { SqlClient } from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { inject } from "vitest"
import { Account } from "../../src/bank/account/Account.ts"
import * as AccountBehaviour from "../../src/bank/account/AccountBehaviour.ts"
import { Withdrawn } from "../../src/bank/account/AccountEvents.ts"
import { AccountId } from "../../src/bank/account/AccountSchemas.ts"
import { application } from "../../src/bank/Bank.ts"
import * as diff from "../../src/cli/diff.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import type { StreamId } from "../../src/core/StreamId.ts"
import * as Application from "../../src/projection/Application.ts"
import type { Difference } from "../../src/projection/Comparison.ts"
import * as Projection from "../../src/projection/Projection.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { random } from "../Random.ts"
import * as Cli from "./Cli.ts"

type Behaviour = typeof AccountBehaviour.behaviour

/** The bank with another behaviour of accounts, and other models. */
const bank = (behaviour: Behaviour, projections: ReadonlyArray<Projection.Any> = []) =>
  Application.make({ name: "bank", aggregates: [Application.aggregate(Account, behaviour)], projections })

const { behaviour } = AccountBehaviour
/** Forgets to take what was withdrawn. */
const forgetful: Behaviour = { ...behaviour, evolve: { ...behaviour.evolve, Withdrawn: (account) => account } }

const withdrawals = (times: number) =>
  Projection.make({
    name: "withdrawals",
    version: times,
    events: [Withdrawn],
    tables: ["withdrawals"],
    create: ({ withdrawals }) => [`CREATE TABLE ${withdrawals} (position INTEGER PRIMARY KEY, times INTEGER NOT NULL)`],
    apply: (batch, { withdrawals }) =>
      Effect.flatMap(SqlClient, (sql) =>
        Effect.forEach(batch, ({ stored }) =>
          sql.unsafe(`INSERT INTO ${withdrawals} VALUES (?, ?)`, [stored.position, times])
        )
      )
  })

const fill = Effect.gen(function* () {
  const next = random("compared accounts")
  const all = yield* Account
  for (let index = 0; index < 12; index++) {
    const account = all(AccountId.make(`a-${index}`))
    yield* account.Open({ owner: "Ada", currency: "EUR" }, { commandId: `open-${index}` })
    for (let number = 0; number < 8; number++) {
      const commandId = `${index}-${number}`
      // Every third account never takes any.
      if (index % 3 !== 0 && next() < 0.4) yield* Effect.either(account.Withdraw({ amount: "1" }, { commandId }))
      else yield* account.Deposit({ amount: "2" }, { commandId })
    }
  }
}).pipe(
  Effect.provide(
    AccountBehaviour.layer.pipe(
      Layer.provideMerge(ActorSystemLocal.layer),
      Layer.provide(Logger.remove(Logger.defaultLogger))
    )
  )
)

const compare = (old: Application.Application, next: Application.Application) =>
  Effect.gen(function* () {
    const found: Array<Difference> = []
    const counts = yield* diff.run(old, next, (difference) => found.push(difference))
    return { found, counts }
  })

/** The first withdrawal of each account, from the rows alone. */
const firstWithdrawals = Effect.gen(function* () {
  const store = yield* EventStore
  const first = new Map<string, number>()
  for (const { streamId, type, version } of (yield* store.readAll(0)).events) {
    if (type === "Withdrawn" && !first.has(streamId)) first.set(streamId, version)
  }
  return [...first].sort()
})

describe("the comparison of two programs", () => {
  it.scopedLive("finds a changed evolve with exactly its accounts and the versions at which they part", () =>
    Effect.gen(function* () {
      yield* fill
      const expected = yield* firstWithdrawals
      assert.isAbove(expected.length, 3)
      const { counts, found } = yield* compare(bank(behaviour), bank(forgetful))
      assert.deepStrictEqual([counts.streams, counts.answers > 0], [12, true])
      assert.isTrue(found.every(({ kind, path }) => kind === "state" && path === "balance"))
      assert.deepStrictEqual(
        found.map(({ streamId, version }) => [streamId, version] as [string, number]).sort(),
        expected
      )
    }).pipe(Effect.provide(SqliteStore.layer({ filename: ":memory:" })))
  )

  it.scopedLive("finds nothing between equal programs, and rows, models, snapshots and aggregates that differ", () =>
    Effect.gen(function* () {
      yield* fill
      const same = bank(behaviour, [withdrawals(1)])
      assert.deepStrictEqual((yield* compare(same, bank({ ...behaviour }, [withdrawals(1)]))).found, [])
      assert.deepStrictEqual((yield* compare(application, application)).found, [])

      const rows = (yield* compare(same, bank(behaviour, [withdrawals(2)]))).found
      assert.deepStrictEqual(
        rows.map(({ kind, name }) => [kind, name]),
        [["row", "withdrawals"]]
      )
      const models = (yield* compare(same, bank(behaviour))).found
      assert.deepStrictEqual(
        models.map(({ kind, name, what }) => [kind, name, what]),
        [["projection", "withdrawals", "only the old program has it"]]
      )
      const without = (yield* compare(bank(behaviour), Application.make({ name: "bank", aggregates: [] }))).found
      assert.deepStrictEqual(
        without.map(({ kind, name }) => [kind, name]),
        [["aggregate", "Account"]]
      )
      const throws: Behaviour = {
        ...behaviour,
        evolve: {
          ...behaviour.evolve,
          Withdrawn: () => {
            throw new Error("unfinished")
          }
        }
      }
      const unreadable = (yield* compare(bank(behaviour), bank(throws))).found
      assert.deepStrictEqual(
        unreadable.map(({ kind, streamId, version }) => [kind, streamId, version]).sort(),
        (yield* firstWithdrawals).map(([streamId, version]) => ["unreadable" as const, streamId as StreamId, version])
      )
    }).pipe(Effect.provide(SqliteStore.layer({ filename: ":memory:" })))
  )
})

describe("daybook diff", () => {
  it.scopedLive(
    "exits with 0 where two programs make the same of a log, and with 1 where they differ, having said where",
    () =>
      Effect.gen(function* () {
        const folder = yield* Cli.folder
        const filename = join(folder, "diff.db")
        yield* Effect.provide(fill, SqliteStore.layer({ filename }))
        const modules = {
          same: "behaviour",
          forgetful: "{ ...behaviour, evolve: { ...behaviour.evolve, Withdrawn: (account) => account } }"
        }
        for (const [name, behaviour] of Object.entries(modules)) {
          const from = (file: string) => JSON.stringify(join(inject("dist"), file))
          writeFileSync(
            join(folder, `${name}.mjs`),
            `import * as Application from ${from("projection/Application.js")}
             import { Account } from ${from("bank/account/Account.js")}
             import { behaviour } from ${from("bank/account/AccountBehaviour.js")}
             export const app = Application.make({ name: "bank", aggregates: [Application.aggregate(Account, ${behaviour})] })`
          )
        }
        const run = (next: string, ...args: ReadonlyArray<string>) =>
          Cli.run([
            ...["diff", "--app", join(folder, "same.mjs"), "--with", join(folder, `${next}.mjs`)],
            ...["--db", `sqlite:${filename}`, ...args]
          ])
        const same = yield* run("same")
        assert.strictEqual(same.code, 0, same.stderr)
        assert.match(same.stdout, /events of 12 streams, \d+ answers: the programs make the same of them\n$/)
        const other = yield* run("forgetful", "--json")
        assert.strictEqual(other.code, 1)
        const told = JSON.parse(other.stdout)
        assert.strictEqual(told.count, told.differences.length)
        assert.isTrue(told.differences.every(({ kind }: Difference) => kind === "state"))
        assert.match(other.stderr, /the programs differ in \d+ places/)
        assert.match(
          (yield* run("forgetful")).stdout,
          /state {2}account-a-\d+ version \d+: the states differ, at balance\n/
        )
      }),
    60_000
  )
})
