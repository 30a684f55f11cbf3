/** The suites of `ActorSystem` and of its commands on a cluster of one node, whose shards are on PostgreSQL. */
import { EntityId } from "@effect/cluster/EntityId"
import { Sharding } from "@effect/cluster/Sharding"
import { Clock, Context, Effect, FiberRef, HashSet, Layer, Logger, Schedule } from "effect"
import { describe, it } from "vitest"
import * as ActorSystemCluster from "../../src/cluster/ActorSystemCluster.ts"
import * as ClusterNode from "../../src/cluster/ClusterNode.ts"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import { Neighbours } from "../../src/testing/actor/Neighbours.ts"
import { ActorSystemConformance, CommandConformance, PrincipalConformance } from "../../src/testing/Suites.ts"
import { SystemUnderTest } from "../../src/testing/SystemUnderTest.ts"
import { postgresStore, schema } from "../sql/Postgres.ts"
import { freePort } from "./Nodes.ts"

/**
 * The cases move the clock of the actors and break their logger; the node keeps its leases by the true clock, in
 * silence.
 */
const trueClock = Clock.make()

/** When the node holds every shard: until then a command waits for its owner by the clock of the case. */
const whole = (sharding: Sharding["Type"]) => {
  const shards = Array.from({ length: 1_024 }, (_, share) => sharding.getShardId(EntityId.make(`${share}`), "default"))
  return Effect.repeat(
    Effect.sync(() => shards.every((shard) => sharding.hasShardId(shard))),
    { until: (all) => all, schedule: Schedule.spaced("20 millis") }
  )
}

/**
 * A cluster of its own for each system, whose leases outlast each case, however busy the machine: where a case has two,
 * each node believes that it owns every stream, as after a stop past its lease, and only the store is between them.
 */
const node = Layer.scoped(
  Sharding,
  Effect.gen(function* () {
    const url = yield* schema
    const services = yield* Layer.build(
      ClusterNode.layer({ url, host: "127.0.0.1", port: yield* freePort, encodesAll: true, lease: "10 minutes" })
    )
    const sharding = Context.get(services, Sharding)
    yield* whole(sharding)
    return sharding
  }).pipe(Effect.withClock(trueClock), Effect.locally(FiberRef.currentLoggers, HashSet.empty()), Effect.orDie)
)

const system = Layer.succeed(SystemUnderTest, {
  layer: (limits) =>
    // Beyond every jump of a case's clock: here no command is lost on its way.
    ActorSystemCluster.layer({ attemptTimeout: "3650 days", deadline: "3650 days", maxWaiting: 1_000_000 }).pipe(
      Layer.provide(node),
      Layer.provide(ActorConfig.layer(limits))
    )
})
/** The cases provoke errors that the system logs. */
const quiet = Logger.remove(Logger.defaultLogger)

describe("ActorSystemCluster of one node", () => {
  const cases = [...ActorSystemConformance, ...Neighbours, ...CommandConformance, ...PrincipalConformance]
  for (const { name, run } of cases) {
    // A case that takes too long is interrupted, or it would take the time of those behind it too.
    it(name, ({ signal }) =>
      Effect.runPromise(Effect.provide(run, Layer.mergeAll(system, postgresStore(), quiet)), { signal })
    )
  }
})
