/** The read models that this program keeps, and how a verb that wrote events leaves them. */
import { Effect } from "effect"
import * as AccountSummary from "../bank/account/AccountSummary.ts"
import { EventStore } from "../core/EventStore.ts"
import type { Any } from "../projection/Projection.ts"
import { Projections } from "../projection/Projections.ts"
import * as ProjectionsLocal from "../projection/ProjectionsLocal.ts"

export const projections: ReadonlyArray<Any> = [AccountSummary.projection]

/** Runs them while its scope is open. */
export const layer = ProjectionsLocal.layer(projections)

/** Looks and asks, beside a process that runs them. */
export const layerObserver = ProjectionsLocal.layerObserver(projections)

/** Brings one to a position, unless it waits for an operator. */
const settle = (name: string, position: number): Effect.Effect<void, unknown, Projections> =>
  Effect.flatMap(Projections, (running) =>
    running.awaitPosition(name, position, "1 second").pipe(
      Effect.asVoid,
      Effect.catchTag("ViewBehind", () =>
        Effect.flatMap(running.status(name), ({ status }) =>
          status === "halted" || status === "paused" || status === "ahead"
            ? Effect.logWarning(`the read model ${name} is ${status}; see \`daybook projections\``)
            : settle(name, position)
        )
      )
    )
  )

/** Brings all of them to where the log ends now. */
export const catchUp = Effect.gen(function* () {
  const position = yield* Effect.flatMap(EventStore, (store) => store.lastPosition)
  yield* Effect.forEach(projections, ({ name }) => settle(name, position), { discard: true })
}).pipe(Effect.provide(layer))
