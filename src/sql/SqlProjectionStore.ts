/** The projection store on SQL: its four ports over one database. */
import { Effect, Layer } from "effect"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import { ReadModels } from "../projection/ReadModels.ts"
import { access } from "./ProjectionRows.ts"
import * as SqlCheckpointStore from "./SqlCheckpointStore.ts"
import type { SqlDatabase } from "./SqlDatabase.ts"
import * as SqlGenerationStore from "./SqlGenerationStore.ts"
import * as SqlLeaseStore from "./SqlLeaseStore.ts"
import type { Writer } from "./Writer.ts"

const readModels = Layer.effect(
  ReadModels,
  Effect.map(access, ({ read }) => ReadModels.of({ query: read }))
)

export const layer: Layer.Layer<ProjectionStore, never, SqlDatabase | Writer> = Layer.mergeAll(
  SqlGenerationStore.layer,
  SqlCheckpointStore.layer,
  SqlLeaseStore.layer,
  readModels
)
