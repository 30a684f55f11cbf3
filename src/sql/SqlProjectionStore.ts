/** The projection store on SQL: its five ports over one database. */
import { Effect, Layer } from "effect"
import { StoreUnavailable } from "../core/StoreError.ts"
import { InvalidQuery } from "../projection/ProjectionError.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import { ReadModels } from "../projection/ReadModels.ts"
import * as SqlCheckpointStore from "./SqlCheckpointStore.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"
import * as SqlExclusionStore from "./SqlExclusionStore.ts"
import * as SqlGenerationStore from "./SqlGenerationStore.ts"
import * as SqlLeaseStore from "./SqlLeaseStore.ts"
import type { Writer } from "./Writer.ts"

const readModels = Layer.effect(
  ReadModels,
  Effect.map(SqlDatabase, ({ dialect, query }) =>
    ReadModels.of({
      query: (sql, params) =>
        Effect.catchAll(query(sql, params), (error) =>
          dialect.isMistake(error)
            ? Effect.die(new InvalidQuery(innermost(error)))
            : new StoreUnavailable({ operation: "read", cause: innermost(error) })
        )
    })
  )
)

export const layer: Layer.Layer<ProjectionStore, never, SqlDatabase | Writer> = Layer.mergeAll(
  SqlGenerationStore.layer,
  SqlCheckpointStore.layer,
  SqlExclusionStore.layer,
  SqlLeaseStore.layer,
  readModels
)
