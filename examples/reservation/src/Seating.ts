/** `Seating` takes the seats of a show for each reservation, and gives them back when the reservation is cancelled. */
import { Reaction } from "daybook/projection"
import { Effect } from "effect"
import { Cancelled, Requested, Reservation } from "./Reservation.js"
import { Show } from "./Show.js"

const idOf = (streamId: string): string => streamId.slice("reservation-".length)

export const seating = Reaction.make({
  name: "seating",
  startFrom: "beginning",
  // Of reservations alone: shows have an event `Cancelled` too.
  events: [Requested, Reservation.event(Cancelled)],
  // It may run again, after a restart: its commands have ids made of the event, so each has one effect.
  react: ({ event, stored }, commandId) =>
    Effect.gen(function* () {
      const reservation = idOf(stored.streamId)
      const reservations = yield* Reservation
      const shows = yield* Show
      if (event._tag === "Requested") {
        const { seats, show } = event
        yield* shows(show)
          .Take({ reservation, seats }, { commandId: commandId(0) })
          .pipe(
            Effect.matchEffect({
              onSuccess: () => reservations(reservation).Confirm(undefined, { commandId: commandId(1) }),
              onFailure: (error) =>
                error._tag === "SoldOut" || error._tag === "NotOnSale"
                  ? reservations(reservation).Decline({ reason: error._tag }, { commandId: commandId(1) })
                  : // Not a refusal: it is tried again.
                    Effect.fail(error)
            })
          )
      } else {
        const { state } = yield* reservations(reservation).state
        yield* shows(state.show).Free({ reservation }, { commandId: commandId(0) })
      }
    })
})
