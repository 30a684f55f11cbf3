/**
 * The suites of verified reading on every store. The event store in memory has no rows that anybody could change: there
 * the rows between it and its readers are changed. It has no read side.
 */
import { Layer } from "effect"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import { VerifiedLogConformance, VerifiedReadSideConformance } from "../../src/testing/Suites.ts"
import * as Tampering from "../../src/testing/Tampering.ts"
import { tampered } from "./shared.ts"
import { onEach } from "./stores.ts"

const memory = Layer.merge(
  Layer.effectContext(Tampering.overMemory).pipe(Layer.provide(EventStoreMemory.layer)),
  SnapshotStoreMemory.layer
)

onEach("verified reading", { memory, ...tampered }, VerifiedLogConformance)
onEach("the verified read side", tampered, VerifiedReadSideConformance)
