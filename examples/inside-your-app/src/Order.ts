import { Rpc } from "@effect/rpc"
import { Aggregate, Event } from "daybook"
import { Application } from "daybook/projection"
import { Either, Schema } from "effect"

const Placed = Event.make("Placed", { item: Schema.String, pieces: Schema.Int })

export class AlreadyPlaced extends Schema.TaggedError<AlreadyPlaced>()("AlreadyPlaced", {}) {}

export class Order extends Aggregate.make("Order", {
  id: Schema.String,
  state: Schema.Struct({ pieces: Schema.Int }),
  initial: { pieces: 0 },
  events: [Placed],
  commands: [
    Rpc.make("Place", {
      payload: { item: Schema.String, pieces: Schema.Int },
      success: Schema.Int,
      error: AlreadyPlaced
    })
  ]
}) {}

const order = Application.aggregate(Order, {
  decide: {
    Place: (payload, { pieces }) =>
      pieces > 0 ? Either.left(new AlreadyPlaced()) : Either.right([Placed.make(payload)])
  },
  evolve: { Placed: (_, { pieces }) => ({ pieces }) },
  reply: { Place: ({ pieces }) => pieces }
})

export const application = Application.make({ name: "shop", aggregates: [order] })
