/**
 * `GenerationStore` is the port to the projections and reactions that there are, and to the generations of a projection's
 * tables: one that serves, and one that is built to take its place.
 *
 * Guarantees every implementation keeps (checked by `testing/ProjectionConformance.ts`):
 *
 * - a swap puts one whole model in the place of another: no query sees both or none;
 * - of two swaps of one model one fails with `CheckpointMoved`, and so does one that would take a model back in the log.
 */
import { Context, type Effect, type Option } from "effect"
import type { StoreUnavailable } from "../core/StoreError.ts"
import type { Checkpoint, ProjectionRow, Written } from "./Model.ts"
import type { Any } from "./Projection.ts"
import type { CheckpointMoved } from "./ProjectionError.ts"

export class GenerationStore extends Context.Tag("daybook/projection/GenerationStore")<
  GenerationStore,
  {
    /** Makes its row where there is none; a reaction begins with a checkpoint that serves at once. */
    readonly register: (name: string, kind: "projection" | "reaction") => Written
    readonly find: (name: string) => Effect.Effect<Option.Option<ProjectionRow>, StoreUnavailable>
    /** All rows, by name. */
    readonly list: Effect.Effect<ReadonlyArray<ProjectionRow>, StoreUnavailable>
    readonly setPaused: (projection: string, paused: boolean) => Written

    /**
     * Remembers that a rebuild is wanted, once however often it is asked. Ends a pause, in which none would be done, and has one
     * that halted tried again.
     */
    readonly requestRebuild: (projection: string) => Written
    /** Creates the tables of a new generation, empty, in place of one that was begun and not finished. */
    readonly beginShadow: (projection: Any) => Written<Checkpoint>
    /** Lets the shadow serve, and removes the model that served. Fails with `CheckpointMoved` unless both are as given. */
    readonly swap: (shadow: Checkpoint, live: Checkpoint | null) => Written<void, CheckpointMoved>
    /** Removes a model that is not to serve. */
    readonly dropShadow: (shadow: Checkpoint) => Written

    /** How many events the log has after one position and up to another. Reads them all: ask for few thousand at once. */
    readonly countEvents: (after: number, to: number) => Effect.Effect<number, StoreUnavailable>
  }
>() {}
