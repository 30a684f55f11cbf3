/**
 * `Elapsed` is the clock for all that waits: it only goes forward, while the clock on the wall may be set back by a
 * day.
 */
import { type Clock, Effect } from "effect"

/** Milliseconds since an arbitrary moment: only differences mean anything. */
export const of = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6

export const millis: Effect.Effect<number> = Effect.clockWith((clock) => Effect.succeed(of(clock)))
