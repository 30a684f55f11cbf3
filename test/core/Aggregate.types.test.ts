/** What must not compile in `core/Aggregate.ts` and `core/Event.ts`. `tsc` is the test; nothing in here is run. */
import { Rpc } from "@effect/rpc"
import { Effect, Either, Schema } from "effect"
import { assert, describe, it } from "vitest"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"

const Minor = Schema.BigInt.pipe(Schema.positiveBigInt())
const Deposited = Event.make("Deposited", { amount: Schema.Number })
  .next({ amount: Minor }, (v1) => ({ amount: String(v1.amount * 100) }))
  .next({ amount: Minor, reference: Schema.String }, (v2) => ({ ...v2, reference: "" }))
const Withdrawn = Event.make("Withdrawn", { amount: Minor, reference: Schema.String })

class NotOpen extends Schema.TaggedError<NotOpen>()("NotOpen", {}) {}
class InsufficientFunds extends Schema.TaggedError<InsufficientFunds>()("InsufficientFunds", {}) {}

const payload = { amount: Minor, reference: Schema.String }
const success = Schema.Struct({ balance: Schema.BigInt })
class Purse extends Aggregate.make("Purse", {
  id: Schema.NonEmptyString.pipe(Schema.brand("PurseId")),
  state: Schema.Struct({ balance: Schema.BigInt }),
  initial: { balance: 0n },
  events: [Deposited, Withdrawn],
  commands: [
    Rpc.make("Deposit", { payload, success, error: NotOpen }),
    Rpc.make("Withdraw", { payload, success, error: Schema.Union(NotOpen, InsufficientFunds) })
  ]
}) {}
type Behaviour = Parameters<typeof Purse.define>[0]

const decide: Behaviour["decide"] = {
  Deposit: (command) => Either.right([Deposited.make(command)]),
  Withdraw: (command) => Effect.succeed([Withdrawn.make(command)])
}
const evolve: Behaviour["evolve"] = {
  Deposited: ({ balance }, { amount }) => ({ balance: balance + amount }),
  Withdrawn: ({ balance }, { amount }) => ({ balance: balance - amount })
}
const reply: Behaviour["reply"] = { Deposit: (state) => state, Withdraw: (state) => state }

const events = () => {
  // @ts-expect-error an event of the current version needs its reference
  Deposited.make({ amount: 1n })
  // @ts-expect-error money is not a float
  Withdrawn.make({ amount: 1, reference: "" })
  // @ts-expect-error the upcaster must give every field of the new version
  Withdrawn.next({ ...payload, channel: Schema.String }, (v1) => ({ ...v1 }))
  // @ts-expect-error the upcaster gives the stored form, in which an amount is text
  Withdrawn.next({ amount: Minor }, () => ({ amount: 1n }))
}

/** A caller of a behaviour gets a state and an answer, and no more than that. */
const called = (): { readonly balance: bigint } => {
  const next = evolve.Deposited({ balance: 1n }, Deposited.make({ amount: 1n, reference: "" }))
  return reply.Deposit({ balance: next.balance + 1n }, { version: 1, position: 1 })
}

const behaviours = () => {
  Purse.define({ decide, evolve, reply })
  // @ts-expect-error each command is decided
  Purse.define({ decide: { Deposit: decide.Deposit }, evolve, reply })
  // @ts-expect-error each event changes the state
  Purse.define({ decide, evolve: { Deposited: evolve.Deposited }, reply })
  // @ts-expect-error each command is answered
  Purse.define({ decide, evolve, reply: { Deposit: reply.Deposit } })
  // @ts-expect-error a deposit is not refused with an error that it does not declare
  Purse.define({ decide: { ...decide, Deposit: () => Either.left(new InsufficientFunds()) }, evolve, reply })
  // @ts-expect-error only declared events are emitted
  Purse.define({ decide: { ...decide, Deposit: () => Either.right([{ _tag: "Closed" as const }]) }, evolve, reply })
  // @ts-expect-error an answer is what the command declares
  Purse.define({ decide, evolve, reply: { ...reply, Deposit: () => ({ balance: 0 }) } })
}

const commands = Effect.gen(function* () {
  const purses = yield* Purse
  // @ts-expect-error an id of this aggregate, not any text
  purses("p-1")
  const purse = purses(Schema.NonEmptyString.pipe(Schema.brand("PurseId")).make("p-1"))
  yield* purse.Withdraw({ amount: 1n, reference: "" }).pipe(Effect.catchTag("InsufficientFunds", () => Effect.void))
  // @ts-expect-error a deposit cannot fail because there are no funds
  yield* purse.Deposit({ amount: 1n, reference: "" }).pipe(Effect.catchTag("InsufficientFunds", () => Effect.void))
  // @ts-expect-error a command needs its whole payload
  yield* purse.Deposit({ amount: 1n })
  // @ts-expect-error there is no such command
  yield* purse.Freeze({})
})

describe("an aggregate's types", () => {
  it("refuse what the comments above say", () => {
    for (const unused of [events, called, behaviours, commands]) assert.isDefined(unused)
  })
})
