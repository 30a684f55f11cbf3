/** The answers to requests about projections: how they are, and to build one anew. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import type { Failure } from "../projection/Model.ts"
import type { ProjectionStatus, Trouble } from "../projection/Projections.ts"
import { Projections } from "../projection/Projections.ts"
import * as Failures from "./Failures.ts"
import { Problem } from "./Problem.ts"
import * as RequestBody from "./RequestBody.ts"
import { type ProjectionView, ServiceApi } from "./ServiceApi.ts"

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
  Effect.map(Projections, (projections) =>
    handlers
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
          const { events } = yield* projections.requestRebuild(name)
          return { name, events }
        }).pipe(
          Effect.catchTags({
            UnknownProjection: ({ message }) => Effect.fail(new Problem("projection-not-found", { detail: message })),
            StoreUnavailable: (error) => Effect.fail(Failures.storeUnavailable(error)),
            OutcomeUnknown: (error) => Effect.fail(Failures.outcomeUnknown(error))
          })
        )
      )
  )
)
