/**
 * `ActorHost` is what an actor needs of its system: the ports and limits, where it says that it is busy or idle, and
 * the list of those that are told the time. `ActorSystemLocal.ts` gives one to all its actors.
 */
import type { Effect, Exit, Fiber } from "effect"
import type { Actor } from "./Actor.ts"
import type { AppendError, AppendRequest, AppendResult, QueuePlace } from "./EventStore.ts"
import type * as Loading from "./Loading.ts"
import type { SnapshotQueue } from "./SnapshotQueue.ts"
import type { StreamId } from "./StreamId.ts"
import type { Turns } from "./Turns.ts"

/** Something that waits, and is told the time now and then. */
export interface Watched {
  readonly streamId: StreamId
  /** Gives up what takes too long, and returns which part of the actor's work that was, to be reported. */
  readonly expire: (now: number) => "append" | "decision" | undefined
}

/** What an actor needs of its system, shared by all actors. */
export interface Host extends Loading.Host {
  readonly saver: SnapshotQueue
  /** Milliseconds since 1970-01-01 UTC, by a clock that may be set back: for the time that decisions are given. */
  readonly now: () => number
  /** Starts a fiber from the system's own runtime, never from a caller's context. */
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.RuntimeFiber<A, E>
  /**
   * Asks the store to append, and calls back once with its answer. Returns the fiber that waits for it, if there is
   * one, to be ended with the wait.
   */
  readonly append: (
    requests: ReadonlyArray<AppendRequest>,
    place: QueuePlace,
    answered: (answer: Exit.Exit<AppendResult, AppendError>) => void
  ) => Fiber.RuntimeFiber<unknown, unknown> | undefined
  readonly turns: Turns
  /** Nothing waits. The system may stop the actor at once. */
  readonly becameIdle: (actor: Actor) => void
  readonly becameBusy: (actor: Actor) => void
  /** Gives the actor's place to one that waits for a place, if any does; the actor waits for its next one. */
  readonly yieldPlace: (actor: Actor) => boolean
  /** Those that wait for the store, or for the effect of a decision. */
  readonly watched: Set<Watched>
  readonly accepted: () => void
  /** One of the accepted commands was answered. */
  readonly answered: () => void
}
