/** What the actor runtime counts: each command once, under how it ended. */

import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Either, Layer, Logger, Metric, MetricState, Schema } from "effect"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}
const Ended = Event.make("Ended", { by: Schema.Int })

class Metered extends Aggregate.make("Metered", {
  id: Schema.String,
  state: Schema.Int,
  initial: 0,
  events: [Ended],
  commands: [Rpc.make("End", { payload: { how: Schema.String }, success: Schema.Int, error: Refused })]
}) {}

const MeteredLive = Metered.toLayer({
  decide: {
    End: ({ how }) => {
      if (how === "refusal") return Either.left(new Refused())
      if (how === "defect") throw new Error("poison")
      return Either.right([Ended.make({ by: how === "unencodable" ? 0.5 : 1 })])
    }
  },
  evolve: { Ended: (count) => count + 1 },
  reply: {
    End: (count) => {
      if (count === 2) throw new Error("cannot reply")
      return count
    }
  }
}).pipe(
  Layer.provide(ActorSystemLocal.layer),
  Layer.provide(Layer.mergeAll(EventStoreMemory.layer, SnapshotStoreMemory.layer)),
  Layer.provide(ActorConfig.layer({ minBackoff: Duration.zero })),
  Layer.provide(Logger.remove(Logger.defaultLogger))
)

const counts = Effect.map(Metric.snapshot, (pairs) => {
  const found: Record<string, number> = {}
  for (const { metricKey, metricState } of pairs) {
    if (metricKey.name !== "daybook.commands" || !MetricState.isCounterState(metricState)) continue
    const tags = new Map(metricKey.tags.map(({ key, value }) => [key, value]))
    if (tags.get("aggregate") === "Metered") found[tags.get("outcome") ?? ""] = Number(metricState.count)
  }
  return found
})

describe("daybook.commands", () => {
  it.effect("counts each command once, under how it ended", () =>
    Effect.gen(function* () {
      const one = (yield* Metered)("a")
      yield* one.End({ how: "success" }, { commandId: "c" })
      yield* one.End({ how: "success" }, { commandId: "c" })
      yield* Effect.exit(one.End({ how: "refusal" }, { commandId: "r" }))
      yield* Effect.exit(one.End({ how: "refusal" }))
      yield* Effect.exit(one.End({ how: "defect" }))
      // Its reply throws.
      yield* Effect.exit(one.End({ how: "success" }))
      yield* Effect.exit(one.End({ how: "success" }, { expectedVersion: 7 }))
      yield* Effect.exit(one.End({ how: "unencodable" }))
      yield* Effect.exit(one.End({ how: "other" }, { commandId: "c" }))
      assert.deepStrictEqual(yield* counts, { success: 1, replayed: 1, refusal: 2, defect: 2, error: 3 })
    }).pipe(Effect.provide(MeteredLive))
  )
})

describe("a metric that throws (NB5)", () => {
  it.effect("costs its own figure, and no command its answer", () =>
    Effect.gen(function* () {
      const one = (yield* Metered)("a")
      // So that all of them are there.
      yield* one.End({ how: "success" })
      const hooks = (yield* Metric.snapshot)
        .filter(({ metricKey }) => metricKey.name.startsWith("daybook."))
        .map(({ metricKey }): { update: unknown } => Metric.globalMetricRegistry.get(metricKey))
      const updates = hooks.map((hook) => hook.update)
      assert.isNotEmpty(hooks)
      yield* Effect.acquireUseRelease(
        Effect.sync(() => {
          for (const hook of hooks) {
            hook.update = () => {
              throw new Error("a registry that throws")
            }
          }
        }),
        () => Effect.flatMap(Metered, (all) => all("b").End({ how: "success" })),
        () =>
          Effect.sync(() => {
            for (const [index, hook] of hooks.entries()) hook.update = updates[index]
          })
      )
    }).pipe(Effect.provide(MeteredLive))
  )
})
