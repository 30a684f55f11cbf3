/** The suite of old events on every store. */
import { Effect, Layer, Logger } from "effect"
import { describe, it } from "vitest"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { SystemUnderTest } from "../../src/testing/ActorSystemConformance.ts"
import { UpcastConformance } from "../../src/testing/UpcastConformance.ts"
import { postgresStore } from "../sql/Postgres.ts"
import { temporaryStore } from "../sql/TemporaryFolder.ts"

const stores = {
  memory: Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer),
  sqlite: temporaryStore,
  "sqlite::memory:": SqliteStore.layer({ filename: ":memory:" }),
  postgres: postgresStore()
}
const local = Layer.succeed(SystemUnderTest, {
  layer: (limits) => Layer.provide(ActorSystemLocal.layer, ActorConfig.layer(limits))
})
/** The cases provoke errors that the system logs. */
const quiet = Logger.remove(Logger.defaultLogger)

for (const [store, layer] of Object.entries(stores)) {
  describe(`old events on ${store}`, () => {
    for (const { name, run } of UpcastConformance) {
      it(name, () => Effect.runPromise(Effect.provide(run, Layer.mergeAll(local, layer, quiet))))
    }
  })
}
