/** The promises of an account about transfers and holds. */
import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Schema } from "effect"
import { Account, maxHolds, maxUnsettled } from "../../src/bank/account/Account.ts"
import { behaviour, make } from "../../src/bank/account/AccountBehaviour.ts"
import {
  BalanceNotZero,
  CreditRefused,
  DebitRefused,
  HoldExceeded,
  HoldExists,
  HoldNotFound,
  HoldOpen,
  InsufficientFunds,
  InvalidAmount,
  NothingToRefund,
  TooManyHolds,
  TransferPending,
  TransfersUnreadable
} from "../../src/bank/account/AccountError.ts"
import {
  AccountClosed,
  AccountOpened,
  Deposited,
  HoldCaptured,
  HoldExpired,
  HoldPlaced,
  HoldReleased,
  TransferCredited,
  TransferDebited,
  TransferRefunded,
  TransfersSettled,
  Withdrawn
} from "../../src/bank/account/AccountEvents.ts"
import { AccountId, HoldId, Leg, TransferId } from "../../src/bank/account/AccountSchemas.ts"
import { hasEnded } from "../../src/bank/transfer/TransferEnd.ts"
import * as CommandCodec from "../../src/core/CommandCodec.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import { StoreUnavailable } from "../../src/core/StoreError.ts"
import * as AggregateSpec from "../../src/testing/AggregateSpec.ts"

const AccountSpec = AggregateSpec.make(Account, behaviour)
const euros = (minor: bigint) => ({ minor, decimals: 2 })
const opened = AccountOpened.make({ accountId: "spec", owner: "Jana", currency: "EUR", overdraftLimit: euros(1_000n) })
const deposited = (minor: bigint) => Deposited.make({ amount: euros(minor) })
const closed = AccountClosed.make({})

const transferId = TransferId.make("t1")
const leg = { transferId, account: AccountId.make("bert"), currency: "EUR", amount: "5", reference: "rent" }
const fields = { transferId, amount: euros(500n), reference: "rent" }
const debited = TransferDebited.make({ ...fields, to: "bert" })
const credited = TransferCredited.make({ ...fields, from: "bert" })
const refunded = TransferRefunded.make(fields)

const unavailable = Effect.fail(new StoreUnavailable({ operation: "read", cause: new Error("injected") }))
const { isKept } = Account.define(behaviour)

