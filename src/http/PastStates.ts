/**
 * Aggregates as they were, for a service: few such questions at once, few that wait, and what each of them cannot have
 * as a `Problem`.
 */
import { Effect, Option } from "effect"
import type { Committed, Definition } from "../core/Definition.ts"
import { EventStore } from "../core/EventStore.ts"
import type { SnapshotStore } from "../core/SnapshotStore.ts"
import * as TimeTravel from "../core/TimeTravel.ts"
import * as Failures from "./Failures.ts"
import { HttpConfig } from "./HttpConfig.ts"
import * as Places from "./Places.ts"

/** `missing` is the problem of an aggregate that has no event. */
export const make = <P>(missing: () => P) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<EventStore | SnapshotStore | Places.Places>()
    const store = yield* EventStore
    const { maxTimeTravels } = yield* HttpConfig
    const permits = yield* Effect.makeSemaphore(maxTimeTravels)

    /** None where its first event came later. */
    return <S, E extends { readonly _tag: string }>(definition: Definition<S, E>, id: string, when: TimeTravel.When) =>
      Effect.gen(function* () {
        const found = yield* Effect.mapError(TimeTravel.stateAt(definition, id, when), Failures.ofPast(missing))
        if (found.version > 0) return Option.some<Committed<S>>(found)
        const head = yield* Effect.mapError(store.head(definition.streamId(id)), Failures.ofReading)
        return head.version === 0 ? yield* Effect.fail(missing()) : Option.none()
      }).pipe(permits.withPermits(1), Places.waiting, Effect.provide(context))
  })
