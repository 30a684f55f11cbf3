/** Each check of `testing/AggregateSpec.ts` can fail. */
import { AssertionError } from "node:assert"
import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Either, Schema } from "effect"
import { Account } from "../../src/account/Account.ts"
import { behaviour } from "../../src/account/AccountBehaviour.ts"
import { AccountExists, AccountNotFound, UnknownCurrency } from "../../src/account/AccountError.ts"
import { AccountClosed, AccountOpened, Deposited } from "../../src/account/AccountEvents.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import * as AggregateSpec from "../../src/testing/AggregateSpec.ts"

const AccountSpec = AggregateSpec.make(Account, behaviour)
const opened = AccountOpened.make({
  accountId: "spec",
  owner: "Jana",
  currency: "EUR",
  overdraftLimit: { minor: 0n, decimals: 2 }
})
const deposited = Deposited.make({ amount: { minor: 100n, decimals: 2 } })

/** The message of the check's `AssertionError`; anything else fails the test. */
const dies = (check: Effect.Effect<void>) =>
  Effect.map(Effect.flip(Effect.sandbox(check)), (cause) => {
    const defect = Cause.squash(cause)
    assert.instanceOf(defect, AssertionError)
    return (defect as AssertionError).message
  })

// ---- notes, whose decider is an effect and whose payload has a default ----------------------------------------------

const Noted = Event.make("Noted", { text: Schema.String })
/** Loses its milliseconds when it is stored. */
const WholeSeconds = Schema.transform(Schema.Number, Schema.Number, {
  strict: true,
  decode: (seconds) => seconds * 1_000,
  encode: (at) => Math.floor(at / 1_000)
})
const Dated = Event.make("Dated", { at: WholeSeconds })
class Refused extends Schema.TaggedError<Refused>()("Refused", { text: Schema.String }) {}
class Notes extends Aggregate.make("Notes", {
  id: Schema.String,
  state: Schema.Struct({ texts: Schema.Array(Schema.String), at: Schema.Number }),
  initial: { texts: [], at: 0 },
  events: [Noted, Dated],
  commands: [
    Rpc.make("Note", {
      payload: {
        text: Schema.NonEmptyString.pipe(
          Schema.propertySignature,
          Schema.withConstructorDefault(() => "nothing")
        )
      },
      success: Schema.Int,
      error: Refused
    }),
    Rpc.make("Date", { payload: { at: Schema.Number }, success: Schema.Number })
  ]
}) {}
const NotesSpec = AggregateSpec.make(Notes, {
  decide: {
    Note: ({ text }, { texts }) =>
      Effect.zipRight(
        Effect.yieldNow(),
        texts.includes(text) ? new Refused({ text }) : Effect.succeed([Noted.make({ text })])
      ),
    Date: ({ at }, _, { now }) => Either.right([Dated.make({ at: at + now })])
  },
  evolve: {
    Noted: (notes, { text }) => ({ ...notes, texts: [...notes.texts, text] }),
    Dated: (notes, { at }) => ({ ...notes, at })
  },
  reply: { Note: ({ texts }) => texts.length, Date: ({ at }) => at }
})

describe("AggregateSpec", () => {
  it.effect("fails when other events come, none, or too many", () =>
    Effect.gen(function* () {
      const deposit = AccountSpec.given(opened).when("Deposit", { amount: "1" })
      yield* deposit.emits(deposited)
      const diff = yield* dies(deposit.emits(Deposited.make({ amount: { minor: 200n, decimals: 2 } })))
      assert.match(diff, /\+ +minor: 100n\n.*- +minor: 200n/)
      yield* dies(deposit.emits())
      yield* dies(deposit.emitsNothing())
      yield* dies(deposit.emits(deposited, deposited))
      yield* dies(deposit.emits(AccountClosed.make({})))
      const refused = yield* dies(AccountSpec.given().when("Deposit", { amount: "1" }).emitsNothing())
      assert.strictEqual(refused, "Deposit was refused: AccountNotFound: there is no account spec")
    })
  )

  it.effect("fails when it is not refused, or with another error", () =>
    Effect.gen(function* () {
      yield* dies(AccountSpec.given(opened).when("Deposit", { amount: "1" }).failsWith(AccountNotFound))
      const refused = AccountSpec.given(opened).when("Open", { owner: "Jana", currency: "EUR" })
      yield* refused.failsWith(AccountExists, { accountId: "spec" })
      yield* dies(refused.failsWith(UnknownCurrency))
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

  it.effect("fails when a payload does not fit its command, and gives decide the defaults of one that does", () =>
    Effect.gen(function* () {
      const message = yield* dies(AccountSpec.given().when("Open", { owner: "", currency: "EUR" }).emitsNothing())
      assert.include(message, "the command cannot be sent: Open.owner")
      yield* NotesSpec.given()
        .when("Note", {})
        .emits(Noted.make({ text: "nothing" }))
    })
  )

  it.effect("evolves an event as it comes back from a store, and tells decide the time", () =>
    Effect.gen(function* () {
      yield* NotesSpec.given().when("Date", { at: 2_001 }).replies(2_000)
      yield* NotesSpec.given().when("Date", { at: 2_000 }, { now: 1_001 }).replies(3_000)
    })
  )

  it.effect("takes a decider that is an effect, and builds each command on those before", () =>
    Effect.gen(function* () {
      const first = NotesSpec.given(Noted.make({ text: "a" })).when("Note", { text: "b" })
      yield* first.replies(2)
      yield* first.when("Note", { text: "b" }).failsWith(Refused, { text: "b" })
      // A refusal changes nothing, and checks may be made of each step, again and again.
      yield* first.when("Note", { text: "b" }).when("Note", { text: "c" }).replies(3)
      yield* first.when("Note", { text: "c" }).replies(3)
      yield* first.emits(Noted.make({ text: "b" }))
      yield* dies(first.emitsNothing())
    })
  )
})
