/** A decision that takes longer than an attempt, asked by two nodes: it runs once, and both get its answer (NB3). */
import { Sharding } from "@effect/cluster/Sharding"
import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Fiber, Layer, Logger, Option, Schema, TestClock } from "effect"
import * as ActorSystemCluster from "../../src/cluster/ActorSystemCluster.ts"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import { ActorSystem } from "../../src/core/ActorSystem.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"

const Rung = Event.make("Rung", {})
class Bell extends Aggregate.make("Bell", {
  id: Schema.String,
  state: Schema.Int,
  initial: 0,
  events: [Rung],
  commands: [Rpc.make("Ring", { success: Schema.Int })]
}) {}

type Serve = (message: { readonly payload: unknown }) => Effect.Effect<unknown>

/** Shards of two nodes, of which the first owns every stream. Messages are not encoded. */
const shards = () => {
  let owner: Serve | undefined
  return {
    registerEntity: (_: unknown, handlers: Effect.Effect<{ readonly Ask: Serve }>) =>
      Effect.map(handlers, ({ Ask }) => {
        owner ??= Ask
      }),
    getShardId: () => "one",
    hasShardId: () => true,
    makeClient: () => Effect.succeed(() => ({ Ask: (payload: unknown) => owner?.({ payload }) ?? Effect.never }))
  } as unknown as Sharding["Type"]
}

const ring = { commandId: "one" }

/** Two nodes over one log. What `decide` does is the case's. */
const twoNodes = Effect.fnUntraced(function* (decide: Effect.Effect<void>, options: ActorSystemCluster.ClusterOptions) {
  const stores = Layer.succeedContext(
    yield* Layer.build(Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer))
  )
  const sharding = Layer.succeed(Sharding, shards())
  const node = Effect.gen(function* () {
    const cluster = ActorSystemCluster.layer(options).pipe(
      Layer.provide(sharding),
      Layer.provide(ActorConfig.layer({ decideTimeout: Duration.seconds(20) }))
    )
    const system = Layer.succeed(
      ActorSystem,
      Context.get(yield* Layer.build(Layer.provide(cluster, stores)), ActorSystem)
    )
    const layer = Bell.toLayer({
      decide: { Ring: () => Effect.as(decide, [Rung.make({})]) },
      evolve: { Rung: (count) => count + 1 },
      reply: { Ring: (count) => count }
    })
    return Context.get(yield* Layer.build(Layer.provide(layer, system)), Bell)("a")
  })
  const store = Context.get(yield* Layer.build(stores), EventStore)
  return { nodes: [yield* node, yield* node] as const, store }
})

describe("a decision that is longer than an attempt", () => {
  it.scoped("runs once, and answers every attempt of both nodes that ask (NB3)", () =>
    Effect.gen(function* () {
      let runs = 0
      const go = yield* Deferred.make<void>()
      const { nodes, store } = yield* twoNodes(
        Effect.suspend(() => {
          runs++
          return Deferred.await(go)
        }),
        { attemptTimeout: "500 millis", deadline: "60 seconds" }
      )
      const asked = yield* Effect.forEach(nodes, (node) => Effect.fork(node.Ring(undefined, ring)))
      yield* Effect.repeatN(TestClock.adjust("250 millis"), 40)
      yield* Deferred.succeed(go, undefined)
      // The attempts that run now end with the answer; one that was given up just before is asked again.
      yield* Effect.repeatN(TestClock.adjust("250 millis"), 20)
      assert.deepStrictEqual(yield* Effect.forEach(asked, Fiber.join), [1, 1])
      assert.strictEqual(runs, 1)
      assert.strictEqual(yield* store.lastPosition, 1)
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
  )

  it.scoped("runs once where it does not end, and is answered with that", () =>
    Effect.gen(function* () {
      let runs = 0
      const started = yield* Deferred.make<void>()
      const { nodes } = yield* twoNodes(
        Effect.suspend(() => {
          runs++
          return Effect.zipRight(Deferred.succeed(started, undefined), Effect.never)
        }),
        { attemptTimeout: "500 millis", deadline: "60 seconds" }
      )
      const asked = yield* Effect.fork(Effect.flip(nodes[0].Ring(undefined, ring)))
      // Not before: a clock that moves on while the command is on its way would have nothing to end.
      yield* Deferred.await(started)
      const later = Effect.zipRight(TestClock.adjust("250 millis"), Fiber.poll(asked))
      yield* Effect.repeat(later, { until: Option.isSome })
      assert.strictEqual((yield* Fiber.join(asked))._tag, "DecisionTimedOut")
      assert.strictEqual(runs, 1)
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
  )
})
