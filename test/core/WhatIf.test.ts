/** What a stream would be with events otherwise, and which commands would have been decided otherwise. */
import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Layer, Logger, Schema } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import * as AccountBehaviour from "../../src/bank/account/AccountBehaviour.ts"
import { AccountId } from "../../src/bank/account/AccountSchemas.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import { appendOrFail, EventStore } from "../../src/core/EventStore.ts"
import * as KeptPayload from "../../src/core/KeptPayload.ts"
import type { StoredEvent } from "../../src/core/StoredEvent.ts"
import * as WhatIf from "../../src/core/WhatIf.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { proposed } from "../../src/testing/ProposedCommand.ts"

const definition = Account.define(AccountBehaviour.behaviour)

const Lit = Event.make("Lit", { watts: Schema.Int }).next({ lumens: Schema.Int }, ({ watts }) => ({
  lumens: watts * 10
}))
/** Lights as brightly each time. */
class Lamp extends Aggregate.make("Lamp", {
  id: Schema.String,
  state: Schema.Struct({ lumens: Schema.Int }),
  initial: { lumens: 0 },
  events: [Lit],
  commands: [Rpc.make("Light", { success: Schema.Int }), Rpc.make("Match", { success: Schema.Int })]
}) {}
const lamp = Lamp.define({
  decide: {
    Light: () => Either.right([Lit.make({ lumens: 400 })]),
    Match: () => Effect.die("a decision that is an effect was run")
  },
  evolve: { Lit: (_, { lumens }) => ({ lumens }) },
  reply: { Light: ({ lumens }) => lumens, Match: ({ lumens }) => lumens }
})

const store = AccountBehaviour.layer.pipe(
  Layer.provideMerge(ActorSystemLocal.layer),
  Layer.provideMerge(SqliteStore.layer({ filename: ":memory:" })),
  Layer.provideMerge(Logger.remove(Logger.defaultLogger))
)

/** 1 opened, 2 + 100, refused 150, 3 + 80, 4 − 120, refused 500, 5 + 1. */
const write = Effect.gen(function* () {
  const anna = (yield* Account)(AccountId.make("anna"))
  yield* anna.Open({ owner: "Ada", currency: "EUR" }, { commandId: "open" })
  yield* anna.Deposit({ amount: "100" }, { commandId: "first" })
  yield* Effect.either(anna.Withdraw({ amount: "150" }, { commandId: "early" }))
  yield* anna.Deposit({ amount: "80" }, { commandId: "second" })
  yield* anna.Withdraw({ amount: "120" }, { commandId: "rent" })
  yield* Effect.either(anna.Withdraw({ amount: "500" }, { commandId: "boat" }))
  yield* anna.Deposit({ amount: "1" })
})

const ask = (edits: typeof WhatIf.Edits.Encoded) =>
  Effect.flatMap(Schema.decode(WhatIf.Edits)(edits), (decoded) => WhatIf.run(definition, "anna", decoded))

const balance = ({ whatIf }: WhatIf.Answer) => (whatIf as { readonly balance: string }).balance

