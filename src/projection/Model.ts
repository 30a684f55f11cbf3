/** What the read side keeps of projections and reactions, as the ports of `ProjectionStore.ts` give and take it. */
import type { Effect } from "effect"
import type { OutcomeUnknown, StoreUnavailable } from "../core/StoreError.ts"
import type { Tables } from "./TableNames.ts"

/** How far one generation of a projection's tables has come. */
export interface Checkpoint {
  readonly projection: string
  readonly version: number
  /** Counts the models of a projection, from 1. */
  readonly generation: number
  /** Position of the last event in it; 0 before the first. */
  readonly position: number
}

/** A model with its tables, by the names that the projection gave them. */
export interface Generation extends Checkpoint {
  readonly tables: Tables<string>
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

/** What keeps a new model from being made, or from serving once it is built. No event is at fault. */
export interface BuildFailure {
  readonly step: "create" | "swap"
  /** The version of the projection that is built. */
  readonly version: number
  /** As the database said it. */
  readonly error: string
  readonly attempts: number
  /** Whether it waits for an operator: to try again would give the same. */
  readonly halted: boolean
}

export interface Model extends Generation {
  /** Events it has passed, wanted or not. */
  readonly events: number
  /** Events a second, of late. */
  readonly rate: number
  /** Milliseconds since 1970-01-01 UTC. */
  readonly startedAt: number
  /**
   * Whether the log has no event at its position, or another than the one it took: the log was restored to an earlier
   * end, and may have gone on since. Nobody can tell what the model took from the events that are gone, and it would
   * miss those after them.
   */
  readonly isAhead: boolean
  /** The event at which it is stuck, and whether it waits for an operator or tries again by itself. */
  readonly failure: (Failure & { readonly halted: boolean }) | null
}

/** A stream that waits because of one of its events: the failure, and the later events behind it. */
export interface DeadLetter extends Failure {
  readonly parkedAt: number
  /** Whether an operator asked to try it again. */
  readonly retry: boolean
}

/** An event that an operator had a model pass over, for as long as the projection's version stays. */
export interface Skip {
  readonly position: number
  readonly streamId: string
  readonly version: number
  readonly type: string
  readonly principal: string | null
  readonly reason: string | null
  /** Milliseconds since 1970-01-01 UTC; null where an earlier release did not note it. */
  readonly skippedAt: number | null
  /** Whether it is undone by the rebuild that is under way: the model that serves still lacks the event. */
  readonly lifted: boolean
}

/** An event that a reaction does not try any more, since an operator abandoned it. */
export interface Abandonment {
  readonly position: number
  readonly streamId: string
  readonly version: number
  readonly type: string
  readonly principal: string | null
  readonly reason: string | null
  /** Milliseconds since 1970-01-01 UTC; null where an earlier release did not note it. */
  readonly abandonedAt: number | null
  /** Whether everything that is done instead has been done. */
  readonly ended: boolean
  /** What stays undone, for the person who must do it; null where nothing does. */
  readonly undone: string | null
}

export interface ProjectionRow {
  readonly name: string
  readonly kind: "projection" | "reaction"
  /** The model that serves. */
  readonly live: Model | null
  /** The model that is being built. */
  readonly shadow: Model | null
  readonly build: BuildFailure | null
  /** Models of earlier versions that answer for processes of an earlier release, and are kept up to date by these. */
  readonly formers: ReadonlyArray<Model>
  /** Models that no longer serve, whose tables somebody still reads. */
  readonly retired: number
  readonly rebuildRequested: boolean
  readonly paused: boolean
}

/** What a change of the store gives. */
export type Written<A = void, E = never> = Effect.Effect<A, E | StoreUnavailable | OutcomeUnknown>
