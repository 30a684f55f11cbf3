/** Stores with one fault each in what they say and what they notice, for the rules of `Reasons` and `Restores`. */
import { Effect, Option } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import type { Model, ProjectionRow } from "../../projection/Model.ts"
import { CreateFailed } from "../../projection/ProjectionError.ts"
import { ReadModels } from "../../projection/ReadModels.ts"
import { OtherSession } from "../projection/OtherSession.ts"
import { Reasons } from "../projection/Reasons.ts"
import { Restores } from "../projection/Restores.ts"
import type { Fails, Mutant } from "./Mutant.ts"
import { changingBy, mutant, type SharedReadSide } from "./PortMutant.ts"

/** The rules that these mutants are made for. */
export const rules = [...Reasons, ...Restores]

/** A store that says something else of the model that serves, by where the log ends. */
const saying = (
  name: string,
  fails: Fails,
  change: (model: Model, end: number, row: ProjectionRow) => Partial<Model>
): Mutant<SharedReadSide> => ({
  name,
  fails,
  of: changingBy(GenerationStore, EventStore, ({ find }, { lastPosition }) => ({
    find: (name) =>
      Effect.zipWith(find(name), Effect.orDie(lastPosition), (found, end) =>
        Option.map(found, (row) =>
          row.live === null ? row : { ...row, live: { ...row.live, ...change(row.live, end, row) } }
        )
      )
  }))
})

const far = 1_000_000

export const RestoreMutants: ReadonlyArray<Mutant<SharedReadSide>> = [
  mutant("does not say why tables cannot be made", ["a create that fails"], GenerationStore, ({ beginShadow }) => ({
    beginShadow: (projection) =>
      Effect.catchTag(
        beginShadow(projection),
        "CreateFailed",
        ({ projection }) => new CreateFailed({ projection, cause: new Error("a statement failed") })
      )
  })),
  mutant("keeps the first lines of what failed", ["what apply failed"], CheckpointStore, ({ noteFailure }) => ({
    noteFailure: (at, failure) =>
      noteFailure(at, failure === null ? null : { ...failure, error: failure.error.replace("b-7", "…") })
  })),
  {
    name: "lets a query write",
    fails: ["a query of read models"],
    of: changingBy(ReadModels, OtherSession, ({ query }, { run }) => ({
      query: (sql, params) => (sql.startsWith("INSERT") ? Effect.orDie(run(sql)) : query(sql, params))
    }))
  },
  saying("looks only whether the log ends before a model", ["a model whose log", "a reaction says"], (model, end) => ({
    isAhead: model.isAhead && end < model.position
  })),
  saying("takes no model to be ahead of an empty log", ["a log that is restored"], (model, end) => ({
    isAhead: model.isAhead && end > 0
  })),
  saying("says of a reaction that is ahead that it is one further", ["a reaction says"], (model, _, { kind }) =>
    kind === "reaction" && model.isAhead ? { position: model.position + 1 } : {}
  ),
  saying(
    "takes a position for the number of events up to it",
    ["positions that leave out"],
    ({ events, position }) => ({
      events: position > far ? position : events
    })
  )
]
