/** The promises of a transfer's own stream: which steps it takes from where, and what it is then. */
import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { InvalidAmount, UnknownCurrency } from "../../src/bank/account/AccountError.ts"
import { AccountId, RefundReason } from "../../src/bank/account/AccountSchemas.ts"
import { Transfer } from "../../src/bank/transfer/Transfer.ts"
import { behaviour } from "../../src/bank/transfer/TransferBehaviour.ts"
import { SameAccount, TransferExists, TransferNotFound, UnexpectedStep } from "../../src/bank/transfer/TransferError.ts"
import {
  RefundRequested,
  SourceDebited,
  SourceRefunded,
  TransferCompleted,
  TransferRefused,
  TransferRequested
} from "../../src/bank/transfer/TransferEvents.ts"
import * as CommandCodec from "../../src/core/CommandCodec.ts"
import * as AggregateSpec from "../../src/testing/AggregateSpec.ts"

const TransferSpec = AggregateSpec.make(Transfer, behaviour)
const [anna, bert] = [AccountId.make("anna"), AccountId.make("bert")]
const requested = TransferRequested.make({
  transferId: "spec",
  from: "anna",
  to: "bert",
  currency: "EUR",
  amount: { minor: 1_250n, decimals: 2 }
})
const request = { from: anna, to: bert, currency: "EUR", amount: "12.5" }
const debited = SourceDebited.make({})
const completed = TransferCompleted.make({})
const reason = "target-closed"
const refunding = RefundRequested.make({ reason })
const refused = TransferRefused.make({ reason: "insufficient-funds" })
const refunded = SourceRefunded.make({})

describe("a transfer", () => {
  it.effect("is requested once, between two accounts, in the decimals of its currency", () =>
    Effect.gen(function* () {
      const none = TransferSpec.given()
      yield* none.when("Request", request).emits(requested)
      yield* none.when("Request", request).replies({
        transferId: "spec",
        from: "anna",
        to: "bert",
        amount: "12.50",
        status: "pending"
      })
      yield* none.when("Request", { ...request, to: anna }).failsWith(SameAccount, { accountId: "anna" })
      yield* none.when("Request", { ...request, amount: "1.234" }).failsWith(InvalidAmount, { field: "amount" })
      yield* none.when("Request", { ...request, currency: "XXQ" }).failsWith(UnknownCurrency)
      yield* TransferSpec.given(requested).when("Request", request).failsWith(TransferExists, { transferId: "spec" })
    })
  )

  it.effect("is completed, and tells that the source has paid before", () =>
    Effect.gen(function* () {
      const given = TransferSpec.given(requested)
      yield* given.when("Complete", undefined).emits(debited, completed)
      yield* given.when("NoteDebit", undefined).emits(debited)
      yield* given.when("NoteDebit", undefined).when("Complete", undefined).emits(completed)
      yield* TransferSpec.given(requested, debited, completed).when("Complete", undefined).emitsNothing()
      yield* TransferSpec.given(requested, debited, completed).when("NoteDebit", undefined).emitsNothing()
    })
  )

  it.effect("is refused before its source has paid, and refunded after", () =>
    Effect.gen(function* () {
      const given = TransferSpec.given(requested)
      yield* given.when("Refuse", { reason: "insufficient-funds" }).emits(refused)
      yield* given.when("RequestRefund", { reason }).emits(debited, refunding)
      yield* given.when("RequestRefund", { reason }).when("NoteRefund", undefined).emits(refunded)
      yield* given
        .when("RequestRefund", { reason })
        .when("NoteRefund", undefined)
        .replies({ transferId: "spec", from: "anna", to: "bert", amount: "12.50", status: "refused", reason })
      const gone = TransferSpec.given(requested, debited, refunding, refunded)
      yield* gone.when("NoteRefund", undefined).emitsNothing()
      yield* gone.when("RequestRefund", { reason: "target-unavailable" }).emitsNothing()
    })
  )

  it("is refused in a form that a release without the bound names as newer, and refunded in the one that it knows", () => {
    const payload = { reason: RefundReason }
    const before = CommandCodec.make("Transfer", [
      Rpc.make("Refuse", { payload }),
      Rpc.make("RequestRefund", { payload })
    ])
    const { commands } = Transfer.define(behaviour)
    const sent = (tag: "Refuse" | "RequestRefund", reason: string) =>
      Either.flatMap(commands.writePayload(tag, { reason }), (stored) => before.readPayload(tag, stored))
    const refused = sent("Refuse", "too-many-transfers")
    assert.include(Either.isLeft(refused) ? refused.left.reason : "", "version 2 was written by newer code")
    assert.deepStrictEqual(sent("RequestRefund", reason), Either.right({ reason }))
    // What waits since that release is read here.
    const kept = Either.flatMap(before.writePayload("Refuse", { reason: "source-closed" }), (stored) =>
      commands.readPayload("Refuse", stored)
    )
    assert.deepStrictEqual(kept, Either.right({ reason: "source-closed" }))
  })

  it.effect("tells no reason while it is under way, also where its refund has begun", () =>
    TransferSpec.given(requested)
      .when("RequestRefund", { reason })
      .replies({ transferId: "spec", from: "anna", to: "bert", amount: "12.50", status: "pending" })
  )

  it.effect("is completed where the target had the money after all", () =>
    TransferSpec.given(requested, debited, refunding).when("Complete", undefined).emits(completed)
  )

  it.effect("ends once: never both completed and refunded", () =>
    Effect.gen(function* () {
      const done = TransferSpec.given(requested, debited, completed)
      yield* done.when("NoteRefund", undefined).failsWith(UnexpectedStep, { status: "completed" })
      yield* done.when("Refuse", { reason: "insufficient-funds" }).failsWith(UnexpectedStep)
      const back = TransferSpec.given(requested, debited, refunding, refunded)
      yield* back.when("Complete", undefined).failsWith(UnexpectedStep, { status: "refused" })
      const held = TransferSpec.given(requested, debited)
      yield* held.when("Refuse", { reason: "insufficient-funds" }).failsWith(UnexpectedStep)
      yield* held.when("NoteRefund", undefined).failsWith(UnexpectedStep, { status: "debited" })
    })
  )

  it.effect("has to be there", () =>
    Effect.gen(function* () {
      yield* TransferSpec.given().when("Complete", undefined).failsWith(TransferNotFound, { transferId: "spec" })
      yield* TransferSpec.given().when("RequestRefund", { reason }).failsWith(TransferNotFound)
    })
  )
})
