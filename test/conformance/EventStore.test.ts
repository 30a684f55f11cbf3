/** The suites of `EventStore` and of its journal on every store. */
import { Effect } from "effect"
import { describe, it } from "vitest"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { EventStoreConformance } from "../../src/testing/EventStoreConformance.ts"
import { JournalConformance } from "../../src/testing/JournalConformance.ts"
import { postgresStore } from "../sql/Postgres.ts"
import { temporaryStore } from "../sql/TemporaryFolder.ts"

const stores = {
  memory: EventStoreMemory.layer,
  sqlite: temporaryStore,
  "sqlite::memory:": SqliteStore.layer({ filename: ":memory:" }),
  postgres: postgresStore()
}

for (const [store, layer] of Object.entries(stores)) {
  describe(`EventStore on ${store}`, () => {
    for (const { name, run } of [...EventStoreConformance, ...JournalConformance]) {
      it(name, () => Effect.runPromise(Effect.provide(run, layer)))
    }
  })
}
