/**
 * What `Explain` and `ExplainCommand` say about any aggregate: old forms of events, damage, and decisions that look at
 * the time.
 */
import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Either, Layer, Schema } from "effect"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import { appendOrFail, EventStore, type ProposedCommand } from "../../src/core/EventStore.ts"
import * as Explain from "../../src/core/Explain.ts"
import * as ExplainCommand from "../../src/core/ExplainCommand.ts"
import * as KeptPayload from "../../src/core/KeptPayload.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { proposed } from "../../src/testing/ProposedCommand.ts"
import { Tampering } from "../../src/testing/Tampering.ts"
import * as SqlTampering from "../sql/Tampering.ts"

const Knocked = Event.make("Knocked", { times: Schema.Int }).next({ count: Schema.Int, how: Schema.String }, (v1) => ({
  count: v1.times,
  how: "unknown"
}))
class Closed extends Schema.TaggedError<Closed>()("Closed", { opensAt: Schema.Int }) {}
const opensAt = 2_000

/** Opens at a time: what a decision says depends on when it is made. */
class Door extends Aggregate.make("Door", {
  id: Schema.String,
  state: Schema.Struct({ knocks: Schema.Int, by: Schema.Array(Schema.String) }),
  initial: { knocks: 0, by: [] },
  events: [Knocked],
  commands: [
    Rpc.make("Enter", { success: Schema.Int, error: Closed }),
    Rpc.make("Ring", { success: Schema.Int, error: Closed }),
    Rpc.make("Break", { success: Schema.Int, error: Closed })
  ]
}) {}
const definition = Door.define({
  decide: {
    Enter: (_, __, { now }) =>
      now < opensAt ? Either.left(new Closed({ opensAt })) : Either.right([Knocked.make({ count: 1, how: "hand" })]),
    Ring: () => Effect.fail(new Closed({ opensAt })),
    Break: () => {
      throw new Error("it is of oak")
    }
  },
  evolve: { Knocked: ({ by, knocks }, { count, how }) => ({ knocks: knocks + count, by: [...by, how] }) },
  reply: { Enter: ({ knocks }) => knocks, Ring: ({ knocks }) => knocks, Break: ({ knocks }) => knocks }
})
const streamId = Door.streamId("front")

const store = Layer.provideMerge(SqlTampering.layer, SqliteStore.layer({ filename: ":memory:" }))

type Proposed = Pick<ProposedCommand, "commandId" | "command" | "events"> & { readonly payload?: string | undefined }

/** Stores it as it would have been stored at that time: a success with events, or a refusal. */
const at = (millis: number, { payload, ...given }: Proposed) =>
  Effect.flatMap(EventStore, (log) =>
    appendOrFail(log, [
      {
        streamId,
        expectedVersion: "any",
        commands: [
          proposed(given.commandId, {
            ...given,
            payload,
            isNew: true,
            outcome: given.events.length === 0 ? "refusal" : "success",
            answer: () =>
              given.events.length === 0
                ? { text: JSON.stringify({ _tag: "Closed", opensAt }), version: 1 }
                : { text: "1", version: 1 }
          })
        ]
      }
    ])
  ).pipe(
    Effect.withClock({
      ...Clock.make(),
      unsafeCurrentTimeMillis: () => millis,
      currentTimeMillis: Effect.succeed(millis)
    })
  )

const knock = (millis: number, times: number) =>
  at(millis, {
    commandId: `knock-${millis}`,
    command: "Enter",
    events: [{ type: "Knocked", schemaVersion: 1, data: JSON.stringify({ times }) }]
  })
const refuse = (
  millis: number,
  command: "Enter" | "Ring" | "Break",
  payload = KeptPayload.write({ text: "", version: 1 })
) => at(millis, { commandId: command, command, events: [], payload })

const told = (commandId: string, options?: ExplainCommand.Options) =>
  Effect.gen(function* () {
    const decided = yield* Effect.flatMap(EventStore, (log) => log.findDecided(commandId))
    assert(decided !== undefined)
    return yield* ExplainCommand.explain(definition, decided, options)
  })

