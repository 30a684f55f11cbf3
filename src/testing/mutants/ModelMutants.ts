/** Stores of projections with one fault each, for what a checkpoint, an old event and a reaction rest on. */
import { Effect } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import { LeaseStore } from "../../projection/LeaseStore.ts"
import { Checkpoints } from "../projection/Checkpoints.ts"
import { OldEvents } from "../projection/OldEvents.ts"
import { Memory } from "../reaction/Memory.ts"
import { Reactions } from "../reaction/Reactions.ts"
import type { Fails, Mutant } from "./Mutant.ts"
import { logging, mutant, type ReadSide } from "./PortMutant.ts"

/** The rules that these mutants are made for. */
export const rules = [...Checkpoints, ...OldEvents, ...Reactions, ...Memory]

/** A log that gives its events changed. */
const reading = (name: string, fails: Fails, change: (event: StoredEvent) => StoredEvent): Mutant<ReadSide> =>
  mutant(
    name,
    fails,
    EventStore,
    logging((event) => [change(event)])
  )

export const ModelMutants: ReadonlyArray<Mutant<ReadSide>> = [
  mutant("says nothing of a swap that comes too late", ["a batch that was applied"], GenerationStore, ({ swap }) => ({
    swap: (shadow, live) => Effect.catchTag(swap(shadow, live), "CheckpointMoved", () => Effect.void)
  })),
  mutant(
    "applies each batch twice",
    ["what the source gives", "a stale owner", "a stream that another", "a projection sees", "an unknown type"],
    CheckpointStore,
    ({ advance }) => ({
      advance: (from, move, change) => advance(from, move, Effect.zipRight(change, change))
    })
  ),
  mutant(
    "says nothing of a checkpoint that has moved",
    ["a stale owner", "a batch that was applied"],
    CheckpointStore,
    ({ advance }) => ({
      advance: (from, move, change) =>
        Effect.catchTag(advance(from, move, change), "CheckpointMoved", () => Effect.void)
    })
  ),
  mutant("does not look whether a stream was taken up", ["a stream that another"], CheckpointStore, ({ advance }) => ({
    advance: (from, { parked: _, ...move }, change) => advance(from, move, change)
  })),
  mutant("gives a lease to each who asks", ["a lease keeps"], LeaseStore, ({ lease }) => ({
    lease: (name, owner, duration) => Effect.as(lease(name, owner, duration), true)
  })),
  reading("takes a version that nobody knows for the first", ["an event of newer"], (event) =>
    event.schemaVersion === 9 ? { ...event, schemaVersion: 1 } : event
  ),
  reading("gives an event of a former name other data", ["a projection sees"], (event) =>
    event.type === "Old" ? { ...event, data: '{"text":"other"}' } : event
  ),
  reading("takes a type that nobody wants for another", ["an unknown type"], (event) =>
    event.type === "Unheard" ? { ...event, type: "Noted" } : event
  ),
  reading("gives what a process remembers other data", ["a process that remembers"], (event) =>
    event.type === "Ready" ? { ...event, type: "Saw", data: '{"what":"Paid"}' } : event
  ),
  reading("gives an event behind many others other data", ["64 events whose"], (event) =>
    event.data === '{"text":"quick"}' ? { ...event, data: '{"text":"slow 64"}' } : event
  ),
  mutant(
    "moves a checkpoint further than it was told",
    ["a reaction keeps", "a stale owner", "a stream that another", "an event of newer"],
    CheckpointStore,
    ({ advance }) => ({
      advance: (from, move, change) => advance(from, move.events === 1 ? { ...move, to: move.to + 1 } : move, change)
    })
  ),
  mutant(
    "shows no dead letter",
    ["a reaction that", "a stream that another", "an unknown type"],
    CheckpointStore,
    () => ({
      deadLetters: () => Effect.succeed([])
    })
  )
]
