/**
 * `Seating` takes the seats of a show for each reservation, and gives them back when the reservation is cancelled. Who
 * does not collect the tickets in time loses them, by a timer.
 */
import { Reaction, Timers } from "daybook/projection"
import { Effect } from "effect"
import { Cancelled, Collected, Requested, Reservation } from "./Reservation.js"
import { Show } from "./Show.js"

const idOf = (streamId: string): string => streamId.slice("reservation-".length)

const timerOf = (reservation: string): string => `pick-up of ${reservation}`

export const seating = Reaction.make({
  name: "seating",
  startFrom: "beginning",
  // Of reservations alone: shows have an event `Cancelled` too.
  events: [Requested, Collected, Reservation.event(Cancelled)],
  // It may run again, after a restart: its commands have ids made of the event, so each has one effect.
  react: ({ event, stored }, commandId) =>
    Effect.gen(function* () {
      const reservation = idOf(stored.streamId)
      const reservations = yield* Reservation
      const shows = yield* Show
      if (event._tag === "Requested") {
        const { seats, show } = event
        const confirm = Effect.zipRight(
          Timers.schedule(
            timerOf(reservation),
            { after: "20 minutes", send: Timers.command(Reservation, reservation, "Lapse", undefined) },
            { commandId: commandId(2) }
          ),
          reservations(reservation).Confirm(undefined, { commandId: commandId(1) })
        )
        yield* shows(show)
          .Take({ reservation, seats }, { commandId: commandId(0) })
          .pipe(
            Effect.matchEffect({
              onSuccess: () => confirm,
              onFailure: (error) =>
                error._tag === "SoldOut" || error._tag === "NotOnSale"
                  ? reservations(reservation).Decline({ reason: error._tag }, { commandId: commandId(1) })
                  : // Not a refusal: it is tried again.
                    Effect.fail(error)
            })
          )
      } else {
        yield* Timers.cancel(timerOf(reservation), { commandId: commandId(1) })
        if (event._tag === "Collected") return
        const { state } = yield* reservations(reservation).state
        yield* shows(state.show).Free({ reservation }, { commandId: commandId(0) })
      }
    })
})
