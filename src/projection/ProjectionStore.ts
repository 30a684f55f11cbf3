/**
 * `ProjectionStore` is the port behind projections and reactions: where each of them is in the log, and the one way to change
 * a model, together with its checkpoint.
 *
 * Guarantees every implementation keeps (checked by `testing/ProjectionConformance.ts`):
 *
 * - a model's rows and its checkpoint change in one transaction, or neither does;
 * - a checkpoint moves only from where its mover believes it is: of two movers one fails with `CheckpointMoved`;
 * - a swap puts one whole model in the place of another: no query sees both or none.
 */
import type { SqlClient } from "@effect/sql/SqlClient"
import { Context, type Duration, type Effect, type Option } from "effect"
import type { OutcomeUnknown, StoreUnavailable } from "../core/StoreError.ts"
import type { Projection } from "./Projection.ts"
import type { ApplyFailed, CheckpointMoved } from "./ProjectionError.ts"

/** How far one generation of a projection's tables has come. */
export interface Checkpoint {
  readonly projection: string
  readonly version: number
  /** Counts the models of a projection, from 1. */
  readonly generation: number
  /** Position of the last event in it; 0 before the first. */
  readonly position: number
}

/** An event that a projection could not take. */
export interface Failure {
  readonly position: number
  readonly streamId: string
  readonly version: number
  readonly type: string
  readonly error: string
  readonly attempts: number
}

export interface Model extends Checkpoint {
  /** Events it has passed, wanted or not. */
  readonly events: number
  /** Events a second, of late. */
  readonly rate: number
  /** Milliseconds since 1970-01-01 UTC. */
  readonly startedAt: number
  /** The event at which it is stuck, and whether it waits for an operator or tries again by itself. */
  readonly failure: (Failure & { readonly halted: boolean }) | null
}

/** A stream that waits because of one of its events: the failure, and the later events behind it. */
export interface DeadLetter extends Failure {
  readonly parkedAt: number
  /** Whether an operator asked to try it again. */
  readonly retry: boolean
}

export interface ProjectionRow {
  readonly name: string
  readonly kind: "projection" | "reaction"
  /** The model that serves. */
  readonly live: Model | null
  /** The model that is being built. */
  readonly shadow: Model | null
  readonly rebuildRequested: boolean
  readonly paused: boolean
}

export type MoveError = CheckpointMoved | StoreUnavailable | OutcomeUnknown
type Written<A = void, E = never> = Effect.Effect<A, E | StoreUnavailable | OutcomeUnknown>

/** A move of a checkpoint. */
export interface Move {
  readonly to: number
  /** Events that it passes. */
  readonly events: number
  readonly rate: number
  /**
   * Streams that the mover left out because they are parked. Where there are no longer so many, one was taken up beside it,
   * and the move fails with `CheckpointMoved`: it would pass over that stream's events.
   */
  readonly parked?: number
}

export class ProjectionStore extends Context.Tag("daybook/projection/ProjectionStore")<
  ProjectionStore,
  {
    /** Makes its row where there is none; a reaction begins with a checkpoint that serves at once. */
    readonly register: (name: string, kind: "projection" | "reaction") => Written
    readonly find: (name: string) => Effect.Effect<Option.Option<ProjectionRow>, StoreUnavailable>
    /** All rows, by name. */
    readonly list: Effect.Effect<ReadonlyArray<ProjectionRow>, StoreUnavailable>

    /** Runs the change and moves the checkpoint in one transaction. */
    readonly advance: (
      from: Checkpoint,
      move: Move,
      change: Effect.Effect<void, ApplyFailed, SqlClient>
    ) => Written<void, ApplyFailed | CheckpointMoved>
    /** Notes what a model is stuck at, or with null that it no longer is. An event that was skipped meanwhile is no failure. */
    readonly noteFailure: (at: Checkpoint, failure: Model["failure"]) => Written<void, CheckpointMoved>
    /** Makes a dead letter of the event's stream and moves the checkpoint, or leaves it where it is. */
    readonly park: (from: Checkpoint, move: Move, failure: Failure) => Written<void, CheckpointMoved>
    /**
     * Runs the change for events of a parked stream. `rest` is the dead letter that remains, or null when the stream has
     * caught up with the checkpoint. Fails with `CheckpointMoved` unless letter and checkpoint are as given.
     */
    readonly unpark: (
      at: Checkpoint,
      letter: DeadLetter,
      rest: DeadLetter | null,
      change: Effect.Effect<void, ApplyFailed, SqlClient>
    ) => Written<void, ApplyFailed | CheckpointMoved>
    /** The dead letters of a model, by stream. */
    readonly deadLetters: (of: Checkpoint) => Effect.Effect<ReadonlyArray<DeadLetter>, StoreUnavailable>
    /** Positions that an operator had skipped, in this version of the projection. */
    readonly skipped: (projection: string, version: number) => Effect.Effect<ReadonlySet<number>, StoreUnavailable>
    /**
     * Has the failed event of this stream tried again, or passed over for as long as the version stays. Gives whether there
     * was one. Remembered until the runner comes to it.
     */
    readonly release: (projection: string, streamId: string, how: "retry" | "skip") => Written<boolean>
    /** Forgets that models halted, so that they try again. */
    readonly clearFailures: (projection: string) => Written
    readonly setPaused: (projection: string, paused: boolean) => Written

    /**
     * Remembers that a rebuild is wanted, once however often it is asked. Ends a pause, in which none would be done, and has one
     * that halted tried again.
     */
    readonly requestRebuild: (projection: string) => Written
    /** Creates the tables of a new generation, empty, in place of one that was begun and not finished. */
    // biome-ignore lint/suspicious/noExplicitAny: any projection.
    readonly beginShadow: (projection: Projection<any, any>) => Written<Checkpoint>
    /** Lets the shadow serve, and removes the model that served. Fails with `CheckpointMoved` unless both are as given. */
    readonly swap: (shadow: Checkpoint, live: Checkpoint | null) => Written<void, CheckpointMoved>
    /** Removes a model that is not to serve. */
    readonly dropShadow: (shadow: Checkpoint) => Written

    /** How many events the log has after one position and up to another. Reads them all: ask for few thousand at once. */
    readonly countEvents: (after: number, to: number) => Effect.Effect<number, StoreUnavailable>
    /**
     * Takes the right to run this projection or reaction, or keeps it, for so long from now by the clock of the database.
     * Gives whether it was free, expired, or the owner's own.
     */
    readonly lease: (name: string, owner: string, duration: Duration.DurationInput) => Written<boolean>
    /** Gives it back, where the owner has it. */
    readonly endLease: (name: string, owner: string) => Written
    /** Says that a process runs the projections of this database now. */
    readonly beat: (owner: string) => Written
    /** When a process last said so, and which; null where none ever did or the last one stopped in order. */
    readonly host: Effect.Effect<{ readonly owner: string; readonly beatAt: number } | null, StoreUnavailable>
    /** Says that this process no longer does. */
    readonly leave: (owner: string) => Written

    /** Runs one query of read models and gives its rows as arrays of values. Sees what is committed, and nothing else. */
    readonly query: (
      sql: string,
      params: ReadonlyArray<unknown>
    ) => Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, StoreUnavailable>
  }
>() {}
