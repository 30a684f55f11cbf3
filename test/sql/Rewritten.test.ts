/** A stream that is cut in the database and rewritten by another process, under an actor that has read it. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import * as AccountBehaviour from "../../src/bank/account/AccountBehaviour.ts"
import { AccountId } from "../../src/bank/account/AccountSchemas.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import { SnapshotStore } from "../../src/core/SnapshotStore.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { schema } from "./Postgres.ts"
import * as SqlTampering from "./Tampering.ts"
import { temporaryFolder } from "./TemporaryFolder.ts"

const id = AccountId.make("a")

/** A process: stores and actors of its own on the database. */
const processOf = <E>(stores: Layer.Layer<Layer.Layer.Success<ReturnType<typeof SqliteStore.layer>>, E>) => {
  const accounts = AccountBehaviour.layer.pipe(Layer.provide(ActorSystemLocal.layer))
  const all = accounts.pipe(Layer.provideMerge(stores), Layer.fresh)
  return Effect.map(Layer.build(all), (context) => ({
    account: Context.get(context, Account)(id),
    cut: (position: number) => Effect.provide(SqlTampering.cut(position), context),
    snapshots: Context.get(context, SnapshotStore)
  }))
}

const databases = {
  sqlite: Effect.map(temporaryFolder, (folder) => SqliteStore.layer({ filename: join(folder, "daybook.db") })),
  postgres: Effect.map(schema, (url) => PostgresStore.layer({ url }))
}

for (const [name, database] of Object.entries(databases)) {
  describe(`a stream that is rewritten under its actor, on ${name}`, () => {
    for (const how of ["read", "append"] as const) {
      it(`is noticed at the next ${how}, and the answers are of what is stored (JR8)`, () =>
        Effect.gen(function* () {
          const stores = yield* database
          const one = yield* processOf(stores)
          yield* one.account.Open({ owner: "Ada", currency: "EUR" })
          yield* one.account.Deposit({ amount: "100" })
          yield* one.account.Deposit({ amount: "100" })
          // As after a failover that lost the last commit; another process goes on from there.
          yield* one.cut(3)
          const other = yield* processOf(stores)
          yield* other.account.Withdraw({ amount: "50" })

          if (how === "append") {
            // 200.00 as it remembers, 50.00 as it is.
            const refused = yield* Effect.flip(one.account.Withdraw({ amount: "150" }))
            assert.strictEqual(refused._tag, "InsufficientFunds")
            assert.strictEqual((yield* one.account.Withdraw({ amount: "50" })).balance, "0.00")
          } else {
            const { state, version } = yield* one.account.state
            assert.deepStrictEqual([state.balance, version], [5_000n, 3])
          }
        }).pipe(Effect.scoped, Effect.provide(Logger.remove(Logger.defaultLogger)), Effect.runPromise))
    }
  })
}
