/** The application: what `main.ts` runs, and what `npx daybook --app dist/src/application.js VERB` takes. */
import { Application } from "daybook/projection"
import { occupancy } from "./Occupancy.js"
import { reservation } from "./ReservationBehaviour.js"
import { seating } from "./Seating.js"
import { show } from "./ShowBehaviour.js"

export const application = Application.make({
  name: "reservation",
  description: "Shows, and reservations for them.",
  aggregates: [show, reservation],
  projections: [occupancy],
  reactions: [seating],
  // Loaded by the server alone.
  http: () => import("./OccupancyHandlers.js").then(({ part }) => part)
})
