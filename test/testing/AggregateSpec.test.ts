/** Each check of `testing/AggregateSpec.ts` can fail. */
import { AssertionError } from "node:assert"
import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Either, Schema } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import { behaviour } from "../../src/bank/account/AccountBehaviour.ts"
import { AccountExists, AccountNotFound, UnknownCurrency } from "../../src/bank/account/AccountError.ts"
import { AccountClosed, AccountOpened, Deposited } from "../../src/bank/account/AccountEvents.ts"
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

// ---- gardens, whose behaviour a test may spoil -----------------------------------------------------------------------

const Planted = Event.make("Planted", { bed: Schema.String, rows: Schema.optional(Schema.Array(Schema.String)) })
class Frozen extends Schema.TaggedError<Frozen>()("Frozen", { degrees: Schema.Number }) {}
class Dry extends Schema.TaggedError<Dry>()("Dry", { litres: Schema.Number }) {}
class Plot extends Schema.Class<Plot>("Plot")({ size: Schema.Number, name: Schema.optional(Schema.String) }) {}
const Garden = Aggregate.make("Garden", {
  id: Schema.String,
  state: Schema.Struct({
    beds: Schema.Array(Schema.String),
    since: Schema.Date,
    plot: Plot,
    at: Schema.optional(WholeSeconds),
    any: Schema.optional(Schema.Unknown)
  }),
  initial: { beds: [], since: new Date(0), plot: new Plot({ size: 1 }) },
  events: [Planted],
  commands: [
    Rpc.make("Plant", {
      payload: {
        bed: Schema.String,
        tools: Schema.optional(Schema.Array(Schema.String)),
        on: Schema.optional(Schema.Date)
      },
      success: Schema.Struct({
        n: Schema.Number,
        when: Schema.optional(Schema.Date),
        any: Schema.optional(Schema.Unknown)
      }),
      error: Schema.Union(Frozen, Dry)
    })
  ],
  transientErrors: ["Dry"]
})
type GardenBehaviour = Parameters<typeof Garden.define>[0]
const garden: GardenBehaviour = {
  decide: { Plant: ({ bed }) => Either.right([Planted.make({ bed })]) },
  evolve: { Planted: (state, { bed }) => ({ ...state, beds: [...state.beds, bed] }) },
  reply: { Plant: ({ beds, since }) => ({ n: beds.length, when: since }) }
}
/** One command of a garden that a test spoiled. */
const plant = (
  spoiled: Partial<GardenBehaviour>,
  payload: { bed: string; tools?: string[]; on?: Date } = { bed: "west" }
) =>
  AggregateSpec.make(Garden, { ...garden, ...spoiled })
    .given()
    .when("Plant", payload)
const evolving = (evolve: GardenBehaviour["evolve"]["Planted"]) => plant({ evolve: { Planted: evolve } })
const replying = (reply: unknown) => plant({ reply: { Plant: () => reply as { n: number } } })
const deciding = (decide: GardenBehaviour["decide"]["Plant"]) =>
  plant({ decide: { Plant: decide } }, { bed: "west", tools: [], on: new Date(0) })
/** Whatever types say against it. */
// biome-ignore lint/suspicious/noExplicitAny: a spoiled behaviour keeps to no type.
const open = (value: unknown): any => value
const planted = (fields: object) => Either.right([open({ _tag: "Planted", bed: "west", ...fields })])
let calls = 0

