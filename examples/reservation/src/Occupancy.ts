/** `Occupancy` is the read model of shows: how many seats each has, and how many are taken. */
import { SqlClient } from "@effect/sql/SqlClient"
import { Projection, Projections, ReadModels } from "daybook/projection"
import { Effect } from "effect"
import { Show } from "./Show.js"

export const occupancy = Projection.make({
  name: "occupancy",
  version: 1,
  events: Show.events,
  tables: ["occupancy"],
  create: ({ occupancy }) => [
    `CREATE TABLE ${occupancy} (
       show TEXT PRIMARY KEY, title TEXT NOT NULL, seats INTEGER NOT NULL, taken INTEGER NOT NULL, status TEXT NOT NULL)`
  ],
  apply: (batch, tables) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const table = sql(tables.occupancy)
      for (const { event, stored } of batch) {
        const show = stored.streamId.slice("show-".length)
        switch (event._tag) {
          case "Opened":
            yield* sql`INSERT INTO ${table} VALUES (${show}, ${event.title}, ${event.seats}, 0, 'open')`
            break
          case "SeatsTaken":
            yield* sql`UPDATE ${table} SET taken = taken + ${event.seats} WHERE show = ${show}`
            break
          case "SeatsFreed":
            yield* sql`UPDATE ${table} SET taken = taken - ${event.seats} WHERE show = ${show}`
            break
          case "Cancelled":
            yield* sql`UPDATE ${table} SET status = 'cancelled' WHERE show = ${show}`
            break
        }
      }
    })
})

/** The shows with the most free seats first, as new as the position that the caller has seen. */
export const list = (minPosition = 0) =>
  Effect.gen(function* () {
    const projections = yield* Projections
    const models = yield* ReadModels
    yield* projections.awaitPosition(occupancy.name, minPosition)
    const rows = yield* models.query(
      "SELECT show, title, seats, taken, status FROM occupancy ORDER BY seats - taken DESC, show",
      []
    )
    return rows.map(([show, title, seats, taken, status]) => ({
      show: String(show),
      title: String(title),
      seats: Number(seats),
      taken: Number(taken),
      status: String(status)
    }))
  })
