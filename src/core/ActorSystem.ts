/**
 * `ActorSystem` is the port between aggregates and whatever runs them: actors in this process
 * (`ActorSystemLocal.ts`) or on many nodes. What it runs is a `Definition`.
 */
import { Context, type Effect, type Scope } from "effect"
import type { RuntimeError } from "./ActorError.ts"
import type { Earlier } from "./CommandIdentity.ts"
import type { AnyDefinition, Committed, Outcome, Place } from "./Definition.ts"
import type { EventStore } from "./EventStore.ts"
import type { SnapshotStore } from "./SnapshotStore.ts"
import type { Statements } from "./Statements.ts"

/** A command on its way to an actor. */
export interface Ask {
  readonly aggregate: string
  readonly id: string
  readonly command: string
  readonly payload: unknown
  readonly commandId: string
  /** Whether the caller chose the id and may come again with it; only then is a refusal kept. */
  readonly retryable: boolean
  /** Which command it is; see `CommandIdentity.ts`. */
  readonly fingerprint: string
  /** By what a release with an earlier rule may have known it; undefined where the id was made for it. */
  readonly earlier: Earlier | undefined
  readonly expectedVersion: number | undefined
  readonly correlationId: string
  readonly causationId: string | null
  readonly traceparent: string | null
  /** See `Principal.ts`. */
  readonly principal: string | null
  readonly isPersonal: boolean
  /** The payload as it is to be kept, see `KeptPayload.ts`; undefined where it is not. */
  readonly kept?: string | undefined
  /** See `Metadata.ts`. */
  readonly metadata: string | null
  /** See `Statements.ts`. */
  readonly statements?: Statements | undefined
}

/** The command's own answer. */
export interface Answer extends Place {
  readonly outcome: Outcome
  /** What `reply` made, or the error of the refusal. */
  readonly value: unknown
  /** Whether it was given before: the id was stored already. */
  readonly replayed: boolean
}

/** What runs aggregates: commands in, answers out. `ActorSystemLocal` and `ActorSystemCluster` are its layers. */
export class ActorSystem extends Context.Tag("daybook/core/ActorSystem")<
  ActorSystem,
  {
    /**
     * Makes the aggregate known while the scope is open; afterwards its commands fail with `ShuttingDown`. A second
     * aggregate with the same name, or with the same streams, is a defect.
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
