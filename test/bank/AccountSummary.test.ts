/** The read model of accounts: the bank's oracle, exact sums, and the listing. */

import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import * as AccountBehaviour from "../../src/bank/account/AccountBehaviour.ts"
import { AccountId } from "../../src/bank/account/AccountSchemas.ts"
import * as AccountSummary from "../../src/bank/account/AccountSummary.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as ProjectionsLocal from "../../src/projection/ProjectionsLocal.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"

const layer = Layer.mergeAll(
  AccountBehaviour.layer.pipe(Layer.provide(ActorSystemLocal.layer)),
  ProjectionsLocal.layer([AccountSummary.projection])
).pipe(Layer.provideMerge(SqliteStore.layer({ filename: ":memory:" })))

const account = (id: string) => Effect.map(Account, (accounts) => accounts(AccountId.make(id)))
const summary = (id: string, minPosition: number) =>
  Effect.map(AccountSummary.get(AccountId.make(id), { minPosition }), ({ summary }) => Option.getOrThrow(summary))
const run = (test: Effect.Effect<void, unknown, Layer.Layer.Success<typeof layer>>) => () =>
  Effect.runPromise(Effect.provide(test, layer))

describe("account summary", () => {
  it(
    "counts deposits and withdrawals, and is closed when the account is",
    run(
      Effect.gen(function* () {
        const one = yield* account("1")
        yield* one.Open({ owner: "Ada", currency: "EUR", overdraftLimit: "10.00" })
        yield* one.Deposit({ amount: "12.5" })
        const { position } = yield* one.Withdraw({ amount: "20" })
        assert.deepStrictEqual(yield* summary("1", position), {
          accountId: AccountId.make("1"),
          owner: "Ada",
          currency: "EUR",
          status: "open",
          totalDeposits: "12.50",
          totalWithdrawals: "20.00",
          currentBalance: "-7.50",
          transactionCount: 2
        })
        yield* one.Deposit({ amount: "7.50" })
        const closed = yield* one.Close()
        assert.strictEqual((yield* summary("1", closed.position)).status, "closed")
        assert.isTrue(Option.isNone((yield* AccountSummary.get(AccountId.make("2"))).summary))
      })
    )
  )

  it(
    "is exact beyond 2^53 and 2^63 minor units",
    run(
      Effect.gen(function* () {
        const one = yield* account("1")
        yield* one.Open({ owner: "Ada", currency: "CLF" })
        let position = 0
        for (let count = 0; count < 11; count++) {
          position = (yield* one.Deposit({ amount: "999999999999999.9999" })).position
        }
        const { currentBalance } = yield* summary("1", position)
        assert.strictEqual(currentBalance, "10999999999999999.9989")
      })
    )
  )
})

describe("the listing of accounts", () => {
  const owners = ["Zoë", "adam", "Ada", "bob", "Ādam"]
  const balances = ["5", "100", "9.99", "0.01", "10"]
  const fill = Effect.gen(function* () {
    let position = 0
    for (const [index, owner] of owners.entries()) {
      const one = yield* account(`a-${index}`)
      yield* one.Open({ owner, currency: "EUR", overdraftLimit: "50" })
      position = (yield* one.Deposit({ amount: balances[index] ?? "" })).position
    }
    const debtor = yield* account("d-1")
    yield* debtor.Open({ owner: "Debtor", currency: "EUR", overdraftLimit: "50" })
    position = (yield* debtor.Withdraw({ amount: "9" })).position
    const deeper = yield* account("d-2")
    yield* deeper.Open({ owner: "Debtor", currency: "JPY", overdraftLimit: "50" })
    position = (yield* deeper.Withdraw({ amount: "10" })).position
    return position
  })
  const pages = (options: AccountSummary.ListOptions) =>
    Effect.gen(function* () {
      const found: Array<AccountSummary.AccountSummary> = []
      for (let after: string | null | undefined; after !== null; ) {
        const page: { accounts: ReadonlyArray<AccountSummary.AccountSummary>; nextCursor: string | null } =
          yield* AccountSummary.list({ ...options, limit: 2, ...(after === undefined ? {} : { after }) })
        found.push(...page.accounts)
        after = page.nextCursor
      }
      return found
    })

  it(
    "sorts by account, owner and balance, both ways, in pages that join",
    run(
      Effect.gen(function* () {
        const minPosition = yield* fill
        const by = (sort: AccountSummary.Sort) =>
          Effect.map(pages({ sort, minPosition }), (all) => all.map(({ accountId }) => String(accountId)))
        const byBalance = ["d-2", "d-1", "a-3", "a-0", "a-2", "a-4", "a-1"]
        assert.deepStrictEqual(yield* by("balance"), byBalance)
        assert.deepStrictEqual(yield* by("-balance"), [...byBalance].reverse())
        const byAccount = ["a-0", "a-1", "a-2", "a-3", "a-4", "d-1", "d-2"]
        assert.deepStrictEqual(yield* by("accountId"), byAccount)
        assert.deepStrictEqual(yield* by("-accountId"), [...byAccount].reverse())
        assert.deepStrictEqual(yield* by("owner"), ["a-2", "a-1", "a-3", "d-1", "d-2", "a-0", "a-4"])
        assert.deepStrictEqual(
          (yield* pages({ owner: "AD", sort: "-owner" })).map(({ owner }) => owner),
          ["adam", "Ada"]
        )
      })
    )
  )

  it(
    "refuses a limit out of range and a cursor that is not its own",
    run(
      Effect.gen(function* () {
        const minPosition = yield* fill
        const { nextCursor } = yield* AccountSummary.list({ limit: 1, minPosition })
        const wrong: ReadonlyArray<AccountSummary.ListOptions> = [
          { limit: 0 },
          { limit: 1_001 },
          { limit: 1.5 },
          { after: "x" },
          { after: `${nextCursor}`, sort: "owner" },
          { after: `${nextCursor}`, owner: "a" }
        ]
        for (const options of wrong) {
          assert.strictEqual((yield* Effect.flip(AccountSummary.list(options)))._tag, "InvalidArgument")
        }
      })
    )
  )
})
