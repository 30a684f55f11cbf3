/** The stores and the actor system that every suite is run on: one list, so that a new one is named once. */
import { Effect, Layer, Logger } from "effect"
import { describe, it } from "vitest"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import * as ProjectionStoreMemory from "../../src/sql/ProjectionStoreMemory.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import type { Case } from "../../src/testing/Conformance.ts"
import { SystemUnderTest } from "../../src/testing/SystemUnderTest.ts"
import * as Nats from "../nats/Nats.ts"
import { isLong } from "../Random.ts"
import { postgresStore } from "../sql/Postgres.ts"
import { temporaryStore } from "../sql/TemporaryFolder.ts"

/** All ports over one database. */
export const databases = {
  sqlite: temporaryStore,
  "sqlite::memory:": SqliteStore.layer({ filename: ":memory:" }),
  postgres: postgresStore(),
  nats: Nats.natsStore()
}
/** A log and snapshots. */
export const stores = { memory: Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer), ...databases }
/** A log and what projections need. */
export const readSides = {
  memory: Layer.provideMerge(ProjectionStoreMemory.layer, EventStoreMemory.layer),
  ...databases
}

/** The actors of this process. */
export const local = Layer.succeed(SystemUnderTest, {
  layer: (limits) => Layer.provide(ActorSystemLocal.layer, ActorConfig.layer(limits))
})
/** The cases provoke errors that are logged. */
const quiet = Logger.remove(Logger.defaultLogger)

/**
 * What runs on NATS in `npm test`, where each test waits for a server's disk: the rest is read in a SQLite file, as
 * elsewhere.
 */
const quickOnNats: ReadonlySet<string> = new Set(["EventStore", "SnapshotStore"])

/**
 * Runs each case on each store, which is a new one each time, under the name of both. On NATS where there is a server,
 * and most suites with `DAYBOOK_LONG=1` alone.
 */
export const onEach = <R, S, E>(
  subject: string,
  stores: Readonly<Record<string, Layer.Layer<S, E>>>,
  cases: ReadonlyArray<Case<R & (S | SystemUnderTest)>>
): void => {
  for (const [store, layer] of Object.entries(stores)) {
    const isLeftOut = store === "nats" && !(Nats.isThere && (isLong || quickOnNats.has(subject)))
    describe.skipIf(isLeftOut)(`${subject} on ${store}`, () => {
      for (const { name, run } of cases) {
        it(name, () => run.pipe(Effect.provide(Layer.mergeAll(local, layer, quiet)), Effect.scoped, Effect.runPromise))
      }
    })
  }
}