describe("what if", () => {
  it.scopedLive(
    "events are left out, changed or put in: the state, and the commands that would have fared otherwise",
    () =>
      Effect.gen(function* () {
        yield* write
        const log = yield* EventStore
        const head = yield* log.journalHead

        const without = yield* ask({ leaveOut: [3] })
        assert.deepStrictEqual([without.version, balance(without)], [5, "-1900"])
        assert.deepStrictEqual(without.changes, [{ path: "balance", before: "6100", after: "-1900" }])
        assert.deepStrictEqual(without.otherwise, [
          {
            commandId: "rent",
            command: "Withdraw",
            sequence: 5,
            version: 3,
            was: "success",
            wouldBe: "refusal",
            error: "InsufficientFunds"
          },
          // Refused all the same, with another balance in the error.
          {
            commandId: "boat",
            command: "Withdraw",
            sequence: 6,
            version: 4,
            was: "refusal",
            wouldBe: "other-error",
            error: "InsufficientFunds"
          }
        ])
        // The last deposit came without an id, so nothing is kept of it.
        assert.deepStrictEqual([without.compared, without.notComputed], [2, { "payload-not-kept": 1 }])

        const richer = yield* ask({ change: [{ version: 2, data: { amount: "1000.00" } }] })
        assert.strictEqual(balance(richer), "96100")
        assert.deepStrictEqual(
          richer.otherwise.map(({ commandId, was, wouldBe }) => [commandId, was, wouldBe]),
          [
            ["early", "refusal", "success"],
            ["boat", "refusal", "success"]
          ]
        )

        const more = yield* ask({ putIn: [{ after: 2, type: "Deposited", data: { amount: "60.00" } }] })
        assert.strictEqual(balance(more), "12100")
        assert.strictEqual(more.otherwise[0]?.commandId, "early")

        const same = yield* ask({ change: [{ version: 2, data: { amount: "100.00" } }] })
        assert.deepStrictEqual([same.changes, same.otherwise], [[], []])

        // Nothing was written, whatever was asked.
        assert.deepStrictEqual(yield* log.journalHead, head)
      }).pipe(Effect.provide(store))
  )

  it.scopedLive("takes what an earlier release stored for what it means today", () =>
    Effect.gen(function* () {
      const streamId = Lamp.streamId("hall")
      const log = yield* EventStore
      const commit = (
        commandId: string,
        events: ReadonlyArray<Pick<StoredEvent, "type" | "schemaVersion" | "data">>,
        command = "Light"
      ) =>
        appendOrFail(log, [
          {
            streamId,
            expectedVersion: "any",
            commands: [
              proposed(commandId, {
                isNew: true,
                command,
                payload: KeptPayload.write({ text: "", version: 1 }),
                events,
                answer: () => ({ text: "1", version: 1 })
              })
            ]
          }
        ])
      yield* commit("one", [{ type: "Lit", schemaVersion: 1, data: '{"watts":40}' }])
      yield* commit("two", [{ type: "Lit", schemaVersion: 1, data: '{"watts":40}' }])
      const change = (data: Record<string, unknown>) =>
        Effect.flatMap(Schema.decode(WhatIf.Edits)({ change: [{ version: 2, data }] }), (edits) =>
          WhatIf.run(lamp, "hall", edits)
        )
      // In the form in which it is stored, that of version 1.
      assert.deepStrictEqual((yield* change({ watts: 60 })).whatIf, { lumens: 600 })
      assert.deepInclude(yield* Effect.flip(change({ watts: 60, lumens: 1 })), {
        _tag: "InvalidArgument",
        reason: "name a field lumens of Lit, which its version 1 does not have"
      })
      const answer = yield* WhatIf.run(lamp, "hall", yield* Schema.decode(WhatIf.Edits)({ leaveOut: [1] }))
      assert.deepStrictEqual([answer.compared, answer.otherwise], [1, []])
      // A decision that is an effect is not run, and said to be not.
      yield* commit("three", [{ type: "Lit", schemaVersion: 2, data: '{"lumens":1}' }], "Match")
      const later = yield* WhatIf.run(lamp, "hall", yield* Schema.decode(WhatIf.Edits)({ leaveOut: [1] }))
      assert.deepStrictEqual([later.compared, later.notComputed], [1, { "decision-is-an-effect": 1 }])
    }).pipe(Effect.provide(store))
  )

  it.scopedLive("decides the first command on what is put in before it", () =>
    Effect.gen(function* () {
      yield* write
      const opened = { accountId: "anna", owner: "Eve", currency: "EUR", overdraftLimit: "0.00" }
      const answer = yield* ask({ putIn: [{ after: 0, type: "AccountOpened", data: opened }] })
      assert.deepInclude(answer.otherwise[0], { commandId: "open", was: "success", wouldBe: "refusal" })
    }).pipe(Effect.provide(store))
  )

  it.scopedLive("refuses edits that name what is not there, twice, nothing, or what cannot be read", () =>
    Effect.gen(function* () {
      yield* write
      for (const [edits, tag] of [
        [{}, "InvalidArgument"],
        [{ leaveOut: [6] }, "InvalidArgument"],
        [{ leaveOut: [2], change: [{ version: 2, data: {} }] }, "InvalidArgument"],
        [{ putIn: [{ after: 9, type: "Deposited", data: { amount: "1.00" } }] }, "InvalidArgument"],
        [{ change: [{ version: 2, data: { amount: "much" } }] }, "UndecodableEvent"],
        [{ change: [{ version: 2, data: { amount: "1.00", refrence: "wages" } }] }, "InvalidArgument"],
        [{ putIn: [{ after: 1, type: "Deposited", data: { amount: "1.00", sum: "1.00" } }] }, "InvalidArgument"],
        [{ putIn: [{ after: 1, type: "Stolen", data: {} }] }, "UnknownEvent"]
      ] as ReadonlyArray<readonly [typeof WhatIf.Edits.Encoded, WhatIf.WhatIfError["_tag"]]>) {
        const answer = yield* Effect.either(ask(edits))
        assert.strictEqual(Either.isLeft(answer) && answer.left._tag, tag, JSON.stringify(edits))
      }
      const edits = yield* Schema.decode(WhatIf.Edits)({ putIn: [{ after: 0, type: "Deposited", data: {} }] })
      assert.strictEqual((yield* Effect.flip(WhatIf.run(definition, "nobody", edits)))._tag, "InvalidArgument")
    }).pipe(Effect.provide(store))
  )
})
