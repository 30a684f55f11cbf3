/** The part of `ProjectionStore` that a reaction needs, in memory: thousands of histories need no database each. */
import { Effect, Layer, Option } from "effect"
import {
  type Checkpoint,
  type DeadLetter,
  type Model,
  type ProjectionRow,
  ProjectionStore
} from "../../src/projection/ProjectionStore.ts"

const make = Effect.sync(() => {
  const live: Model = {
    projection: "transfers",
    version: 1,
    generation: 1,
    position: 0,
    events: 0,
    rate: 0,
    startedAt: 0,
    failure: null
  }
  let position = 0
  const letters = new Map<string, DeadLetter>()
  const row = (): ProjectionRow => ({
    name: "transfers",
    kind: "reaction",
    live: { ...live, position },
    shadow: null,
    rebuildRequested: false,
    paused: false
  })
  const store: Partial<ProjectionStore["Type"]> = {
    register: () => Effect.void,
    find: () => Effect.sync(() => Option.some(row())),
    advance: (_: Checkpoint, { to }) =>
      Effect.sync(() => {
        position = Math.max(position, to)
      }),
    park: (_, __, failure) =>
      Effect.sync(() => void letters.set(failure.streamId, { ...failure, parkedAt: 0, retry: false })),
    unpark: (_, letter, rest) =>
      Effect.sync(() => {
        if (rest === null) letters.delete(letter.streamId)
        else letters.set(letter.streamId, rest)
      }),
    deadLetters: () => Effect.sync(() => [...letters.values()]),
    skipped: () => Effect.succeed(new Set())
  }
  return store as ProjectionStore["Type"]
})

export const layer = Layer.effect(ProjectionStore, make)
