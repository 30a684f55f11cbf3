/** Each check of `testing/AggregateSpec.ts` can fail. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { Account } from "../../src/account/Account.ts"
import { behaviour } from "../../src/account/AccountBehaviour.ts"
import { AccountExists, AccountNotFound } from "../../src/account/AccountError.ts"
import { AccountClosed, AccountOpened, Deposited } from "../../src/account/AccountEvents.ts"
import * as AggregateSpec from "../../src/testing/AggregateSpec.ts"

const AccountSpec = AggregateSpec.make(Account, behaviour)
const opened = AccountOpened.make({
  accountId: "spec",
  owner: "Jana",
  currency: "EUR",
  overdraftLimit: { minor: 0n, decimals: 2 }
})
const deposited = Deposited.make({ amount: { minor: 100n, decimals: 2 } })

const dies = (check: Effect.Effect<void>) =>
  Effect.map(Effect.exit(check), (exit) => assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause)))

describe("AggregateSpec", () => {
  it.effect("fails when other events come, none, or too many", () =>
    Effect.gen(function* () {
      const deposit = AccountSpec.given(opened).when("Deposit", { amount: "1" })
      yield* deposit.emits(deposited)
      yield* dies(deposit.emits())
      yield* dies(deposit.emitsNothing())
      yield* dies(deposit.emits(deposited, deposited))
      yield* dies(deposit.emits(AccountClosed.make({})))
      yield* dies(AccountSpec.given().when("Deposit", { amount: "1" }).emitsNothing())
    })
  )

  it.effect("fails when it is not refused, or with another error", () =>
    Effect.gen(function* () {
      yield* dies(AccountSpec.given(opened).when("Deposit", { amount: "1" }).failsWith(AccountNotFound))
      const refused = AccountSpec.given(opened).when("Open", { owner: "Jana", currency: "EUR" })
      yield* refused.failsWith(AccountExists, { accountId: "spec" })
      yield* dies(refused.failsWith(AccountExists, { accountId: "other" }))
    })
  )

  it.effect("fails when the answer is another, and when a given event cannot be stored", () =>
    Effect.gen(function* () {
      const deposit = AccountSpec.given(opened).when("Deposit", { amount: "1" })
      const receipt = { accountId: "spec", balance: "1.00", currency: "EUR", version: 2, position: 2 }
      yield* deposit.replies(receipt)
      yield* dies(deposit.replies({ ...receipt, balance: "2.00" }))
      const broken = Deposited.make({ amount: { minor: 1n, decimals: 0.5 } })
      yield* dies(AccountSpec.given(opened, broken).when("Deposit", { amount: "1" }).replies(receipt))
    })
  )
})
