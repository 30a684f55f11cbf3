/** What a reaction schedules, as its spec checks it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema } from "effect"
import * as Event from "../../src/core/Event.ts"
import * as Reaction from "../../src/projection/Reaction.ts"
import * as Timers from "../../src/projection/Timers.ts"
import * as ReactionSpec from "../../src/testing/ReactionSpec.ts"
import { Bell } from "../cli/Belfry.ts"

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