describe("the history of a stream", () => {
  it.scopedLive("has each event as it is today, and as it was stored where that is another form", () =>
    Effect.gen(function* () {
      yield* knock(1_000, 2)
      const page = yield* Explain.history(definition, "front", { field: "knocks" })
      const [step] = page.steps
      assert.deepStrictEqual(step?.current, [{ type: "Knocked", schemaVersion: 2, data: { count: 2, how: "unknown" } }])
      assert.deepStrictEqual(step?.stored, { type: "Knocked", schemaVersion: 1, data: { times: 2 } })
      assert.deepStrictEqual(step?.changes, [
        { path: "knocks", before: 0, after: 2 },
        { path: "by.0", after: "unknown" }
      ])
      assert.deepStrictEqual(step?.running, { before: 0, after: 2, contribution: "2" })
      const text = yield* Explain.history(definition, "front", { field: "by.0" })
      assert.deepStrictEqual(text.steps[0]?.running, { before: null, after: "unknown", contribution: null })
      // Nothing stands there yet, and something may.
      const later = yield* Explain.history(definition, "front", { field: "by.7" })
      assert.deepStrictEqual(later.steps[0]?.running, { before: null, after: null, contribution: null })
      const misspelt = yield* Effect.flip(Explain.history(definition, "front", { field: "knoks" }))
      assert.deepInclude(misspelt, {
        _tag: "InvalidArgument",
        argument: "field",
        reason: "names nothing in the state, which has knocks, by"
      })
      assert.deepStrictEqual((yield* Explain.history(definition, "back")).steps, [])
    }).pipe(Effect.provide(store))
  )

  it.scopedLive("comes in pages that are bounded by what they tell", () =>
    Effect.gen(function* () {
      const how = "x".repeat(400_000)
      for (let number = 0; number < 12; number++) {
        const data = JSON.stringify({ count: 1, how: `${number}${how}` })
        const events = [{ type: "Knocked", schemaVersion: 2, data }]
        yield* at(1_000, { commandId: `loud-${number}`, command: "Enter", events })
      }
      const pages: Array<number> = []
      for (let after: number | null = 0; after !== null; ) {
        const page: Explain.Page = yield* Explain.history(definition, "front", { after })
        assert.deepStrictEqual(
          page.steps.map(({ version }) => version),
          page.steps.map((_, index) => (after ?? 0) + index + 1)
        )
        pages.push(page.steps.length)
        after = page.next
      }
      assert.isAbove(pages.length, 1)
      assert.strictEqual(
        pages.reduce((sum, each) => sum + each, 0),
        12
      )
    }).pipe(Effect.provide(store))
  )

  it.scopedLive("counts the values of a field too, which may be the whole state", () =>
    Effect.gen(function* () {
      const events = ["a", "b"].map((each) => ({
        type: "Knocked",
        schemaVersion: 2,
        data: JSON.stringify({ count: 1, how: each.repeat(800_000) })
      }))
      for (const [index, event] of events.entries()) {
        yield* at(1_000, { commandId: `loud-${index}`, command: "Enter", events: [event] })
      }
      for (let number = 0; number < 4; number++) yield* knock(1_100 + number, 1)
      const without = yield* Explain.history(definition, "front")
      assert.deepStrictEqual([without.steps.length, without.next], [6, null])
      const page = yield* Explain.history(definition, "front", { field: "by" })
      assert.deepStrictEqual([page.steps.length, page.next], [2, 2])
    }).pipe(Effect.provide(store))
  )

  it.scopedLive("ends in a typed error that says where, at an event that is damaged (VR1)", () =>
    Effect.gen(function* () {
      for (const millis of [1_000, 1_100, 1_200]) yield* knock(millis, 1)
      const hand = yield* Tampering
      yield* hand.edit(2, { data: '{"times":9}' })
      const before = yield* Explain.history(definition, "front", { limit: 1 })
      assert.strictEqual(before.steps.length, 1)
      const error = yield* Effect.flip(Explain.history(definition, "front", { after: 1 }))
      assert(error._tag === "StreamDamaged")
      assert.deepStrictEqual([error.streamId, error.version], [streamId, 2])
    }).pipe(Effect.provide(store))
  )
})

describe("a refused command", () => {
  it.scopedLive("is decided again at the time of each later event", () =>
    Effect.gen(function* () {
      yield* knock(1_000, 1)
      yield* refuse(1_100, "Enter")
      yield* knock(1_500, 1)
      yield* knock(2_500, 1)
      yield* knock(3_000, 1)
      assert.deepStrictEqual((yield* told("Enter")).wouldPass, { _tag: "After", version: 3, type: "Knocked" })
      assert.deepStrictEqual((yield* told("Enter", { maxEvents: 1 })).wouldPass, {
        _tag: "Never",
        upTo: 2,
        isEnd: false
      })
    }).pipe(Effect.provide(store))
  )

  it.scopedLive("says why it is not: an effect, a throw, a payload that is not there or not its own", () =>
    Effect.gen(function* () {
      yield* refuse(1_000, "Ring")
      yield* refuse(1_000, "Break")
      yield* at(1_000, { commandId: "Enter", command: "Enter", events: [] })
      yield* at(1_000, { commandId: "Leave", command: "Leave", events: [], payload: '{"version":1}' })
      yield* at(1_000, { commandId: "odd", command: "Enter", events: [], payload: '{"payload":1}' })
      const reasons: Array<unknown> = []
      for (const commandId of ["Ring", "Break", "Enter", "Leave", "odd"]) {
        reasons.push((yield* told(commandId)).wouldPass)
      }
      assert.deepStrictEqual(
        reasons,
        ["decision-is-an-effect", "decision-threw", "payload-not-kept", "command-unknown", "payload-damaged"].map(
          (reason) => ({ _tag: "NotComputed", reason })
        )
      )
    }).pipe(Effect.provide(store))
  )
})
