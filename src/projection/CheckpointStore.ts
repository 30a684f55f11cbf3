/**
 * `CheckpointStore` is the port to where each model is in the log and to what it could not take: failures, dead letters and
 * skips. It is the one way to change a model, together with its checkpoint.
 *
 * Guarantees every implementation keeps (checked by `ProjectionConformance` in `testing/Suites.ts`):
 *
 * - a model's rows and its checkpoint change in one transaction, or neither does;
 * - a checkpoint moves only from where its mover believes it is: of two movers one fails with `CheckpointMoved`;
 * - what an operator asked for is remembered until the runner comes to it, even where the operator asks while the event
 *   is tried.
 */
import type { SqlClient } from "@effect/sql/SqlClient"
import { Context, type Effect } from "effect"
import type * as Operation from "../core/Operation.ts"
import type { OutcomeUnknown, StoreUnavailable } from "../core/StoreError.ts"
import type { Checkpoint, DeadLetter, Failure, Model, Written } from "./Model.ts"
import type { ApplyFailed, CheckpointMoved } from "./ProjectionError.ts"

/** A move of a checkpoint. */
export interface Move {
  readonly to: number
  /** Events that it passes. */
  readonly events: number
  readonly rate: number
  /**
   * Streams that the mover left out because they are parked. Where there are fewer by now, one was taken up beside it,
   * and the move fails with `CheckpointMoved`: it would pass over that stream's events.
   */
  readonly parked?: number
  /**
   * Positions that the mover left out because an operator had them skipped. Where the skips between the two places are no longer
   * these, the move fails with `CheckpointMoved`: it would pass over an event that is to be applied, or apply one that is not.
   */
  readonly skipped?: ReadonlyArray<number>
}

/** An event of a parked stream as its mover took it. */
export interface Taken {
  readonly position: number
  /** Whether it was left out because an operator had it skipped. */
  readonly skipped: boolean
}

export type MoveError = CheckpointMoved | StoreUnavailable | OutcomeUnknown

/** Where read models and their checkpoints move, both in one transaction. */
export class CheckpointStore extends Context.Tag("daybook/projection/CheckpointStore")<
  CheckpointStore,
  {
    /** Runs the change and moves the checkpoint in one transaction. */
    readonly advance: (
      from: Checkpoint,
      move: Move,
      change: Effect.Effect<void, ApplyFailed, SqlClient>
    ) => Written<void, ApplyFailed | CheckpointMoved>
    /**
     * Notes what a model is stuck at, or with null that it no longer is. An event that was skipped meanwhile is not a
     * failure.
     */
    readonly noteFailure: (at: Checkpoint, failure: Model["failure"]) => Written<void, CheckpointMoved>
    /** Makes a dead letter of the event's stream and moves the checkpoint, or leaves it where it is. */
    readonly park: (from: Checkpoint, move: Move, failure: Failure) => Written<DeadLetter, CheckpointMoved>
    /**
     * Runs the change for events of a parked stream. `rest` is the dead letter that remains, or null when the stream has
     * caught up with the checkpoint. Fails with `CheckpointMoved` unless letter, checkpoint and skips are as given.
     */
    readonly unpark: (
      at: Checkpoint,
      letter: DeadLetter,
      rest: DeadLetter | null,
      change: Effect.Effect<void, ApplyFailed, SqlClient>,
      taken?: Taken
    ) => Written<void, ApplyFailed | CheckpointMoved>
    /** The dead letters of a model, by stream. */
    readonly deadLetters: (of: Checkpoint) => Effect.Effect<ReadonlyArray<DeadLetter>, StoreUnavailable>
    /** Positions that an operator had skipped, as far as that holds for this model. */
    readonly skipped: (of: Checkpoint) => Effect.Effect<ReadonlySet<number>, StoreUnavailable>
    /**
     * Has the failed event of this stream tried again, or passed over for as long as the version stays. Returns the
     * events that there were. Remembered until the runner comes to it.
     */
    readonly release: (
      projection: string,
      streamId: string,
      how: "retry" | "skip",
      by?: Operation.By
    ) => Written<ReadonlyArray<Failure>>
    /** Has a reaction that is ahead of the log go on from the log's end. Returns whether there was one. */
    readonly toEnd: (reaction: string) => Written<boolean>
    /**
     * Has a reaction of an earlier version go on under this one, from where it is or from behind `after`, whichever is first: in a
     * generation of its own, so that no process of the version before moves it. Dead letters behind that place are gone, since it
     * comes to their events again; the others stay. Returns where it goes on, or null where it has no earlier version.
     */
    readonly raise: (reaction: string, version: number, after: number) => Written<number | null>
    /**
     * Makes a relay go on behind the event at this position, wherever it was: in a new generation, so that no process
     * goes on from the old place, and without its dead letters. The row's `rebuildRequested` says so until `endRewind`.
     * Returns whether there is one.
     */
    readonly rewind: (relay: string, position: number) => Written<boolean>
    /** The destination of the log knows of the rewind. */
    readonly endRewind: (at: Checkpoint) => Written<void, CheckpointMoved>
    /** Forgets that models halted, so that they try again. Those of a later version are a newer release's to try. */
    readonly clearFailures: (projection: string, version: number) => Written
  }
>() {}
