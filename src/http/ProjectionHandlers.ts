/** The answers to requests about projections: how they are, and to build one anew. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect } from "effect"
import type { EventStore } from "../core/EventStore.ts"
import type { Failure } from "../projection/Model.ts"
import type { ProjectionStatus, Trouble } from "../projection/Projections.ts"
import { Projections } from "../projection/Projections.ts"
import { CurrentCommand } from "./Boundary.ts"
import * as Failures from "./Failures.ts"
import * as OnceOnly from "./OnceOnly.ts"
import { Problem } from "./Problem.ts"
import * as RequestBody from "./RequestBody.ts"
import { type ProjectionView, RebuildPlan, ServiceApi } from "./ServiceApi.ts"

/** Without the text of the error, which may quote what is stored: it is in `daybook projections`. */
const failed = ({ attempts, position, streamId, type, version }: Failure) => ({
  position,
  streamId,
  version,
  type,
  attempts
})

const troubled = ({ attempts, position, step, streamId, type, version }: Trouble) => ({
  step,
  position,
  streamId,
  version,
  type,
  attempts
})

const view = (projection: ProjectionStatus): ProjectionView => {
  const { deadLetters, kind, lag, lastError, name, position, rebuild, status } = projection
  return {
    name,
    kind,
    status,
    position,
    lag,
    lastError: lastError === null ? null : troubled(lastError),
    stuck: deadLetters.map(failed),
    rebuild
  }
}

export const layer = HttpApiBuilder.group(ServiceApi, "projections", (handlers) =>
  Effect.gen(function* () {
    const projections = yield* Projections
    const context = yield* Effect.context<EventStore>()
    return handlers
      .handle("list", () =>
        projections.list.pipe(
          Effect.mapBoth({
            onFailure: Failures.storeUnavailable,
            onSuccess: (all) => ({ projections: all.map(view) })
          })
        )
      )
      .handle("rebuild", ({ path: { name }, request }) =>
        Effect.gen(function* () {
          yield* RequestBody.none(request)
          const { commandId } = yield* CurrentCommand
          const plan = Effect.map(projections.requestRebuild(name), ({ events }) => ({ name, events }))
          const { answer, replayed } = yield* OnceOnly.run(
            { commandId, command: "Rebuild", kind: "projection", name },
            RebuildPlan,
            plan
          )
          return HttpServerResponse.unsafeJson(answer, {
            status: 202,
            headers: replayed ? { "idempotency-replayed": "true" } : {}
          })
        }).pipe(
          Effect.provide(context),
          Effect.catchTags({
            UnknownProjection: ({ message }) => Effect.fail(new Problem("projection-not-found", { detail: message })),
            StoreUnavailable: (error) => Effect.fail(Failures.storeUnavailable(error)),
            OutcomeUnknown: (error) => Effect.fail(Failures.outcomeUnknown(error))
          })
        )
      )
  })
)
