/** What operators do, on every store that has a read side. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as ProjectionStoreMemory from "../../src/sql/ProjectionStoreMemory.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { OperationAtomicity, OperationConformance } from "../../src/testing/OperationConformance.ts"
import { postgresStore } from "../sql/Postgres.ts"
import { temporaryStore } from "../sql/TemporaryFolder.ts"

const stores = {
  memory: Layer.provideMerge(ProjectionStoreMemory.layer, EventStoreMemory.layer),
  sqlite: temporaryStore,
  "sqlite::memory:": SqliteStore.layer({ filename: ":memory:" }),
  postgres: postgresStore()
}

for (const [store, layer] of Object.entries(stores)) {
  describe(`operations on ${store}`, () => {
    const cases = store === "memory" ? OperationConformance : [...OperationConformance, ...OperationAtomicity]
    for (const { name, run } of cases) it(name, () => Effect.runPromise(Effect.provide(run, layer)))
  })
}
