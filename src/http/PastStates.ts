/** Aggregates as they were, for a service: few such questions at once, and what each of them cannot have as a `Problem`. */
import { Effect } from "effect"
import type { AnyDefinition, Committed } from "../core/Definition.ts"
import { EventStore } from "../core/EventStore.ts"
import type { SnapshotStore } from "../core/SnapshotStore.ts"
import * as TimeTravel from "../core/TimeTravel.ts"
import * as Failures from "./Failures.ts"
import { HttpConfig } from "./HttpConfig.ts"
import { Problem } from "./Problem.ts"

const toProblem = (error: Effect.Effect.Error<ReturnType<typeof TimeTravel.stateAt>>) => {
  switch (error._tag) {
    case "StoreUnavailable":
      return Failures.storeUnavailable(error)
    case "InvalidArgument":
      return Failures.invalidArgument(error)
    case "NoSuchVersion":
      return error.head === 0 ? new Problem("aggregate-not-found") : new Problem("version-not-found")
    default:
      return Failures.damaged(error)
  }
}

export const make = Effect.gen(function* () {
  const context = yield* Effect.context<EventStore | SnapshotStore>()
  const store = yield* EventStore
  const { maxTimeTravels } = yield* HttpConfig
  const permits = yield* Effect.makeSemaphore(maxTimeTravels)

  return (definition: AnyDefinition, id: string, when: TimeTravel.When) =>
    Effect.gen(function* () {
      const found: Committed<unknown> = yield* Effect.mapError(TimeTravel.stateAt(definition, id, when), toProblem)
      if (found.version > 0) return found
      const head = yield* Effect.mapError(store.head(definition.streamId(id)), Failures.ofReading)
      if (head.version === 0) return yield* Effect.fail(new Problem("aggregate-not-found"))
      return yield* Effect.fail(new Problem("version-not-found"))
    }).pipe(permits.withPermits(1), Effect.provide(context))
})
