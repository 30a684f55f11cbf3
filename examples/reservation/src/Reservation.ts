/** `Reservation` is the contract of what a guest asks for. */
import { Rpc } from "@effect/rpc"
import { Aggregate, Event, StoredForm } from "daybook"
import { Schema } from "effect"
import { Seats } from "./Show.js"

export const Requested = Event.make("Requested", { show: Schema.String, seats: Schema.Int, guest: Schema.String })
export const Confirmed = Event.make("Confirmed", {})
export const Declined = Event.make("Declined", { reason: Schema.String })
/** Of another form than that of a show, and never mixed up with it. */
export const Cancelled = Event.make("Cancelled", { by: Schema.String })
/** The guest was there, and has the tickets. */
export const Collected = Event.make("Collected", {})

export const Status = Schema.Literal("none", "requested", "confirmed", "declined", "cancelled", "collected")
export const ReservationState = Schema.Struct({ status: Status, show: Schema.String, seats: Schema.Int })
export type ReservationState = typeof ReservationState.Type

export class AlreadyRequested extends Schema.TaggedError<AlreadyRequested>()("AlreadyRequested", {}) {}
export class NotOpen extends Schema.TaggedError<NotOpen>()("NotOpen", { status: Status }) {}

/** Version 1 answered the status alone. Answers that were given then are given again in this form. */
const Answer = StoredForm.make({ status: Status }).next({ status: Status, seats: Schema.NullOr(Schema.Int) }, (v1) => ({
  ...v1,
  seats: null
}))

export class Reservation extends Aggregate.make("Reservation", {
  id: Schema.String.pipe(Schema.pattern(/^[a-z0-9-]{1,40}$/)),
  state: ReservationState,
  initial: { status: "none", show: "", seats: 0 },
  events: [Requested, Confirmed, Declined, Cancelled, Collected],
  commands: [
    Rpc.make("Request", {
      payload: { show: Schema.String, seats: Seats, guest: Schema.String },
      success: Answer,
      error: AlreadyRequested
    }),
    Rpc.make("Confirm", { success: Answer }),
    Rpc.make("Decline", { payload: { reason: Schema.String }, success: Answer }),
    Rpc.make("Cancel", { payload: { by: Schema.String }, success: Answer, error: NotOpen }),
    Rpc.make("Collect", { success: Answer, error: NotOpen }),
    // Sent by a timer.
    Rpc.make("Lapse", { success: Answer })
  ]
}) {}
