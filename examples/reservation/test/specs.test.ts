/** What the aggregates, the projection and the reaction do, without a server. */
import { test } from "node:test"
import { Timers } from "daybook/projection"
import { SqliteStore } from "daybook/sql"
import { AggregateSpec, ProjectionSpec, ReactionSpec } from "daybook/testing"
import { Effect, Layer } from "effect"
import { occupancy } from "../src/Occupancy.js"
import {
  Collected,
  Confirmed,
  NotOpen,
  Requested,
  Reservation,
  Cancelled as ReservationCancelled
} from "../src/Reservation.js"
import { reservation, behaviour as reservationBehaviour } from "../src/ReservationBehaviour.js"
import { seating } from "../src/Seating.js"
import { Cancelled, Opened, SeatsTaken, Show, SoldOut } from "../src/Show.js"
import { show, behaviour as showBehaviour } from "../src/ShowBehaviour.js"

const ShowSpec = AggregateSpec.make(Show, showBehaviour)
const ReservationSpec = AggregateSpec.make(Reservation, reservationBehaviour)
const OccupancySpec = ProjectionSpec.make(occupancy, SqliteStore.layer({ filename: ":memory:" }))
const SeatingSpec = ReactionSpec.make(seating, Layer.mergeAll(show.layer, reservation.layer, Timers.part.layer))

const opened = Opened.make({ title: "Hamlet", seats: 3 })
const requested = Requested.make({ show: "hamlet", seats: 2, guest: "Anna" })

test("a show takes as many as it has seats", () =>
  Effect.runPromise(
    ShowSpec.given(opened)
      .when("Take", { reservation: "anna", seats: 2 })
      .when("Take", { reservation: "bert", seats: 2 })
      .failsWith(SoldOut, { free: 1 })
  ))

test("a reservation is cancelled once", () =>
  Effect.runPromise(
    ReservationSpec.given(requested).when("Cancel", { by: "Anna" }).when("Cancel", { by: "Anna" }).failsWith(NotOpen)
  ))

test("the model has what is taken, and what is cancelled", () =>
  Effect.runPromise(
    OccupancySpec.given(
      { event: opened, streamId: "show-hamlet" },
      { event: SeatsTaken.make({ reservation: "anna", seats: 2 }), streamId: "show-hamlet" },
      { event: Cancelled.make({ reason: "rain" }), streamId: "show-hamlet" }
    ).gives({ occupancy: [["hamlet", "Hamlet", 3, 2, "cancelled"]] })
  ))

test("seats are taken, then the reservation is confirmed; without seats it is declined", () =>
  Effect.runPromise(
    Effect.zipRight(
      SeatingSpec.given()
        .when(requested, "reservation-anna")
        .sends(
          ["show-hamlet", "Take", 0],
          ["timer-pick-up of anna", "Schedule", 2],
          ["reservation-anna", "Confirm", 1]
        ),
      SeatingSpec.given(ReactionSpec.refuses("show-hamlet", "Take", new SoldOut({ free: 1 })))
        .when(requested, "reservation-anna")
        .sends(["show-hamlet", "Take", 0], ["reservation-anna", "Decline", 1])
    )
  ))

test("who does not collect the tickets in 20 minutes loses them", () =>
  Effect.runPromise(
    Effect.zipRight(
      SeatingSpec.given()
        .when(requested, "reservation-anna")
        .schedules({ key: "pick-up of anna", after: "20 minutes", sends: ["reservation-anna", "Lapse"] }),
      ReservationSpec.given(requested, Confirmed.make({}))
        .when("Lapse", undefined)
        .emits(ReservationCancelled.make({ by: "nobody came" }))
    )
  ))

test("the timer of collected tickets does not fire, and would do nothing", () =>
  Effect.runPromise(
    Effect.zipRight(
      SeatingSpec.given().when(Collected.make({}), "reservation-anna").sends(["timer-pick-up of anna", "Cancel", 1]),
      ReservationSpec.given(requested, Confirmed.make({}), Collected.make({})).when("Lapse", undefined).emits()
    )
  ))
