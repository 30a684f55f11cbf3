/** The suite of `SnapshotStore` on every store. */
import { Effect } from "effect"
import { describe, it } from "vitest"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import { SnapshotStoreConformance } from "../../src/testing/SnapshotStoreConformance.ts"

const stores = { memory: SnapshotStoreMemory.layer }

for (const [store, layer] of Object.entries(stores)) {
  describe(`SnapshotStore on ${store}`, () => {
    for (const { name, run } of SnapshotStoreConformance) it(name, () => Effect.runPromise(Effect.provide(run, layer)))
  })
}
