/** What a reservation decides. */
import type { Aggregate } from "daybook"
import { Application } from "daybook/projection"
import { Either } from "effect"
import {
  AlreadyRequested,
  Cancelled,
  Collected,
  Confirmed,
  Declined,
  NotOpen,
  Requested,
  Reservation,
  type ReservationState
} from "./Reservation.js"

const answer = ({ seats, status }: ReservationState) => ({ status, seats })

export const behaviour: Aggregate.BehaviourOf<typeof Reservation> = {
  decide: {
    Request: (command, { status }) =>
      status === "none" ? Either.right([Requested.make(command)]) : Either.left(new AlreadyRequested()),
    // The guest may have cancelled meanwhile: then there is nothing to say, and the seats are freed by that.
    Confirm: (_, { status }) => Either.right(status === "requested" ? [Confirmed.make({})] : []),
    Decline: (command, { status }) => Either.right(status === "requested" ? [Declined.make(command)] : []),
    Cancel: (command, { status }) =>
      status === "requested" || status === "confirmed"
        ? Either.right([Cancelled.make(command)])
        : Either.left(new NotOpen({ status })),
    Collect: (_, { status }) =>
      status === "confirmed" ? Either.right([Collected.make({})]) : Either.left(new NotOpen({ status })),
    // The guest may have come, or cancelled, in that moment.
    Lapse: (_, { status }) => Either.right(status === "confirmed" ? [Cancelled.make({ by: "nobody came" })] : [])
  },
  evolve: {
    Requested: (_, { seats, show }) => ({ status: "requested", show, seats }),
    Confirmed: (state) => ({ ...state, status: "confirmed" }),
    Declined: (state) => ({ ...state, status: "declined" }),
    Cancelled: (state) => ({ ...state, status: "cancelled" }),
    Collected: (state) => ({ ...state, status: "collected" })
  },
  reply: { Request: answer, Confirm: answer, Decline: answer, Cancel: answer, Collect: answer, Lapse: answer }
}

export const reservation = Application.aggregate(Reservation, behaviour, {
  public: ["Request", "Cancel", "Collect"],
  statuses: { NotOpen: 410 }
})
