/** The application: what `main.ts` runs, and what `npx daybook --app dist/src/application.js VERB` takes. */
import { Application, Timers } from "daybook/projection"
import { occupancy } from "./Occupancy.js"
import { reservation } from "./ReservationBehaviour.js"
import { seating } from "./Seating.js"
import { show } from "./ShowBehaviour.js"

export const application = Application.make({
  name: "reservation",
  description: "Shows, and reservations for them.",
  aggregates: [show, reservation, Timers.part],
  projections: [occupancy],
  reactions: [seating],
  // How the console calls its things, and which of their parts it lists.
  console: {
    title: "Reservations",
    aggregates: {
      Show: {
        plural: "Shows",
        numbers: [{ path: "seats", title: "Seats" }],
        columns: [
          { path: "status", title: "Status" },
          { path: "seats", title: "Seats" }
        ]
      },
      Reservation: {
        plural: "Reservations",
        numbers: [{ path: "seats", title: "Seats" }],
        columns: [
          { path: "show", title: "Show" },
          { path: "seats", title: "Seats" },
          { path: "status", title: "Status" }
        ]
      }
    }
  },
  // Loaded by the server alone.
  http: () => import("./OccupancyHandlers.js").then(({ part }) => part)
})
