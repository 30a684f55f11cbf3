/** Answers the application's own route. */
import { HttpApiBuilder } from "@effect/platform"
import { Failures, HttpPart } from "daybook/http"
import type { ProjectionStore, Projections } from "daybook/projection"
import { Effect } from "effect"
import * as Occupancy from "./Occupancy.js"
import { OccupancyApi } from "./OccupancyApi.js"

const handlers = HttpApiBuilder.group(OccupancyApi, "occupancy", (handle) =>
  Effect.map(Effect.context<Projections | ProjectionStore>(), (context) =>
    handle.handle("list", ({ urlParams: { minPosition } }) =>
      Occupancy.list(minPosition).pipe(
        // The model is declared where the application is made.
        Effect.catchTag("UnknownProjection", Effect.die),
        Effect.mapError(Failures.ofQuery),
        Effect.map((shows) => ({ shows })),
        Effect.provide(context)
      )
    )
  )
)

export const part = HttpPart.make({ api: OccupancyApi, handlers, description: "Shows, and reservations for them." })
