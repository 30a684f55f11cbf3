/** The suite of `EventStore` on every store. */
import { Effect } from "effect"
import { describe, it } from "vitest"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import { EventStoreConformance } from "../../src/testing/EventStoreConformance.ts"

describe.each([{ name: "memory", layer: EventStoreMemory.layer }])("EventStore on $name", ({ layer }) => {
  it.each(EventStoreConformance)("$name", ({ run }) => Effect.runPromise(Effect.provide(run, layer)))
})
