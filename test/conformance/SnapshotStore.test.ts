/** The suite of `SnapshotStore` on every store. */
import { Effect } from "effect"
import { describe, it } from "vitest"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { SnapshotStoreConformance } from "../../src/testing/SnapshotStoreConformance.ts"
import { postgresStore } from "../sql/Postgres.ts"
import { temporaryStore } from "../sql/TemporaryFolder.ts"

const stores = {
  memory: SnapshotStoreMemory.layer,
  sqlite: temporaryStore,
  "sqlite::memory:": SqliteStore.layer({ filename: ":memory:" }),
  postgres: postgresStore()
}

for (const [store, layer] of Object.entries(stores)) {
  describe(`SnapshotStore on ${store}`, () => {
    for (const { name, run } of SnapshotStoreConformance) it(name, () => Effect.runPromise(Effect.provide(run, layer)))
  })
}
