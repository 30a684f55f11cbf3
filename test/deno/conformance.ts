/**
 * Every conformance suite on Deno, in memory and on its `node:sqlite`: `deno task test`. The stores and what is under
 * test are those of `test/conformance`; only who runs the cases differs.
 */
import { Effect, Layer, Logger } from "effect"
import { TransferConformance } from "../../src/bank/testing/TransferConformance.ts"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { Neighbours } from "../../src/testing/actor/Neighbours.ts"
import type { Case } from "../../src/testing/Conformance.ts"
import {
  ActorSystemConformance,
  EventStoreConformance,
  JournalConformance,
  ProjectionConformance,
  ReactionConformance,
  SnapshotStoreConformance,
  SubscriptionConformance,
  UpcastConformance
} from "../../src/testing/Suites.ts"
import { SystemUnderTest } from "../../src/testing/SystemUnderTest.ts"
import { temporaryStore } from "../sql/TemporaryFolder.ts"
import { test } from "./DenoTest.ts"

const file = { "node:sqlite": temporaryStore }
const memory = { memory: Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer) }
/** What has read models too, and nothing on a disk. */
const sqliteMemory = { "node:sqlite :memory:": SqliteStore.layer({ filename: ":memory:" }) }
const local = Layer.succeed(SystemUnderTest, {
  layer: (limits) => Layer.provide(ActorSystemLocal.layer, ActorConfig.layer(limits))
})
/** The cases provoke errors that are logged. */
const quiet = Logger.remove(Logger.defaultLogger)

const register = <R, E>(
  subject: string,
  cases: ReadonlyArray<Case<R>>,
  stores: Readonly<Record<string, Layer.Layer<Exclude<R, SystemUnderTest>, E>>>
): void => {
  for (const [store, layer] of Object.entries(stores)) {
    for (const { name, run } of cases) {
      test(`${subject} on ${store}: ${name}`, () =>
        Effect.runPromise(Effect.provide(run, Layer.mergeAll(local, layer, quiet)) as Effect.Effect<void, unknown>))
    }
  }
}

register("EventStore", EventStoreConformance, { ...memory, ...file })
register("journal", JournalConformance, { ...memory, ...file })
register("SnapshotStore", SnapshotStoreConformance, { ...memory, ...file })
register("ActorSystemLocal", [...ActorSystemConformance, ...Neighbours], { ...memory, ...file })
register("old events", UpcastConformance, { ...memory, ...file })
register(
  "projections",
  [...ProjectionConformance, ...SubscriptionConformance, ...ReactionConformance].map(({ name, run }) => ({
    name,
    run: Effect.scoped(run)
  })),
  { ...sqliteMemory, ...file }
)
register("transfers", TransferConformance, { ...sqliteMemory, ...file })
