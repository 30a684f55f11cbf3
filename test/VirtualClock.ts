/**
 * A clock that stands until it is moved, and then wakes those who sleep in their order, each when the others have come
 * to rest.
 */
import { Clock, Duration, Effect } from "effect"

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

export const make = () => {
  let now = 0
  const sleepers = new Set<Sleeper>()
  const clock: Clock.Clock = {
    ...Clock.make(),
    unsafeCurrentTimeMillis: () => now,
    unsafeCurrentTimeNanos: () => BigInt(now) * 1_000_000n,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
    sleep: (duration) =>
      Effect.async<void>((resume) => {
        const sleeper = { at: now + Math.ceil(Duration.toMillis(duration)), wake: () => resume(Effect.void) }
        sleepers.add(sleeper)
        return Effect.sync(() => sleepers.delete(sleeper))
      })
  }
  // Fibers go on in microtasks and now and then in a task.
  const rest = Effect.promise(async () => {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  })
  const pass = (millis: number) =>
    Effect.gen(function* () {
      const end = now + Math.round(millis)
      for (;;) {
        yield* rest
        const [next] = [...sleepers].sort((left, right) => left.at - right.at)
        if (next === undefined || next.at > end) break
        now = Math.max(now, next.at)
        for (const sleeper of sleepers) {
          if (sleeper.at > now) continue
          sleepers.delete(sleeper)
          sleeper.wake()
        }
      }
      now = end
    })
  return { clock, pass }
}
