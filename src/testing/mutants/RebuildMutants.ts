/** Stores with one fault each that a rebuild meets, for the rules of `Rebuilds`. */
import { Effect, Option } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import type { ProjectionRow } from "../../projection/Model.ts"
import { CheckpointMoved } from "../../projection/ProjectionError.ts"
import type { Mutant } from "./Mutant.ts"
import { changingBoth, changingBy, mutant, type ReadSide } from "./PortMutant.ts"

type Generations = GenerationStore["Type"]

/** A store that says something else of a projection. */
const saying =
  (change: (row: ProjectionRow) => ProjectionRow) =>
  ({ find }: Generations): Partial<Generations> => ({ find: (name) => Effect.map(find(name), Option.map(change)) })

/** A store that drops what was begun of these versions when a process starts. */
const dropping =
  (isOne: (version: number) => boolean) =>
  ({ dropShadow, find, register }: Generations): Partial<Generations> => ({
    register: (name, kind) =>
      Effect.zipLeft(
        register(name, kind),
        Effect.flatMap(find(name), (row) => {
          const shadow = Option.getOrUndefined(row)?.shadow
          return shadow != null && isOne(shadow.version) ? dropShadow(shadow) : Effect.void
        })
      )
  })

export const RebuildMutants: ReadonlyArray<Mutant<ReadSide>> = [
  mutant("applies a long batch of a rebuild twice", ["a rebuild from 0"], CheckpointStore, ({ advance }) => ({
    advance: (from, move, change) =>
      advance(from, move, from.generation > 1 && move.events > 10 ? Effect.zipRight(change, change) : change)
  })),
  mutant(
    "says of a model that it passed one event more",
    ["a dry run"],
    GenerationStore,
    saying((row) => (row.live === null ? row : { ...row, live: { ...row.live, events: row.live.events + 1 } }))
  ),
  {
    name: "gives the model that serves no more events while another is built",
    fails: ["while a rebuild runs"],
    of: changingBoth(GenerationStore, CheckpointStore, ({ beginShadow }, { advance }) => {
      const building = new Set<string>()
      return [
        {
          beginShadow: (projection) =>
            Effect.tap(beginShadow(projection), ({ generation }) =>
              Effect.sync(() => generation > 1 && building.add(projection.name))
            )
        },
        {
          advance: (from, move, change) =>
            advance(from, move, building.has(from.projection) && from.generation === 1 ? Effect.void : change)
        }
      ]
    })
  },
  mutant(
    "begins what was cut off again when a process starts",
    ["a rebuild that was cut off"],
    GenerationStore,
    dropping((version) => version === 1)
  ),
  mutant(
    "takes a position for the number of events up to it",
    ["a rebuild that did not pass"],
    GenerationStore,
    saying((row) => (row.shadow === null ? row : { ...row, shadow: { ...row.shadow, events: row.shadow.position } }))
  ),
  {
    name: "takes the first model of a log of one event for another's",
    fails: ["a rebuild that is never right"],
    of: changingBy(GenerationStore, EventStore, ({ beginShadow }, { lastPosition }) => {
      let tries = 0
      return {
        beginShadow: (projection) =>
          Effect.flatMap(Effect.orDie(lastPosition), (end) =>
            end === 1 && tries++ === 0
              ? new CheckpointMoved({ projection: projection.name, generation: 1, expected: 0 })
              : beginShadow(projection)
          )
      }
    })
  },
  {
    name: "keeps it that a rebuild halted when another is asked for",
    fails: ["a rebuild that halted"],
    of: changingBoth(GenerationStore, CheckpointStore, ({ find, requestRebuild }, { noteFailure }) => [
      {
        requestRebuild: (name) =>
          Effect.flatMap(find(name), (row) => {
            const shadow = Option.getOrUndefined(row)?.shadow
            const again = shadow?.failure?.halted === true ? noteFailure(shadow, shadow.failure) : Effect.void
            return Effect.zipRight(requestRebuild(name), Effect.orDie(again))
          })
      },
      { clearFailures: () => Effect.void }
    ])
  },
  mutant(
    "begins what a newer release has begun again when a process starts",
    ["a projection whose version rose"],
    GenerationStore,
    dropping((version) => version === 3)
  )
]
