/**
 * The answers to requests about projections and reactions: how they are, to rebuild one, and what an operator has them
 * do, under the name of the caller's token.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Data, Effect } from "effect"
import { EventStore, type OperationError, type RecordError } from "../core/EventStore.ts"
import * as Operation from "../core/Operation.ts"
import { Principal } from "../core/Principal.ts"
import type { Failure } from "../projection/Model.ts"
import type {
  NothingAbandoned,
  NothingFailed,
  NothingSkipped,
  UnknownProjection,
  WrongKind
} from "../projection/ProjectionError.ts"
import type { ProjectionStatus, Trouble } from "../projection/Projections.ts"
import { Projections } from "../projection/Projections.ts"
import { CurrentCommand } from "./CurrentCommand.ts"
import * as Failures from "./Failures.ts"
import * as OnceOnly from "./OnceOnly.ts"
import * as OperationView from "./OperationView.ts"
import { Problem } from "./Problem.ts"
import { type ProjectionView, RebuildPlan } from "./ProjectionsApi.ts"
import { ServiceApi } from "./ServiceApi.ts"

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

const timeOf = (millis: number | null): string | null => (millis === null ? null : new Date(millis).toISOString())

const view = (projection: ProjectionStatus): ProjectionView => {
  const { abandoned, deadLetters, kind, lag, lastError, name, position, rebuild, skipped, status } = projection
  return {
    name,
    kind,
    status,
    position,
    lag,
    lastError: lastError === null ? null : troubled(lastError),
    stuck: deadLetters.map(failed),
    skipped: skipped.map(({ skippedAt, ...skip }) => ({ ...skip, skippedAt: timeOf(skippedAt) })),
    abandoned: abandoned.map(({ abandonedAt, ...each }) => ({ ...each, abandonedAt: timeOf(abandonedAt) })),
    rebuild
  }
}

type VerbError =
  | OperationError
  | RecordError
  | NothingAbandoned
  | NothingFailed
  | NothingSkipped
  | UnknownProjection
  | WrongKind

/** What a verb answers that did nothing. */
const problemOf = (error: VerbError) => {
  switch (error._tag) {
    case "UnknownProjection":
      return new Problem("projection-not-found", { detail: error.message })
    case "NothingAbandoned":
    case "NothingFailed":
    case "NothingSkipped":
      return new Problem("nothing-to-do", { detail: error.message })
    case "WrongKind":
      return new Problem("wrong-kind", { detail: error.message })
    case "CommandIdReused":
      return new Problem("idempotency-key-reused")
    case "EntryDamaged":
      return Failures.damaged(error)
    case "InvalidArgument":
      return Failures.invalidArgument(error)
    case "StoreUnavailable":
      return Failures.storeUnavailable(error)
    case "OutcomeUnknown":
      return Failures.outcomeUnknown(error)
  }
}

/** Does it as the caller, under the key of the request, and answers with its entry. */
export const operateAs = <E, P>(
  { reason = null }: { readonly reason?: string | null },
  run: (by: Operation.By) => Effect.Effect<Operation.Done, E>,
  toProblem: (error: E) => P
) =>
  Effect.gen(function* () {
    const principal = (yield* Principal)?.name ?? null
    const { commandId: key } = yield* CurrentCommand
    const done = yield* Effect.mapError(run({ principal, reason, key }), toProblem)
    return HttpServerResponse.unsafeJson(OperationView.of(done), {
      status: 202,
      headers: done.replayed ? { "idempotency-replayed": "true" } : {}
    })
  })

const operate = <E extends VerbError>(
  given: { readonly reason?: string | null },
  run: (by: Operation.By) => Effect.Effect<Operation.Done, E>
) => operateAs(given, run, problemOf)

/** Ends the transaction in which a key was looked up. */
class KeyIsFree extends Data.TaggedError("KeyIsFree") {}

/**
 * Refuses a key that the log has: a dry run writes nothing and leaves its key free, so a key in use belongs to another
 * request. It is looked up like the key of any operation, by an operation that is then not done.
 */
const refuseKnownKey = Effect.gen(function* () {
  const { commandId: key, isKeyed } = yield* CurrentCommand
  if (!isKeyed) return
  yield* Operation.run("reactions.abandoning", {}, { key }, Effect.fail(new KeyIsFree())).pipe(
    Effect.catchAll((error) => (error._tag === "KeyIsFree" ? Effect.void : Effect.fail(problemOf(error))))
  )
})

export const reactions = HttpApiBuilder.group(ServiceApi, "reactions", (handlers) =>
  Effect.map(Effect.all([Projections, EventStore]), ([projections, store]) =>
    handlers
      .handle("retry", ({ path: { name }, payload }) =>
        operate(payload, (by) => projections.retry(name, payload.streamId, by))
      )
      .handle("abandon", ({ path: { name }, payload }) =>
        payload.dryRun === true
          ? Effect.zipRight(
              Effect.provideService(refuseKnownKey, EventStore, store),
              Effect.mapError(projections.abandoning(name, payload.streamId), problemOf)
            )
          : operate(payload, (by) => projections.abandon(name, payload.streamId, by))
      )
      .handle("takeUp", ({ path: { name }, payload }) =>
        operate(payload, (by) => projections.takeUp(name, payload.streamId, by))
      )
  )
)

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
      .handle("planRebuild", ({ path: { name } }) =>
        projections.requestRebuild(name, { dryRun: true }).pipe(
          Effect.map(({ alreadyRequested, estimatedSeconds, events }) => ({
            name,
            events,
            estimatedSeconds,
            alreadyRequested
          })),
          Effect.catchTags({
            UnknownProjection: ({ message }) => Effect.fail(new Problem("projection-not-found", { detail: message })),
            StoreUnavailable: (error) => Effect.fail(Failures.storeUnavailable(error)),
            // Nothing is written whose outcome could be unknown.
            OutcomeUnknown: Effect.die
          })
        )
      )
      .handle("rebuild", ({ path: { name }, payload: { reason = null } }) =>
        Effect.gen(function* () {
          const { commandId } = yield* CurrentCommand
          const plan = Effect.map(projections.requestRebuild(name), ({ events }) => ({ name, events }))
          const { answer, replayed } = yield* OnceOnly.run(
            { commandId, command: "Rebuild", kind: "projection", name, reason },
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
      .handle("pause", ({ path: { name }, payload }) => operate(payload, (by) => projections.pause(name, by)))
      .handle("resume", ({ path: { name }, payload }) => operate(payload, (by) => projections.resume(name, by)))
      .handle("retry", ({ path: { name }, payload }) =>
        operate(payload, (by) => projections.retry(name, payload.streamId, by))
      )
      .handle("skip", ({ path: { name }, payload }) =>
        operate(payload, (by) => projections.skip(name, payload.streamId, by))
      )
      .handle("unskip", ({ path: { name }, payload }) =>
        operate(payload, (by) => projections.unskip(name, payload.streamId, by, payload.version))
      )
  })
)
