import { Rpc } from "@effect/rpc"
import { Aggregate, Event } from "daybook"
import { Application } from "daybook/projection"
import { Either, Schema } from "effect"

const Filled = Event.make("Filled", { litres: Schema.Int })

export class Tank extends Aggregate.make("Tank", {
  id: Schema.String,
  state: Schema.Struct({ litres: Schema.Int }),
  initial: { litres: 0 },
  events: [Filled],
  commands: [Rpc.make("Fill", { payload: { litres: Schema.Int }, success: Schema.Int })]
}) {}

const behaviour: Aggregate.BehaviourOf<typeof Tank> = {
  decide: { Fill: ({ litres }) => Either.right([Filled.make({ litres })]) },
  evolve: { Filled: (state, { litres }) => ({ litres: state.litres + litres }) },
  reply: { Fill: ({ litres }) => litres }
}
const tank = Application.aggregate(Tank, behaviour, { public: ["Fill"] })

export const application = Application.make({ name: "tank", aggregates: [tank] })
