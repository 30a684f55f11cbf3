/** The suite of the read side on every store that has one. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as ProjectionStoreMemory from "../../src/sql/ProjectionStoreMemory.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { BatchConformance } from "../../src/testing/BatchConformance.ts"
import { ProjectionConformance } from "../../src/testing/ProjectionConformance.ts"
import { SubscriptionConformance } from "../../src/testing/SubscriptionConformance.ts"
import { postgresStore } from "../sql/Postgres.ts"
import { temporaryStore } from "../sql/TemporaryFolder.ts"

const stores = {
  memory: Layer.provideMerge(ProjectionStoreMemory.layer, EventStoreMemory.layer),
  sqlite: temporaryStore,
  "sqlite::memory:": SqliteStore.layer({ filename: ":memory:" }),
  postgres: postgresStore()
}
/** The cases provoke errors that are logged. */
const quiet = Logger.remove(Logger.defaultLogger)

for (const [store, layer] of Object.entries(stores)) {
  describe(`projections on ${store}`, () => {
    for (const { name, run } of [...ProjectionConformance, ...BatchConformance, ...SubscriptionConformance]) {
      it(name, () => run.pipe(Effect.scoped, Effect.provide([layer, quiet]), Effect.runPromise), 30_000)
    }
  })
}
