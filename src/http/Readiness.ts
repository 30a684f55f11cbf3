/**
 * `Readiness` says whether the service can take commands now: the store takes a commit, and the last command did not
 * fail because of the store. Asked again and again, it asks the store once a second.
 */
import { Context, Duration, Effect, Layer } from "effect"
import * as Elapsed from "../core/Elapsed.ts"
import { EventStore } from "../core/EventStore.ts"
import type { StreamId } from "../core/StreamId.ts"

/** How long an answer holds, and how long a failed command is remembered: then the next one may try. */
const validity = Duration.seconds(1)
/** Longest wait for the store. */
const patience = Duration.seconds(2)

/** No event is ever stored in it: the append takes the store's lock and commits nothing. */
const stream = "readiness" as StreamId

/** Whether commands can be stored, as `GET /health/ready` says. */
export class Readiness extends Context.Tag("daybook/http/Readiness")<
  Readiness,
  {
    readonly isReady: Effect.Effect<boolean>
    /** A command could not be stored, or not be known to be. */
    readonly noteFault: Effect.Effect<void>
  }
>() {}

export const layer: Layer.Layer<Readiness, never, EventStore> = Layer.effect(
  Readiness,
  Effect.gen(function* () {
    const store = yield* EventStore
    let faultAt = Number.NEGATIVE_INFINITY
    const probe = store
      .append([{ streamId: stream, expectedVersion: "any", commands: [] }])
      .pipe(Effect.timeout(patience), Effect.match({ onFailure: () => false, onSuccess: () => true }))
    // How long it holds is measured here: by the clock on the wall it might hold for a day.
    const [cached, forget] = yield* Effect.cachedInvalidateWithTTL(probe, Duration.infinity)
    let askedAt = Number.NEGATIVE_INFINITY
    const isRecent = (now: number, at: number) => now - at < Duration.toMillis(validity)
    return {
      isReady: Effect.flatMap(Elapsed.millis, (now) => {
        if (isRecent(now, faultAt)) return Effect.succeed(false)
        if (isRecent(now, askedAt)) return cached
        askedAt = now
        return Effect.zipRight(forget, cached)
      }),
      noteFault: Effect.map(Elapsed.millis, (now) => {
        faultAt = now
      })
    }
  })
)
