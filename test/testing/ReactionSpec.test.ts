/** What a reaction schedules, as its spec checks it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema } from "effect"
import * as Event from "../../src/core/Event.ts"
import * as Reaction from "../../src/projection/Reaction.ts"
import * as Timers from "../../src/projection/Timers.ts"
import * as ReactionSpec from "../../src/testing/ReactionSpec.ts"
import { Bell, bell } from "../cli/Belfry.ts"

const Wound = Event.make("Wound", { hours: Schema.Int })
const ring = (bell: string) => Timers.command(Bell, bell, "Ring", undefined)
const clockwork = Reaction.make({
  name: "clockwork",
  events: [Wound],
  react: ({ event: { hours } }, commandId) =>
    Effect.gen(function* () {
      yield* Timers.schedule("noon", { at: new Date(0), send: ring("noon") }, { commandId: commandId(0) })
      yield* Timers.cancel("old", { commandId: commandId(1) })
      yield* Timers.schedule("next", { after: `${hours} hours`, send: ring("next") }, { commandId: commandId(2) })
    })
})
const when = ReactionSpec.make(clockwork, Layer.mergeAll(Timers.part.layer))
  .given()
  .when(Wound.make({ hours: 2 }))
const noon = { key: "noon", at: 0, sends: ["bell-noon", "Ring"] } as const
const next = { key: "next", after: "2 hours", sends: ["bell-next", "Ring"] } as const

describe("ReactionSpec", () => {
  it.effect("tells when timers are due, and what they send", () => when.schedules(noon, next))
  it.effect("names each timer among the commands", () =>
    when.sends(["timer-noon", "Schedule", 0], ["timer-old", "Cancel", 1], ["timer-next", "Schedule", 2])
  )
  it.effect.each([
    [noon],
    [next, noon],
    [noon, { ...next, after: "3 hours" } as const],
    [noon, { ...next, key: "other" }],
    [noon, { ...next, sends: ["bell-next", "Peal"] } as const],
    [{ ...noon, at: 1 }, next]
  ])("fails where the reaction schedules otherwise, %#", (...timers) =>
    Effect.map(Effect.exit(when.schedules(...timers.flat())), (exit) => assert.isTrue(Exit.isFailure(exit)))
  )
})

const Wanted = Event.make("Wanted", { hours: Schema.Int })
const Slept = Event.make("Slept", {})
/** Rings in some hours, unless the bell has rung by now, and has nobody wake who sleeps. */
const alarm = Reaction.make({
  name: "alarm",
  events: [Wanted, Slept],
  react: ({ event }, commandId) =>
    Effect.gen(function* () {
      const bell = (yield* Bell)("a")
      if (event._tag === "Slept") return yield* Timers.cancel("alarm", { commandId: commandId() })
      const { state } = yield* bell.state
      if (state.rung > 0) return
      const send = Timers.command(Bell, "a", "Ring", undefined)
      yield* Timers.schedule("alarm", { after: `${event.hours} hours`, send }, { commandId: commandId() })
      const { replayed } = yield* bell.ask("RingLater", { minutes: 1 }, { commandId: commandId(1) })
      if (replayed) yield* Timers.move("alarm", { after: "10 hours" }, { commandId: commandId(2) })
    })
})
const AlarmSpec = ReactionSpec.make(alarm, Layer.merge(bell.layer, Timers.part.layer))
const rings = ["bell-a", "Ring"] as const

describe("ReactionSpec, over time,", () => {
  const set = AlarmSpec.given().when(Wanted.make({ hours: 2 }))

  it.effect("tells what timers have sent by a time, and no earlier", () =>
    Effect.gen(function* () {
      yield* set.fires({ after: "119 minutes" })
      yield* set.fires({ after: "2 hours" }, rings)
      yield* set.fires({ at: new Date(7_200_000) }, rings)
      const early = yield* Effect.exit(set.fires({ after: "1 hour" }, rings))
      assert.isTrue(Exit.isFailure(early))
    })
  )

  it.effect("has one event come after the other, each with ids of its own", () =>
    Effect.gen(function* () {
      const slept = set.and(Slept.make({}))
      yield* slept.sends(["timer-alarm", "Cancel", 0])
      yield* slept.fires({ after: "1000 hours" })
      // Scheduled again under the key, it begins again.
      yield* slept.and(Wanted.make({ hours: 3 })).fires({ after: "3 hours" }, rings)
      yield* set.and(Wanted.make({ hours: 1 })).fires({ after: "1 hour" }, rings)
    })
  )

  it.effect("has a state as it is given, also where it is given later, and else the initial one", () =>
    Effect.gen(function* () {
      const rung = ReactionSpec.shows("bell-a", { rung: 1 })
      yield* AlarmSpec.given(rung)
        .when(Wanted.make({ hours: 2 }))
        .sends()
      yield* set.and(Wanted.make({ hours: 1 }), undefined, rung).fires({ after: "90 minutes" })
    })
  )

  it.effect("tells the reaction what it did in an attempt before", () =>
    AlarmSpec.given(ReactionSpec.replays("bell-a", "RingLater"))
      .when(Wanted.make({ hours: 2 }))
      .fires({ after: "9 hours" })
  )
})