/** What is wrong with a behaviour, and what the check must say: of which member, where, and what to do. */
const faults: Record<string, readonly [spoiled: ReturnType<typeof plant>, ...says: ReadonlyArray<string>]> = {
  "an evolve that changes the state in place": [
    evolving((state, { bed }) => {
      open(state).beds.push(bed)
      return state
    }),
    "evolve of Garden on Planted",
    "return new ones"
  ],
  "an evolve that assigns to the state": [
    evolving((state) => {
      open(state).at = 1
      return state
    }),
    "evolve of Garden on Planted",
    "return new ones"
  ],
  "an evolve that changes a date of the state": [
    evolving((state) => {
      state.since.setTime(1)
      return { ...state }
    }),
    "evolve of Garden on Planted changed what it was given",
    "return new ones"
  ],
  "an evolve that changes an instance of the state": [
    evolving((state) => {
      open(state.plot).size++
      return { ...state }
    }),
    "evolve of Garden on Planted changed what it was given",
    "return new ones"
  ],
  "an evolve that changes the event": [
    evolving((state, event) => {
      open(event).bed = "east"
      return state
    }),
    "evolve of Garden on Planted",
    "return new ones"
  ],
  "an evolve that gives something else each time": [
    evolving((state) => ({ ...state, at: ++calls * 1_000 })),
    "after Planted the state of Garden",
    "at at",
    "may depend on the state and the event alone"
  ],
  "an evolve that looks for a key which a snapshot of a class loses": [
    evolving((state, { bed }) => ({ ...state, plot: Object.assign(new Plot({ size: 1 }), { name: undefined, bed }) })),
    "the state of Garden after Planted cannot be kept",
    "plot",
    "the state's schema says"
  ],
  "a state with a field that its schema lacks": [
    evolving((state) => ({ ...state, extra: 1 })),
    "the state of Garden after Planted cannot be kept",
    "at extra",
    "the state's schema says"
  ],
  "a state with a date that no text stands for": [
    evolving((state) => ({ ...state, any: { list: [new Date(0)] } })),
    "the state of Garden after Planted cannot be kept",
    "at any.list.0",
    "the state's schema says"
  ],
  "a state with a number that is none": [
    evolving((state) => ({ ...state, any: 0 / 0 })),
    "the state of Garden after Planted cannot be kept",
    "at any"
  ],
  "a state that a snapshot changes": [
    evolving((state) => ({ ...state, at: 1_001 })),
    "the state of Garden after Planted cannot be kept",
    "at at",
    "reads back as another value"
  ],
  "an evolve without a return": [evolving(() => open(undefined)), "the state of Garden after Planted cannot be kept"],
  "a reply that is not a number": [replying({ n: Number.NaN }), "success of Garden.Plant", "at n", "fit its schema"],
  "a reply with a bigint": [replying({ n: 1, any: [2n] }), "success of Garden.Plant", "at any.0", "fit its schema"],
  "a reply with a date": [replying({ n: 1, any: { at: new Date(0) } }), "success of Garden.Plant", "at any.at"],
  "a reply with undefined in a list": [replying({ n: 1, any: [undefined] }), "success of Garden.Plant", "at any.0"],
  "a reply with a field too much": [replying({ n: 1, secret: "x" }), "success of Garden.Plant", "at secret"],
  "no reply": [replying(undefined), "success of Garden.Plant", "fit its schema"],
  "a reply that throws": [
    plant({
      reply: {
        Plant: () => {
          throw new Error("no")
        }
      }
    }),
    "the reply of Garden.Plant threw: no"
  ],
  "a reply that changes the state": [
    plant({
      reply: {
        Plant: (state) => {
          state.since.setTime(7)
          return { n: 1 }
        }
      }
    }),
    "reply of Garden.Plant changed what it was given",
    "return new ones"
  ],
  "a kept refusal that no text holds": [
    deciding(() => Either.left(Object.assign(new Frozen({ degrees: 0 }), { degrees: Number.NaN }))),
    "the refusal of Garden.Plant cannot be kept",
    "at degrees"
  ],
  "another refusal that no text holds": [
    deciding(() => Either.left(Object.assign(new Dry({ litres: 0 }), { litres: Number.NaN }))),
    "the refusal of Garden.Plant cannot be kept",
    "at litres"
  ],
  "a refusal that the contract lacks": [
    deciding(() => Either.left(open(new Error("x")))),
    "the refusal of Garden.Plant cannot be kept"
  ],
  "a decide that throws": [
    deciding(() => {
      throw new Error("no")
    }),
    "decide of Garden.Plant threw: no"
  ],
  "a decide that dies as an effect": [deciding(() => Effect.die(new Error("no"))), "decide of Garden.Plant threw: no"],
  "a decide that changes the state": [
    deciding((_, state) => {
      open(state).beds.push("x")
      return Either.right([])
    }),
    "decide of Garden.Plant",
    "return new ones"
  ],
  "a decide that changes a date of the state": [
    deciding((_, state) => {
      state.since.setTime(5)
      return Either.right([])
    }),
    "decide of Garden.Plant changed what it was given"
  ],
  "a decide that changes the payload": [
    deciding(({ tools }) => {
      open(tools).push("x")
      return Either.right([])
    }),
    "decide of Garden.Plant",
    "return new ones"
  ],
  "a decide that changes a date of the payload": [
    deciding(({ on }) => {
      on?.setTime(5)
      return Either.right([])
    }),
    "decide of Garden.Plant changed what it was given"
  ],
  "an event that no text holds": [
    deciding(() => planted({ rows: [Number.NaN] })),
    "an event of this spec: Garden: Planted cannot be stored",
    "at rows.0"
  ],
  "an event that nobody declared": [
    deciding(() => Either.right([open({ _tag: "Dug" })])),
    "an event of this spec: Garden: Dug cannot be stored"
  ]
}

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
      assert.include(message, "the command cannot be sent: Account.Open.owner")
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

  it.effect.each(Object.entries(faults))(
    "fails for %s, and says where and what to do (VR4)",
    ([what, [spoiled, ...says]]) =>
      Effect.gen(function* () {
        const message = yield* dies(spoiled.emits(Planted.make({ bed: "west" })))
        for (const part of says) assert.include(message, part, what)
      })
  )

  it.effect("passes an honest aggregate with dates, classes and what a text loses (VR4)", () =>
    Effect.gen(function* () {
      const first = plant({})
      yield* first.emits(Planted.make({ bed: "west" }))
      yield* first.when("Plant", { bed: "east" }).replies({ n: 2, when: new Date(0) })
      yield* replying({ n: -0, any: { a: undefined } }).replies({ n: 0, any: {} })
      yield* evolving((state, { _tag, ...event }) => ({
        ...state,
        at: 2_000,
        any: { ...event, x: undefined, y: -0 }
      })).emits(Planted.make({ bed: "west" }))
      const refused = deciding(() => Either.left(new Frozen({ degrees: -0 })))
      yield* refused.failsWith(Frozen, { degrees: 0 })
    })
  )

  it.effect("shows what an actor does with a field that an event left undefined (VR4)", () =>
    Effect.gen(function* () {
      const spec = AggregateSpec.make(Garden, {
        ...garden,
        decide: { Plant: ({ bed }) => Either.right([open({ _tag: "Planted", bed, rows: undefined })]) },
        evolve: {
          Planted: (state, event) => ({ ...state, beds: [...state.beds, "rows" in event ? "rows" : "no rows"] })
        },
        reply: { Plant: ({ beds }) => ({ n: beds.length, any: beds }) }
      })
      yield* spec
        .given()
        .when("Plant", { bed: "west" })
        .replies({ n: 1, any: ["no rows"] })
    })
  )
})
