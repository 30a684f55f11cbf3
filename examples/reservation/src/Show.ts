/**
 * `Show` is the contract of a show with its seats: events, commands, errors. A client imports this, and no behaviour
 * with it.
 */
import { Rpc } from "@effect/rpc"
import { Aggregate, Event } from "daybook"
import { Schema } from "effect"

/** Version 1 had no title. */
export const Opened = Event.make("Opened", { seats: Schema.Int }).next(
  { title: Schema.String, seats: Schema.Int },
  ({ seats }) => ({ title: "untitled", seats })
)
export const SeatsTaken = Event.make("SeatsTaken", { reservation: Schema.String, seats: Schema.Int })
export const SeatsFreed = Event.make("SeatsFreed", { reservation: Schema.String, seats: Schema.Int })
/** A reservation has an event of this name too. */
export const Cancelled = Event.make("Cancelled", { reason: Schema.String })

export class AlreadyOpen extends Schema.TaggedError<AlreadyOpen>()("AlreadyOpen", {}) {}
export class NotOnSale extends Schema.TaggedError<NotOnSale>()("NotOnSale", {}) {}
export class SoldOut extends Schema.TaggedError<SoldOut>()("SoldOut", { free: Schema.Int }) {}

export const Seats = Schema.Int.pipe(Schema.between(1, 10_000))

export const ShowState = Schema.Struct({
  status: Schema.Literal("none", "open", "cancelled"),
  seats: Schema.Int,
  taken: Schema.Array(Schema.Struct({ reservation: Schema.String, seats: Schema.Int }))
})
export type ShowState = typeof ShowState.Type

export class Show extends Aggregate.make("Show", {
  id: Schema.String.pipe(Schema.pattern(/^[a-z0-9-]{1,40}$/)),
  state: ShowState,
  initial: { status: "none", seats: 0, taken: [] },
  events: [Opened, SeatsTaken, SeatsFreed, Cancelled],
  commands: [
    Rpc.make("Open", { payload: { title: Schema.String, seats: Seats }, success: Schema.Int, error: AlreadyOpen }),
    Rpc.make("Take", {
      payload: { reservation: Schema.String, seats: Seats },
      success: Schema.Int,
      error: Schema.Union(NotOnSale, SoldOut)
    }),
    Rpc.make("Free", { payload: { reservation: Schema.String }, success: Schema.Int }),
    Rpc.make("Cancel", { payload: { reason: Schema.String }, success: Schema.Int, error: NotOnSale })
  ],
  // A show that is not on sale yet may be tomorrow.
  transientErrors: ["NotOnSale"],
  snapshot: { every: 100 }
}) {}
