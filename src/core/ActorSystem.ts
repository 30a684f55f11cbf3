/**
 * `ActorSystem` is the port between aggregates and whatever runs them: actors in this process
 * (`ActorSystemLocal.ts`) or on many nodes. What it runs is a `Definition`, an aggregate without its types.
 */
import { Context, type Effect, type Either, type Scope } from "effect"
import type { RuntimeError } from "./ActorError.ts"
import type { EventCodec } from "./EventCodec.ts"
import type { EventStore } from "./EventStore.ts"
import type { SnapshotStore } from "./SnapshotStore.ts"
import type { InvalidArgument } from "./StoreError.ts"
import type { StreamId } from "./StreamId.ts"

/** What decide may know besides the command and the state. */
export interface DecideContext {
  /** The aggregate's id, encoded. */
  readonly id: string
  /** Version of the state that it decides on. */
  readonly version: number
  /** Milliseconds since 1970-01-01 UTC, once for all commands that are decided together. */
  readonly now: number
  readonly commandId: string
  readonly correlationId: string
  readonly causationId: string | null
}

/** What decide answers: the events, or the command's own typed error; a plain Either where no effect is needed. */
export type Decision<E, Failure> = Either.Either<ReadonlyArray<E>, Failure> | Effect.Effect<ReadonlyArray<E>, Failure>

/** Where in the log a state is. */
export interface Place {
  readonly version: number
  readonly position: number
}

/** A state whose events are all stored, and the last of them. */
export interface Committed<S> extends Place {
  readonly state: S
  /** Hash of the last event; the next one must name it. */
  readonly hash: string
}

/** An aggregate as the runtime sees it: contract and behaviour, found by the tag of a command. */
export interface Definition<S, E extends { readonly _tag: string }> {
  readonly name: string
  readonly streamId: (id: string) => StreamId
  readonly codec: EventCodec<E>
  readonly initial: S
  readonly evolve: (state: S, event: E) => S
  readonly decide: (command: string, payload: unknown, state: S, context: DecideContext) => Decision<E, unknown>
  readonly reply: (command: string, state: S, at: Place) => unknown
  /** Whether a refusal with this error is the answer for ever, or is decided anew when the command comes again. */
  readonly isKept: (error: unknown) => boolean
  /** The answer as JSON text and back. They throw where the value is not what the contract says. */
  readonly encodeAnswer: (command: string, outcome: Outcome, value: unknown) => string
  readonly decodeAnswer: (command: string, outcome: Outcome, text: string) => unknown
  /** The payload as JSON text and back, for runtimes that send it elsewhere. */
  readonly encodePayload: (command: string, payload: unknown) => Either.Either<string, InvalidArgument>
  readonly decodePayload: (command: string, text: string) => Either.Either<unknown, InvalidArgument>
  readonly snapshot: SnapshotPolicy<S>
}

export interface SnapshotPolicy<S> {
  /** Events between two snapshots; undefined: as `ActorConfig` says. */
  readonly every: number | undefined
  readonly fingerprint: string
  readonly encode: (state: S) => string
  readonly decode: (data: string) => S
}

// biome-ignore lint/suspicious/noExplicitAny: state and event are invariant; no other bound takes every definition.
export type AnyDefinition = Definition<any, any>

export type Outcome = "success" | "refusal"

/** A command on its way to an actor. */
export interface Ask {
  readonly aggregate: string
  readonly id: string
  readonly command: string
  readonly payload: unknown
  readonly commandId: string
  /** Whether the caller chose the id and may come again with it; only then is a refusal kept. */
  readonly retryable: boolean
  readonly fingerprint: string
  readonly expectedVersion: number | undefined
  readonly correlationId: string
  readonly causationId: string | null
  readonly traceparent: string | null
}

/** The command's own answer. */
export interface Answer extends Place {
  readonly outcome: Outcome
  /** What `reply` made, or the error of the refusal. */
  readonly value: unknown
  /** Whether it was given before: the id was stored already. */
  readonly replayed: boolean
}

export class ActorSystem extends Context.Tag("daybook/core/ActorSystem")<
  ActorSystem,
  {
    /**
     * Makes the aggregate known while the scope lives; after it its commands fail with `ShuttingDown`. A second one of the
     * same name, or with the same streams, is a defect.
     */
    readonly register: (definition: AnyDefinition) => Effect.Effect<void, never, Scope.Scope>
    /** Waits for the answer. An interruption ends the wait; the command, once accepted, is done all the same. */
    readonly ask: (ask: Ask) => Effect.Effect<Answer, RuntimeError>
    /** The committed state, at least as new as the store is when it is asked. */
    readonly state: (aggregate: string, id: string) => Effect.Effect<Committed<unknown>, RuntimeError>
    readonly store: EventStore["Type"]
    readonly snapshots: SnapshotStore["Type"]
  }
>() {}
