/** Readiness asks the store again a second later, whatever the clock on the wall says meanwhile. */
import { assert, it } from "@effect/vitest"
import { type Clock, Effect, Layer, TestClock } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import { StoreUnavailable } from "../../src/core/StoreError.ts"
import * as Readiness from "../../src/http/Readiness.ts"

it.effect("a wall clock that is set back by a day keeps no answer for that day", () =>
  Effect.clockWith((inner) => {
    let offset = 2 * 86_400_000
    const unsafeCurrentTimeMillis = () => inner.unsafeCurrentTimeMillis() + offset
    const currentTimeMillis = Effect.sync(unsafeCurrentTimeMillis)
    const wall: Clock.Clock = Object.assign(Object.create(inner), {
      unsafeCurrentTimeMillis,
      currentTimeMillis,
      unsafeCurrentTimeNanos: () => inner.unsafeCurrentTimeNanos()
    })

    let isDown = true
    const down = new StoreUnavailable({ operation: "append", cause: new Error("injected") })
    const faulty = Layer.effect(
      EventStore,
      Effect.map(EventStore, (inner) => ({
        ...inner,
        append: (requests: Parameters<typeof inner.append>[0]) =>
          Effect.suspend(() => (isDown ? down : inner.append(requests)))
      }))
    ).pipe(Layer.provide(EventStoreMemory.layer))
    const program = Effect.gen(function* () {
      const { isReady, noteFault } = yield* Readiness.Readiness
      assert.isFalse(yield* isReady)
      isDown = false
      // An answer holds for a second.
      assert.isFalse(yield* isReady)
      offset -= 86_400_000
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(yield* isReady)
      yield* noteFault
      assert.isFalse(yield* isReady)
      offset -= 86_400_000
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(yield* isReady)
    })
    return program.pipe(Effect.provide(Layer.provide(Readiness.layer, faulty)), Effect.withClock(wall))
  })
)