describe("the legs of a transfer", () => {
  it.effect("take what is available and no more, under the transfer's id", () =>
    Effect.gen(function* () {
      const account = AccountSpec.given(opened, deposited(500n))
      yield* account.when("Debit", leg).emits(debited)
      yield* account
        .when("Debit", { ...leg, amount: "15" })
        .replies({ accountId: "spec", balance: "-10.00", currency: "EUR", version: 3, position: 3 })
      yield* account
        .when("Debit", { ...leg, amount: "15.01" })
        .failsWith(DebitRefused, { reason: "insufficient-funds" })
      yield* account.when("Debit", { ...leg, currency: "USD" }).failsWith(DebitRefused, { reason: "currency-mismatch" })
      yield* AccountSpec.given().when("Debit", leg).failsWith(DebitRefused, { reason: "not-found" })
      yield* AccountSpec.given(opened, closed).when("Debit", leg).failsWith(DebitRefused, { reason: "closed" })
    })
  )

  it.effect("are taken once for each transfer", () =>
    Effect.gen(function* () {
      const given = AccountSpec.given(opened, debited)
      yield* given.when("Debit", leg).emitsNothing()
      yield* given.when("Refund", leg).when("Refund", leg).failsWith(NothingToRefund, { transferId: "t1" })
    })
  )

  it.effect("reach an open account of the same currency", () =>
    Effect.gen(function* () {
      yield* AccountSpec.given(opened).when("Credit", leg).emits(credited)
      yield* AccountSpec.given().when("Credit", leg).failsWith(CreditRefused, { reason: "not-found" })
      yield* AccountSpec.given(opened, closed).when("Credit", leg).failsWith(CreditRefused, { reason: "closed" })
      yield* AccountSpec.given(opened)
        .when("Credit", { ...leg, currency: "JPY" })
        .failsWith(CreditRefused, { reason: "currency-mismatch" })
    })
  )

  it.effect("are given back in full, and only where they were taken", () =>
    Effect.gen(function* () {
      yield* AccountSpec.given(opened, debited).when("Refund", leg).emits(refunded)
      yield* AccountSpec.given(opened, debited)
        .when("Refund", leg)
        .replies({ accountId: "spec", balance: "0.00", currency: "EUR", version: 3, position: 3 })
      yield* AccountSpec.given(opened).when("Refund", leg).failsWith(NothingToRefund)
      yield* AccountSpec.given(opened, credited).when("Refund", leg).failsWith(NothingToRefund)
    })
  )

  it.effect("keep the account open until the transfer has ended", () =>
    Effect.gen(function* () {
      const given = [opened, deposited(500n), debited] as const
      yield* AccountSpec.given(...given)
        .when("Close", undefined)
        .failsWith(TransferPending, { accountId: "spec" })
      const ended = AggregateSpec.make(
        Account,
        make(() => Effect.succeed(true))
      )
      yield* ended
        .given(...given)
        .when("Close", undefined)
        .emits(closed)
      yield* ended.given(opened, debited).when("Close", undefined).failsWith(BalanceNotZero)
      yield* AccountSpec.given(opened, debited, refunded).when("Close", undefined).emits(closed)
    })
  )

  it.effect("are forgotten, in bundles, once their transfers have ended", () =>
    Effect.gen(function* () {
      const ids = Array.from({ length: 64 }, (_, index) => `old-${index}`)
      const asked: Array<string> = []
      const spec = AggregateSpec.make(
        Account,
        make((id) => Effect.sync(() => asked.push(id) > 0 && id !== "old-7"))
      )
      const many = ids.map((id) => TransferDebited.make({ transferId: id, amount: euros(1n), to: "bert" }))
      const transferIds = ids.filter((id) => id !== "old-7")
      yield* spec
        .given(opened, ...many.slice(1))
        .when("Debit", leg)
        .emits(debited)
      assert.deepStrictEqual(asked, [])
      yield* spec
        .given(opened, ...many)
        .when("Debit", leg)
        .emits(TransfersSettled.make({ transferIds }), debited)
      assert.sameMembers(asked, ids)
      // What is left is asked for again when the account closes.
      asked.length = 0
      yield* spec
        .given(opened, ...many, TransfersSettled.make({ transferIds }))
        .when("Close", undefined)
        .failsWith(TransferPending)
      assert.deepStrictEqual(asked, ["old-7"])
    })
  )

  it.effect("are so many at most that have not ended, and refused beyond that", () =>
    Effect.gen(function* () {
      const ids = Array.from({ length: maxUnsettled }, (_, index) => `old-${index}`)
      /**
       * What the account decides on the leg with this many under way. A spec would fold each of them again and again.
       */
      const decided = (unsettled: ReadonlyArray<string>, ended: ReadonlyArray<string> = [], untold?: string) => {
        const { decide } = make((id) => (id === untold ? unavailable : Effect.succeed(ended.includes(id))))
        const account = { ...Account.initial, status: "open", currency: "EUR", decimals: 2, balance: 500n } as const
        const sender = { correlationId: "c", causationId: null, principal: null, metadata: null }
        const at = { id: "spec", version: 1_000, now: 0, commandId: "c", ...sender }
        return Effect.either(Effect.suspend(() => decide.Debit(leg, { ...account, unsettled }, at)))
      }
      const full = new DebitRefused({ accountId: "spec", reason: "too-many-transfers" })
      assert.deepStrictEqual(yield* decided(ids), Either.left(full))
      // More than that are of a release before.
      assert.deepStrictEqual(yield* decided([...ids, "more"]), Either.left(full))
      assert.deepStrictEqual(yield* decided(ids.slice(1)), Either.right([debited]))
      // The debit of one of them was done.
      assert.deepStrictEqual(yield* decided([...ids, "t1"]), Either.right([]))
      // One that has ended makes room.
      const settled = TransfersSettled.make({ transferIds: ["old-9"] })
      assert.deepStrictEqual(yield* decided(ids, ["old-9"]), Either.right([settled, debited]))
      assert.deepStrictEqual(yield* decided(ids, ["old-9"], "old-8"), Either.right([settled, debited]))
      // A transfer whose end is unknown may have made room: nothing is refused for good.
      const untold = new TransfersUnreadable({ accountId: "spec", transferId: "old-8" })
      assert.deepStrictEqual(yield* decided(ids, [], "old-8"), Either.left(untold))
      assert.isFalse(isKept(untold))
      assert.isTrue(isKept(full))
      // Below the bound nothing depends on it.
      assert.deepStrictEqual(yield* decided(ids.slice(0, 64), [], "old-8"), Either.right([debited]))
    })
  )

  it.effect("keep the account open, and refuse nothing for good, while it is not known whether they have ended", () =>
    Effect.gen(function* () {
      const spec = AggregateSpec.make(
        Account,
        make((id) => (id === "t1" ? unavailable : Effect.succeed(id === "ended")))
      )
      const other = (id: string) => TransferDebited.make({ transferId: id, amount: euros(1n), to: "bert" })
      yield* spec
        .given(opened, deposited(500n), debited)
        .when("Close", undefined)
        .failsWith(TransfersUnreadable, { transferId: "t1" })
      yield* spec.given(opened, debited, other("ended")).when("Close", undefined).failsWith(TransfersUnreadable)
      yield* spec.given(opened, debited, other("pending")).when("Close", undefined).failsWith(TransferPending)
    })
  )

  it.effect("are not said to be under way by a log that cannot be read", () =>
    Effect.gen(function* () {
      const store = yield* EventStore
      assert.isFalse(yield* hasEnded(store)("t1"))
      const error = yield* Effect.flip(hasEnded({ ...store, readStream: () => unavailable })("t1"))
      assert.strictEqual(error._tag, "StoreUnavailable")
    }).pipe(Effect.provide(EventStoreMemory.layer))
  )

  it("are refused in a form that a release without the bound names as newer, and in the one that it wrote", () => {
    const reason = Schema.Literal("not-found", "closed", "currency-mismatch", "insufficient-funds")
    const former = Schema.TaggedStruct("DebitRefused", { accountId: Schema.String, reason })
    const before = CommandCodec.make("Account", [Rpc.make("Debit", { payload: Leg, error: former })])
    const { commands } = Account.define(behaviour)
    const full = new DebitRefused({ accountId: "spec", reason: "too-many-transfers" })
    const { text, version } = commands.writeAnswer("Debit", "refusal", full)
    const met = before.readAnswer("Debit", "refusal", { text, version })
    assert.include(Either.isLeft(met) ? met.left.reason : "", "version 2 was written by newer code")
    const closed = former.make({ accountId: "spec", reason: "closed" })
    const kept = before.writeAnswer("Debit", "refusal", closed)
    assert.deepStrictEqual(
      commands.readAnswer("Debit", "refusal", { text: kept.text, version: kept.version }),
      Either.right(new DebitRefused({ accountId: "spec", reason: "closed" }))
    )
  })
})

