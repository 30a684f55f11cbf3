/** The suite of transfers on every store. "On memory" is `sqlite::memory:`, which has read models too. */
import { Effect, Layer, Logger } from "effect"
import { describe, it } from "vitest"
import { TransferConformance } from "../../src/bank/testing/TransferConformance.ts"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { SystemUnderTest } from "../../src/testing/ActorSystemConformance.ts"
import { postgresStore } from "../sql/Postgres.ts"
import { temporaryStore } from "../sql/TemporaryFolder.ts"

const stores = {
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
  describe(`transfers on ${store}`, () => {
    for (const { name, run } of TransferConformance) {
      it(name, () => Effect.runPromise(Effect.provide(run, Layer.mergeAll(local, layer, quiet))))
    }
  })
}
