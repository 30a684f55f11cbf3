/**
 * `PayloadRetention` removes payloads of commands once they are older than `payloadRetention` of `ActorConfig`: a few
 * at a time, so that commands go on, and each time as an operation in the journal. Any number of processes may do it.
 */
import { Clock, Duration, Effect, Layer, LogLevel } from "effect"
import { ActorConfig } from "./ActorConfig.ts"
import { EventStore } from "./EventStore.ts"
import * as FaultLog from "./FaultLog.ts"

/** Removed in one transaction. */
const page = 10_000

/** Between two looks. */
const interval = Duration.hours(1)

/** Removes what is older than this, and gives how many there were. */
export const removeOlder = (age: Duration.DurationInput) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const before = Math.floor((yield* Clock.currentTimeMillis) - Duration.toMillis(age))
    let all = 0
    for (;;) {
      const removed: number = yield* store.removePayloads(before, page)
      all += removed
      if (removed < page) return all
      yield* Effect.yieldNow()
    }
  })

/** Does so every hour while its scope is open, the first time at once. */
export const layer: Layer.Layer<never, never, EventStore> = Layer.scopedDiscard(
  Effect.gen(function* () {
    const { payloadRetention } = yield* ActorConfig
    // Forever is not a number of milliseconds before now.
    if (!Number.isFinite(Duration.toMillis(payloadRetention))) return
    yield* removeOlder(payloadRetention).pipe(
      Effect.catchAllCause((cause) =>
        FaultLog.report(LogLevel.Warning, "old payloads cannot be removed at present", {}, cause)
      ),
      Effect.zipRight(Effect.sleep(interval)),
      Effect.forever,
      Effect.forkScoped
    )
  })
)
