/**
 * `ExclusionStore` is the port to what operators took out: events that a model passes over (skips), and events that a
 * reaction tries no more (abandonments). Both are listed with who and why, and both are undone again.
 *
 * Guarantees every implementation keeps (checked by `testing/projection/Operators.ts`):
 *
 * - of two operators who ask for the same at once, one is told that there is nothing to do;
 * - what is undone while a runner is at the event is undone all the same: its move fails, and it looks again;
 * - a model that passed over an event gets it back only by a rebuild, and until the rebuilt model serves, its skips
 *   stay listed.
 */
import { Context, type Effect } from "effect"
import type * as Operation from "../core/Operation.ts"
import type { StoreUnavailable } from "../core/StoreError.ts"
import type { Abandonment, Skip, Written } from "./Model.ts"

/** What an operator undid. */
export interface Unskipped {
  readonly events: ReadonlyArray<Skip>
  /** Whether a model had passed one of them, and is rebuilt. */
  readonly rebuilds: boolean
}

/** What operators have taken out of models and reactions: skipped events, parked streams. */
export class ExclusionStore extends Context.Tag("daybook/projection/ExclusionStore")<
  ExclusionStore,
  {
    /** What the model of the projection that serves passes over, by position. */
    readonly skips: (projection: string) => Effect.Effect<ReadonlyArray<Skip>, StoreUnavailable>
    /** Undoes the skips of events of this stream, or of the one with this version. */
    readonly unskip: (projection: string, streamId: string, version?: number) => Written<Unskipped>

    /** What the reaction tries no more, by position. */
    readonly abandonments: (reaction: string) => Effect.Effect<ReadonlyArray<Abandonment>, StoreUnavailable>
    /**
     * Makes the reaction give up the event at which this stream is stuck, if it is the one at this position. Returns
     * whether it was, and was not given up before. Remembered until the reaction comes to it.
     */
    readonly abandon: (
      reaction: string,
      event: { readonly streamId: string; readonly position: number },
      undone: string | null,
      by: Operation.By
    ) => Written<boolean>
    /**
     * Notes that everything that is done instead has been done. Returns false where the event was taken up again
     * meanwhile.
     */
    readonly endAbandonment: (reaction: string, position: number, undone: string | null) => Written<boolean>
    /** Makes the reaction try again what it gave up of this stream, from the first of these events on. Returns them. */
    readonly takeUp: (reaction: string, streamId: string) => Written<ReadonlyArray<Abandonment>>
  }
>() {}
