/**
 * `Projections` is what others may know and ask of the read side: its health, its operations, and whether it is up to
 * date.
 */
import { Context, type Duration, type Effect } from "effect"
import type { OperationError, RecordError } from "../core/EventStore.ts"
import type * as Operation from "../core/Operation.ts"
import type { OutcomeUnknown, StoreUnavailable } from "../core/StoreError.ts"
import type { Abandonment, DeadLetter, Failure, Skip } from "./Model.ts"
import type {
  NothingAbandoned,
  NothingFailed,
  NothingSkipped,
  NotRemovable,
  RebuildHalted,
  SwapFailed,
  UnknownProjection,
  ViewBehind,
  WrongKind
} from "./ProjectionError.ts"

export interface RebuildProgress {
  readonly position: number
  /** Position of the log's end. */
  readonly target: number
  readonly eventsPerSecond: number
  /** Null while the rate is not known. */
  readonly secondsLeft: number | null
}

/**
 * What went wrong last, as its cause said it. `step` is what failed: an event that was applied, the making of tables,
 * their swap; or that the model is ahead of the log, or belongs to a newer release (with 0 attempts while that release
 * is at work, since then nothing failed). Only the first has an event.
 */
export type Trouble =
  | (Failure & { readonly step: "apply" })
  | {
      readonly step: "create" | "swap" | "ahead" | "newer"
      readonly position: null
      readonly streamId: null
      readonly version: null
      readonly type: null
      readonly error: string
      readonly attempts: number
    }

export interface ProjectionStatus {
  readonly name: string
  readonly kind: "projection" | "reaction"
  /** Of the model that serves; 0 where none does. */
  readonly version: number
  /**
   * `halted`: it waits for an operator, or a newer release has built its model. `ahead`: the log was restored to an end
   * before its checkpoint, or has another event there; it answers no query and does nothing until it is rebuilt, or a
   * reaction is resumed.
   */
  readonly status: "running" | "rebuilding" | "backing off" | "halted" | "paused" | "ahead"
  /** Whether it waits for an operator, also where it is paused. */
  readonly isHalted: boolean
  /** Of the model that serves; 0 where none does. */
  readonly position: number
  readonly lag: {
    /** Events between the model and the end of the log, wanted or not; 0 where it is ahead. */
    readonly events: number
    /** Age of the oldest event that is not in the model, 0 where there is none. */
    readonly seconds: number
  }
  /** Events a second, of late. */
  readonly rate: number
  readonly lastError: Trouble | null
  readonly deadLetters: ReadonlyArray<DeadLetter>
  /** Events that operators had it pass over. */
  readonly skipped: ReadonlyArray<Skip>
  /** Events that operators had it give up: of a reaction. */
  readonly abandoned: ReadonlyArray<Abandonment>
  readonly rebuild: RebuildProgress | null
}

/** What a rebuild would do, or does. */
export interface RebuildPlan {
  readonly name: string
  /** Events to read. */
  readonly events: number
  /** From the last known rate, or from a sample of the log; null where the log is empty. */
  readonly estimatedSeconds: number | null
  /** Whether one was asked for already: two requests are one. */
  readonly alreadyRequested: boolean
  readonly dryRun: boolean
}

type Asked<A, E = never> = Effect.Effect<A, E | UnknownProjection | StoreUnavailable>
type Done<E = never> = Effect.Effect<void, E | UnknownProjection | StoreUnavailable | OutcomeUnknown>
/** What an operator did: its entry in the journal, once under a key. */
type Operated<E = never> = Effect.Effect<Operation.Done, E | UnknownProjection | RecordError | OperationError>

/** What an operator sees before a reaction gives up an event. */
export interface Abandoning {
  readonly name: string
  readonly streamId: string
  readonly version: number
  /** What is done instead, and what stays undone. */
  readonly undone: string
}

/** How projections and reactions are, and what operators can do to them. */
export class Projections extends Context.Tag("daybook/projection/Projections")<
  Projections,
  {
    /** All projections and reactions, by name. */
    readonly list: Effect.Effect<ReadonlyArray<ProjectionStatus>, StoreUnavailable>
    readonly status: (name: string) => Asked<ProjectionStatus>
    /**
     * Asks for a rebuild, which the process that runs the projections does, and answers at once. With `dryRun` it asks
     * for nothing and only says what would be done.
     */
    readonly requestRebuild: (
      name: string,
      options?: { readonly dryRun?: boolean }
    ) => Asked<RebuildPlan, OutcomeUnknown>
    /** Waits until no rebuild is wanted or under way. */
    readonly awaitRebuilt: (name: string) => Asked<void, RebuildHalted>
    /** Has the event of this stream that failed tried again. */
    readonly retry: (name: string, streamId: string, by?: Operation.By) => Operated<NothingFailed>
    /**
     * Has the event of this stream that failed passed over, for as long as the projection's version stays. Not by a
     * reaction.
     */
    readonly skip: (name: string, streamId: string, by?: Operation.By) => Operated<NothingFailed | WrongKind>
    /**
     * Undoes the skips of events of this stream, or of the one with this version. A model that passed over one is
     * rebuilt, and is as it was until that serves.
     */
    readonly unskip: (
      name: string,
      streamId: string,
      by?: Operation.By,
      version?: number
    ) => Operated<NothingSkipped | WrongKind>
    /** Stops it until `resume`, also when the process starts again. */
    readonly pause: (name: string, by?: Operation.By) => Operated
    /** Ends a pause. A reaction that is ahead of the log goes on from the log's end. */
    readonly resume: (name: string, by?: Operation.By) => Operated
    /** What it would mean that this reaction gives up the event at which the stream is stuck. Does nothing. */
    readonly abandoning: (name: string, streamId: string) => Asked<Abandoning, NothingFailed | WrongKind>
    /**
     * Makes the reaction give up the event at which the stream is stuck: it does what it does instead, and no longer
     * tries the event. What stays undone is listed until it is taken up.
     */
    readonly abandon: (name: string, streamId: string, by?: Operation.By) => Operated<NothingFailed | WrongKind>
    /** Makes the reaction try again what it gave up of this stream. It recognizes what was done instead by its ids. */
    readonly takeUp: (name: string, streamId: string, by?: Operation.By) => Operated<NothingAbandoned | WrongKind>
    /**
     * Removes what this program no longer declares, with its tables and all that is kept of it. Not a reaction: it
     * would react again.
     */
    readonly remove: (name: string) => Done<NotRemovable | SwapFailed>
    /**
     * Waits until the model has the event at `minPosition` (0: until one of this version serves) and gives its
     * position. Default timeout: 2 seconds.
     */
    readonly awaitPosition: (
      name: string,
      minPosition: number,
      timeout?: Duration.DurationInput
    ) => Asked<number, ViewBehind>
  }
>() {}
