/** An actor whose store takes appends as calls: what becomes of its commands where such a call goes wrong. */
import { it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import { expect } from "vitest"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import { type Append, EventStore } from "../../src/core/EventStore.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import { add, behaviour, Counter, tagOf } from "../../src/testing/actor/Counter.ts"

type Direct = NonNullable<Append["direct"]>

/** Runs the commands on an actor of a store in memory whose first direct append is another one. */
const withFirst = <A, E>(
  first: (direct: Direct) => Direct,
  program: Effect.Effect<A, E, Effect.Effect.Context<ReturnType<typeof add>>>
) => {
  const store = Layer.map(EventStoreMemory.layer, (context) => {
    const { append, ...store } = EventStore.pipe(Effect.provide(context), Effect.runSync)
    const direct: Direct = ({ place, requests }, answered) => {
      Effect.runFork(append(requests, place)).addObserver(answered)
    }
    let count = 0
    const broken: Direct = (...asked) => (count++ === 0 ? first(direct) : direct)(...asked)
    const asEffect: Append = () => Effect.die("an actor of this store appends by calls")
    return EventStore.context({ ...store, append: Object.assign(asEffect, { direct: broken }) })
  })
  const limits = ActorConfig.layer({ appendTimeout: Duration.millis(50), minBackoff: Duration.millis(1) })
  return program.pipe(
    Effect.provide(Counter.toLayer(behaviour())),
    Effect.provide(ActorSystemLocal.layer),
    Effect.provide(Layer.mergeAll(store, SnapshotStoreMemory.layer, limits))
  )
}

const thenGoesOn = (tag: string) =>
  Effect.gen(function* () {
    expect(yield* tagOf(add("a", 1))).toBe(tag)
    // First from another actor, then from the same one.
    expect((yield* add("b", 1)).count).toBe(1)
    expect((yield* add("a", 2)).count).toBe(2)
  })

it.live("a call that throws is a defect of the store: its commands have no known outcome, and the actor goes on", () =>
  withFirst(
    () => () => {
      throw new Error("injected")
    },
    thenGoesOn("OutcomeUnknown")
  )
)

it.live("what a call answers too late changes nothing", () => {
  let late: (() => void) | undefined
  return withFirst(
    (direct) => (asked, answered) => {
      late = () => direct(asked, answered)
    },
    Effect.gen(function* () {
      yield* thenGoesOn("OutcomeUnknown")
      late?.()
      yield* Effect.sleep("1 millis")
      expect((yield* add("a", 2)).count).toBe(4)
    })
  )
})
