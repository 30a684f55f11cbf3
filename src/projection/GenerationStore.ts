/**
 * `GenerationStore` is the port to the projections and reactions that there are, and to the generations of a projection's
 * tables: one that serves, and one that is built to take its place.
 *
 * Guarantees every implementation keeps (checked by `ProjectionConformance` in `testing/Suites.ts`):
 *
 * - a swap puts one whole model in the place of another: no query sees both or none;
 * - of two swaps of one model one fails with `CheckpointMoved`, and so does one that would take a model back in the log.
 */
import { Context, type Effect, type Option } from "effect"
import type { StoreUnavailable } from "../core/StoreError.ts"
import type { BuildFailure, Checkpoint, Generation, ProjectionRow, Written } from "./Model.ts"
import type { Any } from "./Projection.ts"
import type { CheckpointMoved, CreateFailed, SwapFailed } from "./ProjectionError.ts"

/** The generations of read models: which one serves, and which is being built. */
export class GenerationStore extends Context.Tag("daybook/projection/GenerationStore")<
  GenerationStore,
  {
    /** Makes its row where there is none. */
    readonly register: (name: string, kind: "projection" | "reaction") => Written
    /**
     * Makes the row of a reaction of this version with a checkpoint at this position, where there is none. Returns whether there
     * was none.
     */
    readonly begin: (reaction: string, position: number, version: number) => Written<boolean>
    /**
     * Gives all that is kept of a reaction another name. Returns whether there was one, and none of the new name. The
     * old name stays taken, without a checkpoint: a process that still runs the reaction under it stands still instead
     * of beginning from the start.
     */
    readonly rename: (former: string, name: string) => Written<boolean>
    readonly find: (name: string) => Effect.Effect<Option.Option<ProjectionRow>, StoreUnavailable>
    /** All rows, by name. */
    readonly list: Effect.Effect<ReadonlyArray<ProjectionRow>, StoreUnavailable>
    readonly setPaused: (projection: string, paused: boolean) => Written

    /**
     * Remembers that a rebuild is wanted: once, however often it is asked for. Ends a pause, which would hold the
     * rebuild up, and makes a rebuild that halted try again.
     */
    readonly requestRebuild: (projection: string) => Written
    /**
     * Creates the tables of a new generation, empty, in place of one that was begun and not finished. Where the
     * database can do both at once, `create` does not hold up the writer. Fails with `CheckpointMoved` where another
     * runner does the same.
     */
    readonly beginShadow: (projection: Any) => Written<Generation, CheckpointMoved | CreateFailed>
    /**
     * Lets the shadow serve, and removes the model that served; one of an earlier version stays among `formers` while a process of
     * its release runs it. Fails with `CheckpointMoved` unless both are as given. Views that
     * others made on the model, and rights to it, stay. It waits at most a moment for those who read what is replaced, and
     * meanwhile only new readers of the same model wait for it.
     */
    readonly swap: (shadow: Generation, live: Checkpoint | null) => Written<void, CheckpointMoved | SwapFailed>
    /** Removes a model that does not serve. */
    readonly dropShadow: (shadow: Checkpoint) => Written
    /** Notes what keeps a model from being made or from serving, or with null that nothing does. */
    readonly noteBuild: (projection: string, failure: BuildFailure | null) => Written
    /** Drops the tables of retired models that nobody reads any more. */
    readonly sweep: (projection: string) => Written
    /** Removes a projection with all its models, as far as nobody reads them. Returns whether there was one. */
    readonly remove: (projection: string) => Written<boolean, SwapFailed>

    /**
     * Counts the events of the log after one position and up to another, at most `most`, and says up to which position
     * they reach: `to` where they are all. Reads them: ask for few thousand at once.
     */
    readonly countEvents: (
      after: number,
      to: number,
      most: number
    ) => Effect.Effect<{ readonly events: number; readonly to: number }, StoreUnavailable>
  }
>() {}
