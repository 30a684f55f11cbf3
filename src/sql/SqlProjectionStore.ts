/** The projection store on SQL: its five ports over one database. */
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Layer } from "effect"
import { StoreUnavailable } from "../core/StoreError.ts"
import type { Generation } from "../projection/Model.ts"
import { InvalidQuery } from "../projection/ProjectionError.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import { ReadModels } from "../projection/ReadModels.ts"
import * as ModelViews from "./ModelViews.ts"
import * as SqlCheckpointStore from "./SqlCheckpointStore.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"
import * as SqlExclusionStore from "./SqlExclusionStore.ts"
import * as SqlGenerationStore from "./SqlGenerationStore.ts"
import * as SqlLeaseStore from "./SqlLeaseStore.ts"
import type { Writer } from "./Writer.ts"

const readModels = Layer.effect(
  ReadModels,
  Effect.map(SqlDatabase, ({ dialect, query, read }) => {
    /** The models that queries find in place of those that serve, by projection. */
    const shown = new Map<string, Generation>()
    const unavailable = (error: SqlError) => new StoreUnavailable({ operation: "read", cause: innermost(error) })

    /** Whether one of the models is there no more: the process was taken for one that had ended. */
    const isGone = (models: ReadonlyArray<Generation>) =>
      Effect.exists(models, ({ generation, projection }) =>
        Effect.map(
          read("SELECT 1 FROM projection_models WHERE projection = ? AND generation = ?", [projection, generation]),
          ([row]) => row === undefined
        )
      ).pipe(Effect.mapError(unavailable))

    return ReadModels.of({
      query: (sql, params) => {
        const models = [...shown.values()].filter((model) => ModelViews.namesViewsOf(model, sql))
        const text = models.length === 0 ? sql : ModelViews.over(dialect, models, sql)
        return Effect.catchAll(query(text, params), (error) =>
          dialect.isMistake(error)
            ? Effect.flatMap(isGone(models), (gone) =>
                gone ? unavailable(error) : Effect.die(new InvalidQuery(innermost(error)))
              )
            : unavailable(error)
        )
      },
      show: (projection, model) => {
        if (model === null) shown.delete(projection)
        else shown.set(projection, model)
      }
    })
  })
)

export const layer: Layer.Layer<ProjectionStore, never, SqlDatabase | Writer> = Layer.mergeAll(
  SqlGenerationStore.layer,
  SqlCheckpointStore.layer,
  SqlExclusionStore.layer,
  SqlLeaseStore.layer,
  readModels
)
