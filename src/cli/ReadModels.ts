/** How a verb that wrote events leaves the read models of the application. */
import { Effect } from "effect"
import { EventStore } from "../core/EventStore.ts"
import type { Application } from "../projection/Application.ts"
import { Projections } from "../projection/Projections.ts"
import * as ProjectionsLocal from "../projection/ProjectionsLocal.ts"

/** Brings one to a position, unless it waits for an operator. */
const bringTo = (name: string, position: number): Effect.Effect<void, unknown, Projections> =>
  Effect.flatMap(Projections, (running) =>
    running.awaitPosition(name, position, "1 second").pipe(
      Effect.asVoid,
      Effect.catchTag("ViewBehind", () =>
        Effect.flatMap(running.status(name), ({ status }) =>
          status === "halted" || status === "paused" || status === "ahead"
            ? Effect.logWarning(`the read model ${name} is ${status}; see \`daybook projections\``)
            : bringTo(name, position)
        )
      )
    )
  )

/** Brings all of them to where the log ends now. */
export const catchUp = ({ projections }: Application) =>
  Effect.gen(function* () {
    const position = yield* Effect.flatMap(EventStore, (store) => store.lastPosition)
    yield* Effect.forEach(projections, ({ name }) => bringTo(name, position), { discard: true })
  }).pipe(Effect.provide(ProjectionsLocal.layer(projections)))
