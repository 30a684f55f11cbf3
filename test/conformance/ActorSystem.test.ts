/** The suites of `ActorSystem` and of its commands on every system and every store. */
import { Effect, Layer, Logger } from "effect"
import { describe, it } from "vitest"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { ActorSystemConformance, SystemUnderTest } from "../../src/testing/ActorSystemConformance.ts"
import { Neighbours } from "../../src/testing/actor/Neighbours.ts"
import { BytesConformance } from "../../src/testing/BytesConformance.ts"
import { CommandConformance } from "../../src/testing/CommandConformance.ts"
import { PrincipalConformance } from "../../src/testing/PrincipalConformance.ts"
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
  describe(`ActorSystemLocal on ${store}`, () => {
    for (const { name, run } of [
      ...ActorSystemConformance,
      ...Neighbours,
      ...CommandConformance,
      ...BytesConformance,
      ...PrincipalConformance
    ]) {
      it(name, () => Effect.runPromise(Effect.provide(run, Layer.mergeAll(local, layer, quiet))))
    }
  })
}
