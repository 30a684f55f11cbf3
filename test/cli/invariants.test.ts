/**
 * `verify` checks an application's invariants over the whole log, and names what is under way and will never be done.
 */
import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, type Layer, Logger, Option, Schema } from "effect"
import { application as bank } from "../../src/bank/Bank.ts"
import * as TransferProcess from "../../src/bank/transfer/TransferProcess.ts"
import * as Verification from "../../src/cli/Verification.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import * as Application from "../../src/projection/Application.ts"
import { CheckpointStore } from "../../src/projection/CheckpointStore.ts"
import { GenerationStore } from "../../src/projection/GenerationStore.ts"
import * as Invariant from "../../src/projection/Invariant.ts"
import * as PendingTimers from "../../src/projection/PendingTimers.ts"
import * as Reaction from "../../src/projection/Reaction.ts"
import * as Timers from "../../src/projection/Timers.ts"
import { appendRaw, caughtUp, running as runningModels } from "../../src/testing/Notes.ts"
import { databases } from "../conformance/stores.ts"

/** Version 1 counted hundreds of litres. */
const Filled = Event.make("Filled", { hundreds: Schema.Int }).next({ litres: Schema.Int }, ({ hundreds }) => ({
  litres: hundreds * 100
}))
const Drained = Event.make("Drained", {})
class Tank extends Aggregate.make("Tank", {
  id: Schema.String,
  state: Schema.Struct({ litres: Schema.Int }),
  initial: { litres: 0 },
  events: [Filled, Drained],
  commands: [Rpc.make("Fill", { payload: { litres: Schema.Int }, success: Schema.Int })]
}) {}
const tank = Application.aggregate(Tank, {
  decide: { Fill: ({ litres }) => Either.right([Filled.make({ litres })]) },
  evolve: { Filled: (_, { litres }) => ({ litres }), Drained: () => ({ litres: 0 }) },
  reply: { Fill: ({ litres }) => litres }
})

/** What all tanks may hold, and that what is filled is drained. */
const capacity = Invariant.make({
  name: "capacity",
  events: [Filled, Drained],
  begin: () => {
    const full = new Map<string, { readonly litres: number; readonly version: number; readonly position: number }>()
    return {
      next: ({ event, stored: { position, streamId, version } }) => {
        if (event._tag === "Drained") full.delete(streamId)
        else if (event.litres < 0) throw new RangeError("less than nothing")
        else full.set(streamId, { litres: event.litres, position, version })
        const litres = [...full.values()].reduce((sum, each) => sum + each.litres, 0)
        return litres > 1_000 ? "the tanks hold more than there is" : undefined
      },
      underWay: () =>
        Array.from(full, ([streamId, { position, version }]) => ({
          streamId,
          version,
          position,
          by: "draining",
          what: "the tank is not drained"
        }))
    }
  }
})
const draining = Reaction.make({ name: "draining", events: [Filled], react: () => Effect.void })
const station = Application.make({
  name: "station",
  aggregates: [tank, Timers.part],
  reactions: [draining],
  invariants: [capacity]
})

const filled = (stream: string, ...litres: ReadonlyArray<number>) =>
  appendRaw(
    stream,
    litres.map((each) => ({ type: "Filled", schemaVersion: 2, data: JSON.stringify({ litres: each }) }))
  )
const textsOf = ({ notes, problems }: Effect.Effect.Success<ReturnType<typeof Verification.run>>) => ({
  problems: problems.map(Verification.describe),
  notes: notes.map(Verification.describe)
})
const verified = Effect.map(Verification.run(station), textsOf)

const { postgres, sqlite } = databases

