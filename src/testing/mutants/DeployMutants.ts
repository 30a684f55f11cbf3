/** Stores with one fault each that a rolling deploy meets, for the rules of `RollingDeployConformance`. */
import { Effect, Option } from "effect"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import { ReadModels } from "../../projection/ReadModels.ts"
import type { Mutant } from "./Mutant.ts"
import { mutant, type ReadSide } from "./PortMutant.ts"

export const DeployMutants: ReadonlyArray<Mutant<ReadSide>> = [
  mutant(
    "forgets a rebuild that is asked for of a model of the second version",
    ["a release that raised"],
    GenerationStore,
    ({ find, requestRebuild }) => ({
      requestRebuild: (name) =>
        Effect.flatMap(
          find(name),
          Option.match({
            onNone: () => requestRebuild(name),
            onSome: ({ live, shadow }) => (live?.version === 2 && shadow === null ? Effect.void : requestRebuild(name))
          })
        )
    })
  ),
  mutant("answers from the model that serves alone", ["both releases answer"], ReadModels, () => ({ show: () => {} })),
  mutant(
    "applies each batch twice to a later model of the first version",
    ["a release that is rolled back says"],
    CheckpointStore,
    ({ advance }) => ({
      advance: (from, move, change) =>
        advance(from, move, from.version === 1 && from.generation > 1 ? Effect.zipRight(change, change) : change)
    })
  ),
  mutant(
    "has what a newer release failed at tried again by an older one",
    ["a release that is rolled back leaves"],
    CheckpointStore,
    ({ clearFailures }) => ({
      clearFailures: (projection) => clearFailures(projection, Number.MAX_SAFE_INTEGER)
    })
  )
]
