/** The part of `ProjectionStore` that a reaction needs, in memory: thousands of histories need no database each. */
import { Context, Effect, Layer, Option } from "effect"
import { CheckpointStore } from "../../src/projection/CheckpointStore.ts"
import { ExclusionStore } from "../../src/projection/ExclusionStore.ts"
import { GenerationStore } from "../../src/projection/GenerationStore.ts"
import { LeaseStore } from "../../src/projection/LeaseStore.ts"
import type { Checkpoint, DeadLetter, Model, ProjectionRow } from "../../src/projection/Model.ts"
import type { ProjectionStore } from "../../src/projection/ProjectionStore.ts"
import { ReadModels } from "../../src/projection/ReadModels.ts"

const make = Effect.sync(() => {
  const live: Model = {
    projection: "transfers",
    version: 1,
    generation: 1,
    position: 0,
    events: 0,
    rate: 0,
    startedAt: 0,
    failure: null,
    tables: {},
    isAhead: false
  }
  let position = 0
  const letters = new Map<string, DeadLetter>()
  const row = (): ProjectionRow => ({
    name: "transfers",
    kind: "reaction",
    live: { ...live, position },
    shadow: null,
    build: null,
    formers: [],
    retired: 0,
    rebuildRequested: false,
    paused: false
  })
  const generations: Partial<GenerationStore["Type"]> = {
    register: () => Effect.void,
    find: () => Effect.sync(() => Option.some(row()))
  }
  const checkpoints: Partial<CheckpointStore["Type"]> = {
    advance: (_: Checkpoint, { to }) =>
      Effect.sync(() => {
        position = Math.max(position, to)
      }),
    park: (_, __, failure) =>
      Effect.sync(() => {
        const letter = { ...failure, parkedAt: 0, retry: false }
        letters.set(failure.streamId, letter)
        return letter
      }),
    unpark: (_, letter, rest) =>
      Effect.sync(() => {
        if (rest === null) letters.delete(letter.streamId)
        else letters.set(letter.streamId, rest)
      }),
    deadLetters: () => Effect.sync(() => [...letters.values()]),
    skipped: () => Effect.succeed(new Set())
  }
  const exclusions: Partial<ExclusionStore["Type"]> = { abandonments: () => Effect.succeed([]) }
  return Context.make(GenerationStore, generations as GenerationStore["Type"]).pipe(
    Context.add(CheckpointStore, checkpoints as CheckpointStore["Type"]),
    Context.add(ExclusionStore, exclusions as ExclusionStore["Type"]),
    Context.add(LeaseStore, {} as LeaseStore["Type"]),
    Context.add(ReadModels, {} as ReadModels["Type"])
  )
})

export const layer: Layer.Layer<ProjectionStore> = Layer.effectContext(make)
