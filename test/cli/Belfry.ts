/** `Belfry` is an application with timers, for tests of what operators have of them: bells that ring now, or later. */
import { Rpc } from "@effect/rpc"
import { Either, Schema } from "effect"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import * as Application from "../../src/projection/Application.ts"
import * as Reaction from "../../src/projection/Reaction.ts"
import * as Timers from "../../src/projection/Timers.ts"

const Rung = Event.make("Rung", {})
const Asked = Event.make("Asked", { minutes: Schema.Int })

export class Bell extends Aggregate.make("Bell", {
  id: Schema.String,
  state: Schema.Struct({ rung: Schema.Int }),
  initial: { rung: 0 },
  events: [Rung, Asked],
  commands: [
    Rpc.make("Ring", { success: Schema.Int }),
    Rpc.make("RingLater", { payload: { minutes: Schema.Int }, success: Schema.Int })
  ]
}) {}

export const bell = Application.aggregate(
  Bell,
  {
    decide: { Ring: () => Either.right([Rung.make({})]), RingLater: (asked) => Either.right([Asked.make(asked)]) },
    evolve: { Rung: ({ rung }) => ({ rung: rung + 1 }), Asked: (state) => state },
    reply: { Ring: ({ rung }) => rung, RingLater: ({ rung }) => rung }
  },
  { public: ["RingLater"] }
)

const clockwork = Reaction.make({
  name: "clockwork",
  events: [Asked],
  startFrom: "beginning",
  react: ({ event: { minutes }, stored: { streamId } }, commandId) =>
    Timers.schedule(
      streamId,
      { after: `${minutes} minutes`, send: Timers.command(Bell, streamId.slice("bell-".length), "Ring", undefined) },
      { commandId: commandId() }
    )
})

export const belfry = Application.make({
  name: "belfry",
  aggregates: [bell, Timers.part],
  reactions: [clockwork]
})
