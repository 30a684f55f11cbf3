/** The suite of `EventStore` on every store. */
import { Effect } from "effect"
import { describe, it } from "vitest"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import { EventStoreConformance } from "../../src/testing/EventStoreConformance.ts"

const stores = { memory: EventStoreMemory.layer }

for (const [store, layer] of Object.entries(stores)) {
  describe(`EventStore on ${store}`, () => {
    for (const { name, run } of EventStoreConformance) it(name, () => Effect.runPromise(Effect.provide(run, layer)))
  })
}