describe.each(Object.entries({ sqlite, postgres }))("invariants on %s", (_, layer) => {
  const running = <E>(program: Effect.Effect<void, E, Layer.Layer.Success<typeof layer>>) =>
    program.pipe(Effect.provide(layer), Effect.provide(Logger.remove(Logger.defaultLogger)), Effect.scoped)

  it.live("are given current forms, and say at which event they do not hold", () =>
    running(
      Effect.gen(function* () {
        yield* appendRaw("tank-old", [{ type: "Filled", data: JSON.stringify({ hundreds: 9 }) }])
        assert.deepStrictEqual((yield* verified).problems, [])
        yield* filled("tank-new", 100)
        assert.deepStrictEqual((yield* verified).problems, [])
        yield* filled("tank-new", 101, 5, 102)
        const { problems } = yield* verified
        // Once: behind it nothing can be told.
        assert.deepStrictEqual(problems, [
          "tank-new version 2: the invariant capacity does not hold: the tanks hold more than there is"
        ])
      })
    )
  )

  it.live("that throw are told by the kind of the error", () =>
    running(
      Effect.gen(function* () {
        yield* filled("tank-a", -1)
        assert.deepStrictEqual((yield* verified).problems, [
          "tank-a version 1: the invariant capacity cannot be checked: its code threw RangeError"
        ])
      })
    )
  )

  it.live("name what is under way where its reaction has not begun, is paused, or has passed it", () =>
    running(
      Effect.gen(function* () {
        const generations = yield* GenerationStore
        const checkpoints = yield* CheckpointStore
        const first = yield* filled("tank-a", 1)
        yield* filled("tank-b", 2)
        const left = (reason: string) => [
          `tank-a version 1: the tank is not drained, and is left to the reaction draining: ${reason}; so are 1 more`
        ]
        assert.deepStrictEqual(yield* verified, { problems: [], notes: left("it has not begun here") })
        yield* generations.begin("draining", 0, 1)
        assert.deepStrictEqual(yield* verified, { problems: [], notes: [] })
        yield* generations.setPaused("draining", true)
        assert.deepStrictEqual(yield* verified, { problems: [], notes: left("it is paused") })
        yield* generations.setPaused("draining", false)

        const live = Option.getOrThrow(yield* generations.find("draining")).live
        assert(live !== null)
        yield* checkpoints.advance(live, { to: first, events: 1, rate: 0 }, Effect.void)
        const lost =
          "tank-a version 1: the tank is not drained, and the reaction draining has passed it: nobody comes to it"
        assert.deepStrictEqual(yield* verified, { problems: [lost], notes: [] })
        // What is stuck is not lost, and what an operator had passed over is told as that.
        const at = { ...live, position: first }
        const failure = { position: first, streamId: "tank-a", version: 1, type: "Filled", error: "e", attempts: 1 }
        yield* checkpoints.park(at, { to: first, events: 0, rate: 0 }, failure)
        const stuck = yield* verified
        assert.deepStrictEqual([stuck.problems, stuck.notes.length], [[], 1])
        assert.include(stuck.notes[0], "draining is stuck at it")
        yield* appendRaw("tank-a", [{ type: "Drained", data: "{}" }])
        yield* appendRaw("tank-b", [{ type: "Drained", data: "{}" }])
        assert.lengthOf((yield* verified).notes, 1)
      })
    )
  )

  it.live("name a reaction that ran and that the application lacks", () =>
    running(
      Effect.gen(function* () {
        const generations = yield* GenerationStore
        yield* generations.begin("removed", 0, 1)
        const { notes } = yield* verified
        assert.lengthOf(notes, 1)
        assert.match(notes[0] ?? "", /^removed version 0: station has no such reaction/)
      })
    )
  )

  it.live("are beside timers that should have fired, which nobody does", () =>
    running(
      Effect.gen(function* () {
        const timer = { aggregate: "Tank", id: "a", command: "Fill", payload: "{}", payloadVersion: 1 }
        const scheduled = (due: number) => [{ type: "TimerScheduled", data: JSON.stringify({ due, ...timer }) }]
        yield* appendRaw("timer-later", scheduled(8_640_000_000_000_000))
        const position = yield* appendRaw("timer-once", scheduled(1_000))
        yield* runningModels(station.projections, caughtUp(position, PendingTimers.projection.name))
        const { notes, problems } = yield* verified
        assert.lengthOf(problems, 0)
        assert.lengthOf(notes, 1)
        assert.match(notes[0] ?? "", /^pending_timers .*: 1 timers should have fired, the first one \d+ s ago/)
      })
    )
  )

  it.live("of the bank: money is conserved", () =>
    running(
      Effect.gen(function* () {
        const opened = { accountId: "anna", owner: "Ada", currency: "EUR", overdraftLimit: "0.00" }
        const requested = { transferId: "t", from: "anna", to: "bert", currency: "EUR", amount: "4.00" }
        yield* appendRaw("account-anna", [
          { type: "AccountOpened", data: JSON.stringify(opened) },
          { type: "Deposited", data: JSON.stringify({ amount: "10.00" }) }
        ])
        yield* appendRaw("transfer-t", [{ type: "TransferRequested", data: JSON.stringify(requested) }])
        const ask = Effect.map(Verification.run(bank), textsOf)
        const why = `and is left to the reaction ${TransferProcess.name}: it has not begun here`
        assert.deepStrictEqual(yield* ask, {
          problems: [],
          notes: [`transfer-t version 1: the transfer has not ended, ${why}`]
        })
        yield* appendRaw("account-anna", [{ type: "Withdrawn", data: JSON.stringify({ amount: "10.01" }) }])
        assert.deepStrictEqual((yield* ask).problems, [
          "account-anna version 3: the invariant conservation does not hold: the balance is below the limit"
        ])
      })
    )
  )
})

describe("the invariants of an application", () => {
  it("have names of their own", () => {
    assert.throws(
      () => Application.make({ name: "station", aggregates: [tank], invariants: [capacity, capacity] }),
      /two invariants are called capacity/
    )
  })
})