const holdId = HoldId.make("h1")
const placed = HoldPlaced.make({ holdId, amount: euros(400n) })
const noon = "2026-01-31T12:00:00Z"
const expiring = HoldPlaced.make({ holdId, amount: euros(400n), expiresAt: noon })
const before = { now: Date.parse(noon) - 1 }
const after = { now: Date.parse(noon) }

describe("a hold", () => {
  it.effect("reserves what is available, and does not change the balance", () =>
    Effect.gen(function* () {
      const account = AccountSpec.given(opened, deposited(500n))
      yield* account.when("Reserve", { holdId, amount: "4" }).emits(placed)
      yield* account
        .when("Reserve", { holdId, amount: "15" })
        .replies({ accountId: "spec", balance: "5.00", currency: "EUR", version: 3, position: 3, holdId })
      yield* account
        .when("Reserve", { holdId, amount: "15.01" })
        .failsWith(InsufficientFunds, { available: "15.00", requested: "15.01" })
      yield* account.when("Reserve", { holdId, amount: "1.005" }).failsWith(InvalidAmount, { field: "amount" })
      yield* AccountSpec.given(opened, placed).when("Reserve", { holdId, amount: "1" }).failsWith(HoldExists)
    })
  )

  it.effect("counts against the limit: of withdrawals, of transfers and of other holds", () =>
    Effect.gen(function* () {
      const account = AccountSpec.given(opened, placed)
      yield* account.when("Withdraw", { amount: "6" }).emits(Withdrawn.make({ amount: euros(600n) }))
      yield* account.when("Withdraw", { amount: "6.01" }).failsWith(InsufficientFunds, { available: "6.00" })
      yield* account.when("Debit", { ...leg, amount: "6.01" }).failsWith(DebitRefused, { reason: "insufficient-funds" })
      const other = { holdId: HoldId.make("h2"), amount: "6.01" }
      yield* account.when("Reserve", other).failsWith(InsufficientFunds, { available: "6.00" })
    })
  )

  it.effect(
    "ends by its timer where it is open, whatever the clock; one of its id that was placed later does not",
    () =>
      Effect.gen(function* () {
        const ends = { holdId, expiresAt: noon }
        const account = AccountSpec.given(opened, expiring)
        for (const { now } of [before, after]) {
          yield* account.when("ExpireHold", ends, { now }).emits(HoldExpired.make({ holdId }))
        }
        // The same time in other words.
        yield* account
          .when("ExpireHold", { holdId, expiresAt: "2026-01-31T12:00:00.000Z" }, after)
          .emits(HoldExpired.make({ holdId }))
        yield* account.when("ExpireHold", { holdId, expiresAt: "2026-01-30T12:00:00Z" }, after).emitsNothing()
        yield* AccountSpec.given(opened, placed).when("ExpireHold", ends, after).emitsNothing()
        for (const gone of [HoldExpired.make({ holdId }), HoldReleased.make({ holdId })]) {
          yield* AccountSpec.given(opened, expiring, gone).when("ExpireHold", ends, after).emitsNothing()
        }
        yield* AccountSpec.given(opened, expiring, HoldReleased.make({ holdId }), AccountClosed.make({}))
          .when("ExpireHold", ends, after)
          .emitsNothing()
      })
  )

  it.effect("is captured in full, or in part with the rest released, and then gone", () =>
    Effect.gen(function* () {
      const account = AccountSpec.given(opened, placed)
      const captured = HoldCaptured.make({ holdId })
      const took = (minor: bigint) => Withdrawn.make({ amount: euros(minor), reference: "h1" })
      yield* account.when("Capture", { holdId }).emits(captured, took(400n))
      yield* account.when("Capture", { holdId, amount: "1" }).emits(captured, took(100n))
      yield* account
        .when("Capture", { holdId, amount: "1" })
        .replies({ accountId: "spec", balance: "-1.00", currency: "EUR", version: 4, position: 4 })
      yield* account.when("Capture", { holdId, amount: "4.01" }).failsWith(HoldExceeded, { holdId })
      yield* account.when("Capture", { holdId, amount: "0.001" }).failsWith(InvalidAmount)
      yield* account.when("Capture", { holdId }).when("Capture", { holdId }).failsWith(HoldNotFound, { holdId })
      yield* account.when("Capture", { holdId, amount: "1" }).when("Withdraw", { amount: "9" }).emits(took9)
    })
  )
  const took9 = Withdrawn.make({ amount: euros(900n) })

  it.effect("is released, once", () =>
    Effect.gen(function* () {
      const account = AccountSpec.given(opened, placed)
      yield* account.when("Release", { holdId }).emits(HoldReleased.make({ holdId }))
      yield* account.when("Release", { holdId }).when("Release", { holdId }).failsWith(HoldNotFound)
      yield* account.when("Release", { holdId }).when("Withdraw", { amount: "9" }).emits(took9)
      yield* account.when("Release", { holdId }).when("Reserve", { holdId, amount: "4" }).emits(placed)
    })
  )

  it.effect("expires: from its time on it reserves nothing, and the log says so before whatever used it", () =>
    Effect.gen(function* () {
      const account = AccountSpec.given(opened, expiring)
      const expired = HoldExpired.make({ holdId })
      yield* account.when("Withdraw", { amount: "9" }, before).failsWith(InsufficientFunds)
      yield* account.when("Withdraw", { amount: "9" }, after).emits(expired, took9)
      yield* account.when("Debit", leg, after).emits(expired, debited)
      yield* account.when("Capture", { holdId }, after).failsWith(HoldNotFound)
      yield* account.when("Release", { holdId }, after).failsWith(HoldNotFound)
      yield* account.when("Close", undefined, after).emits(expired, closed)
      yield* account.when("Reserve", { holdId, amount: "4" }, after).emits(expired, placed)
      // A clock that jumps back does not bring it to life again.
      yield* account
        .when("Withdraw", { amount: "1" }, after)
        .when("Capture", { holdId }, before)
        .failsWith(HoldNotFound)
    })
  )

  it.effect("keeps the account open", () =>
    Effect.gen(function* () {
      yield* AccountSpec.given(opened, placed).when("Close", undefined).failsWith(HoldOpen, { accountId: "spec" })
      yield* AccountSpec.given(opened, expiring).when("Close", undefined, before).failsWith(HoldOpen)
      yield* AccountSpec.given(opened, placed, HoldReleased.make({ holdId })).when("Close", undefined).emits(closed)
    })
  )

  it.effect("is one of a bounded number", () => {
    const many = Array.from({ length: maxHolds }, (_, index) =>
      HoldPlaced.make({ holdId: `h${index}`, amount: euros(1n) })
    )
    return AccountSpec.given(opened, ...many)
      .when("Reserve", { holdId: HoldId.make("more"), amount: "1" })
      .failsWith(TooManyHolds, { limit: maxHolds })
  })
})
