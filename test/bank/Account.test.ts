/** The promises of an account. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, FastCheck, Schema } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import { behaviour } from "../../src/bank/account/AccountBehaviour.ts"
import {
  AccountExists,
  AccountIsClosed,
  AccountNotFound,
  BalanceNotZero,
  InsufficientFunds,
  InvalidAmount,
  TransfersUnreadable,
  UnknownCurrency
} from "../../src/bank/account/AccountError.ts"
import { AccountClosed, AccountOpened, Deposited, Withdrawn } from "../../src/bank/account/AccountEvents.ts"
import { AccountId } from "../../src/bank/account/AccountSchemas.ts"
import * as AggregateSpec from "../../src/testing/AggregateSpec.ts"

const AccountSpec = AggregateSpec.make(Account, behaviour)
const euros = (minor: bigint) => ({ minor, decimals: 2 })
const opened = AccountOpened.make({
  accountId: "spec",
  owner: "Jana",
  currency: "EUR",
  overdraftLimit: euros(1_000n)
})
const deposited = (minor: bigint) => Deposited.make({ amount: euros(minor) })
const withdrawn = (minor: bigint) => Withdrawn.make({ amount: euros(minor) })
const closed = AccountClosed.make({})

describe("an account", () => {
  it.effect("is opened once, in a currency of ISO 4217, with a limit in its decimals", () =>
    Effect.gen(function* () {
      const none = AccountSpec.given()
      const opening = { owner: "Jana", currency: "EUR", overdraftLimit: "10" }
      yield* none.when("Open", opening).emits(opened)
      yield* none
        .when("Open", opening)
        .replies({ accountId: "spec", balance: "0.00", currency: "EUR", version: 1, position: 1 })
      yield* none.when("Open", { ...opening, currency: "XXQ" }).failsWith(UnknownCurrency, { currency: "XXQ" })
      yield* none
        .when("Open", { ...opening, overdraftLimit: "1.234" })
        .failsWith(InvalidAmount, { field: "overdraftLimit" })
      yield* AccountSpec.given(opened).when("Open", opening).failsWith(AccountExists, { accountId: "spec" })
      yield* AccountSpec.given(opened, closed).when("Open", opening).failsWith(AccountExists)
    })
  )

  it.effect("stores amounts with exactly its currency's decimals, and answers with the balance after", () =>
    Effect.gen(function* () {
      const booking = { amount: "12.5", reference: "invoice 7", bookedOn: "2026-02-28" }
      yield* AccountSpec.given(opened)
        .when("Deposit", booking)
        .emits(Deposited.make({ ...booking, amount: euros(1_250n) }))
      yield* AccountSpec.given(opened)
        .when("Deposit", booking)
        .replies({ accountId: "spec", balance: "12.50", currency: "EUR", version: 2, position: 2 })
      const yen = AccountSpec.given().when("Open", { owner: "Aki", currency: "JPY" })
      yield* yen.when("Deposit", { amount: "12" }).emits(Deposited.make({ amount: { minor: 12n, decimals: 0 } }))
      yield* yen.when("Deposit", { amount: "12.5" }).failsWith(InvalidAmount, { field: "amount" })
      const dinar = AccountSpec.given().when("Open", { owner: "Sami", currency: "KWD" })
      yield* dinar.when("Deposit", { amount: "0.001" }).emits(Deposited.make({ amount: { minor: 1n, decimals: 3 } }))
    })
  )

  it.effect("gives what is available and no more: the balance never falls below the limit", () =>
    Effect.gen(function* () {
      const account = AccountSpec.given(opened, deposited(500n))
      yield* account.when("Withdraw", { amount: "15.00" }).emits(withdrawn(1_500n))
      yield* account
        .when("Withdraw", { amount: "15.00" })
        .replies({ accountId: "spec", balance: "-10.00", currency: "EUR", version: 3, position: 3 })
      yield* account
        .when("Withdraw", { amount: "15.01" })
        .failsWith(InsufficientFunds, { available: "15.00", requested: "15.01" })
      yield* account
        .when("Withdraw", { amount: "15" })
        .when("Withdraw", { amount: "0.01" })
        .failsWith(InsufficientFunds, { available: "0.00" })
    })
  )

  it.effect("is closed when it is empty, and for good", () =>
    Effect.gen(function* () {
      yield* AccountSpec.given(opened, deposited(1n))
        .when("Close", undefined)
        .failsWith(BalanceNotZero, { balance: "0.01" })
      yield* AccountSpec.given(opened, withdrawn(1n))
        .when("Close", undefined)
        .failsWith(BalanceNotZero, { balance: "-0.01" })
      yield* AccountSpec.given(opened).when("Close", undefined).emits(closed)
      const gone = AccountSpec.given(opened, closed)
      yield* gone.when("Close", undefined).failsWith(AccountIsClosed)
      yield* gone.when("Deposit", { amount: "1" }).failsWith(AccountIsClosed)
      yield* gone.when("Withdraw", { amount: "1" }).failsWith(AccountIsClosed)
    })
  )

  it.effect("has to be there", () =>
    Effect.gen(function* () {
      yield* AccountSpec.given().when("Deposit", { amount: "1" }).failsWith(AccountNotFound, { accountId: "spec" })
      yield* AccountSpec.given().when("Withdraw", { amount: "1" }).failsWith(AccountNotFound)
      yield* AccountSpec.given().when("Close", undefined).failsWith(AccountNotFound)
    })
  )

  it("never owes more than its limit, and refuses nothing else, for any commands", () => {
    const definition = Account.define(behaviour)
    // Small, so that commands meet the limit exactly, and just miss it.
    const limit = 5n
    const poor = AccountOpened.make({ ...opened, overdraftLimit: euros(limit) })
    const command = FastCheck.record({
      tag: FastCheck.constantFrom("Deposit", "Withdraw"),
      minor: FastCheck.bigInt({ min: 1n, max: 8n })
    })
    const context = {
      id: "a",
      version: 0,
      now: 0,
      commandId: "c",
      correlationId: "c",
      causationId: null,
      principal: null,
      metadata: null
    }
    FastCheck.assert(
      FastCheck.property(FastCheck.array(command, { maxLength: 50 }), (commands) => {
        let state = definition.evolve(definition.initial, poor)
        let expected = 0n
        for (const { minor, tag } of commands) {
          const decision = definition.decide(tag, { amount: `0.0${minor}` }, state, context)
          const events = Either.getOrElse(Effect.runSync(Effect.either(decision)), () => [])
          for (const event of events) state = definition.evolve(state, event)
          const after = expected + (tag === "Deposit" ? minor : -minor)
          if (after >= -limit) expected = after
          assert.strictEqual(state.balance, expected)
        }
      })
    )
  })

  it("takes only payloads within the limits of the contract, and says which field does not fit", () => {
    const { commands } = Account.define(behaviour)
    const misfit = (command: string, payload: unknown) =>
      Either.match(commands.receive(command, "anna", payload, "c"), {
        onLeft: ({ argument }) => argument,
        onRight: () => "fits"
      })
    const opening = { owner: "Jana", currency: "EUR" }
    const openings: ReadonlyArray<readonly [object, string]> = [
      [{ owner: "x".repeat(200) }, "fits"],
      [{ owner: "x".repeat(201) }, "Account.Open.owner"],
      [{ owner: "" }, "Account.Open.owner"],
      [{ currency: "eur" }, "Account.Open.currency"],
      [{ overdraftLimit: "0" }, "fits"],
      [{ overdraftLimit: "0.00" }, "fits"],
      [{ overdraftLimit: "-1" }, "Account.Open.overdraftLimit"]
    ]
    for (const [fields, expected] of openings) {
      assert.strictEqual(misfit("Open", { ...opening, ...fields }), expected, JSON.stringify(fields))
    }
    const bookings: ReadonlyArray<readonly [object, string]> = [
      [{ amount: "9".repeat(15) }, "fits"],
      [{ amount: "9".repeat(16) }, "Account.Deposit.amount"],
      [{ amount: "9".repeat(1_000_000) }, "Account.Deposit.amount"],
      [{ amount: "0.0001" }, "fits"],
      [{ amount: "0" }, "Account.Deposit.amount"],
      [{ amount: "0.00" }, "Account.Deposit.amount"],
      [{ amount: "-1" }, "Account.Deposit.amount"],
      [{ amount: "1e3" }, "Account.Deposit.amount"],
      [{ reference: "" }, "fits"],
      [{ reference: "x".repeat(500) }, "fits"],
      [{ reference: "x".repeat(501) }, "Account.Deposit.reference"],
      [{ bookedOn: "2024-02-29" }, "fits"],
      [{ bookedOn: "2023-02-29" }, "Account.Deposit.bookedOn"],
      [{ bookedOn: "2023-04-31" }, "Account.Deposit.bookedOn"],
      [{ bookedOn: "2023-13-01" }, "Account.Deposit.bookedOn"],
      [{ bookedOn: "2023-1-1" }, "Account.Deposit.bookedOn"],
      [{ bookedOn: "2023-01-01T00:00:00Z" }, "Account.Deposit.bookedOn"]
    ]
    for (const [fields, expected] of bookings) {
      assert.strictEqual(misfit("Deposit", { amount: "1", ...fields }), expected, JSON.stringify(fields).slice(0, 80))
    }
  })

  it("has an id of 1 to 64 letters, digits, dots, underscores and hyphens", () => {
    const accepts = Schema.is(AccountId)
    for (const id of ["7", "A.b_c-9", "x".repeat(64)]) assert.isTrue(accepts(id), id)
    for (const id of ["", "x".repeat(65), "a b", "a/b", "é", "a\n"]) assert.isFalse(accepts(id), JSON.stringify(id))
    assert.strictEqual(Account.streamId(AccountId.make("704")), "account-704")
  })

  it("keeps refusals that are the account's answer, not those that the request itself may fix", () => {
    const { isKept } = Account.define(behaviour)
    const [accountId, currency] = ["a", "EUR"]
    const secret = "4711"
    const kept = [
      new AccountExists({ accountId }),
      new AccountIsClosed({ accountId }),
      new InsufficientFunds({ accountId, currency, available: secret, requested: secret }),
      new BalanceNotZero({ accountId, currency, balance: secret })
    ]
    const unstored = [
      new AccountNotFound({ accountId }),
      new InvalidAmount({ field: "amount", reason: "is no amount" }),
      new UnknownCurrency({ currency: "XXQ" }),
      new TransfersUnreadable({ accountId, transferId: "t1" })
    ]
    for (const error of kept) assert.isTrue(isKept(error), error._tag)
    for (const error of unstored) assert.isFalse(isKept(error), error._tag)
    // Messages reach logs: amounts stay in the fields.
    for (const error of kept) assert.notInclude(error.message, secret)
  })

  it("compiles only with commands, payloads, errors and events of its own", () => {
    const unused = () => {
      // @ts-expect-error an account has no such command
      AccountSpec.given(opened).when("Freeze", undefined)
      // @ts-expect-error an amount is text, never a float
      AccountSpec.given(opened).when("Deposit", { amount: 1.5 })
      // @ts-expect-error a deposit cannot fail because there are no funds
      AccountSpec.given(opened).when("Deposit", { amount: "1" }).failsWith(InsufficientFunds)
    }
    assert.isFunction(unused)
  })
})
