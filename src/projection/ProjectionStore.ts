/**
 * `ProjectionStore` is all that the read side keeps, in five ports by matter:
 *
 * - `GenerationStore.ts`: which projections there are, and which of their tables are built, serve and go;
 * - `CheckpointStore.ts`: where each of them is in the log, and what it could not take;
 * - `ExclusionStore.ts`: what operators took out, and why;
 * - `LeaseStore.ts`: which process runs what;
 * - `ReadModels.ts`: what the models answer.
 *
 * A store is all five, over one database. `ProjectionConformance` in `testing/Suites.ts` checks what they promise.
 */
import type { CheckpointStore } from "./CheckpointStore.ts"
import type { ExclusionStore } from "./ExclusionStore.ts"
import type { GenerationStore } from "./GenerationStore.ts"
import type { LeaseStore } from "./LeaseStore.ts"
import type { ReadModels } from "./ReadModels.ts"

/** The services of a store, as requirements and layers name them. */
export type ProjectionStore = GenerationStore | CheckpointStore | ExclusionStore | LeaseStore | ReadModels
