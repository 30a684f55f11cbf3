/** What the aggregates, the projection and the reaction do, without a server. */
import { test } from "node:test"
import { SqliteStore } from "daybook/sql"
import { AggregateSpec, ProjectionSpec, ReactionSpec } from "daybook/testing"
import { Effect, Layer } from "effect"
import { occupancy } from "../src/Occupancy.js"
import { NotOpen, Requested, Reservation } from "../src/Reservation.js"
import { reservation, behaviour as reservationBehaviour } from "../src/ReservationBehaviour.js"
import { seating } from "../src/Seating.js"
import { Cancelled, Opened, SeatsTaken, Show, SoldOut } from "../src/Show.js"
import { show, behaviour as showBehaviour } from "../src/ShowBehaviour.js"

const ShowSpec = AggregateSpec.make(Show, showBehaviour)
const ReservationSpec = AggregateSpec.make(Reservation, reservationBehaviour)
const OccupancySpec = ProjectionSpec.make(occupancy, SqliteStore.layer({ filename: ":memory:" }))
const SeatingSpec = ReactionSpec.make(seating, Layer.merge(show.layer, reservation.layer))

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
        .sends(["show-hamlet", "Take", 0], ["reservation-anna", "Confirm", 1]),
      SeatingSpec.given(ReactionSpec.refuses("show-hamlet", "Take", new SoldOut({ free: 1 })))
        .when(requested, "reservation-anna")
        .sends(["show-hamlet", "Take", 0], ["reservation-anna", "Decline", 1])
    )
  ))
