/**
 * `Definition` is an aggregate as the runtime sees it, without its types: contract and behaviour, found by the tag of a
 * command. `Aggregate.ts` makes it; actors, verification and specs run it.
 */
import type { Effect, Either, SchemaAST } from "effect"
import type { CommandCodec } from "./CommandCodec.ts"
import type { EventCodec } from "./EventCodec.ts"
import type { StreamId } from "./StreamId.ts"

/** What decide may know besides the command and the state. */
export interface DecideContext {
  /** The aggregate's id, encoded. */
  readonly id: string
  /** Version of the state that it decides on. */
  readonly version: number
  /** Milliseconds since 1970-01-01 UTC, the same for all commands that are decided together. */
  readonly now: number
  readonly commandId: string
  readonly correlationId: string
  readonly causationId: string | null
  /** Who sent it; null where nobody is named. */
  readonly principal: string | null
  /** What the sender wants noted, for `Metadata.read`; null where there is nothing. */
  readonly metadata: string | null
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

export type Outcome = "success" | "refusal"

export interface Definition<S, E extends { readonly _tag: string }> {
  readonly name: string
  readonly streamId: (id: string) => StreamId
  readonly codec: EventCodec<E>
  readonly commands: CommandCodec
  /** The state before the first event, frozen; what cannot be frozen is made again for each caller. */
  readonly initial: S
  /** Throws where the behaviour does. */
  readonly evolve: (state: S, event: E) => S
  /**
   * The state as a recovery would give it. `before` is a state that has this form already; parts that both share are
   * not looked at.
   */
  readonly hold: (state: S, before?: S) => S
  readonly decide: (command: string, payload: unknown, state: S, context: DecideContext) => Decision<E, unknown>
  readonly reply: (command: string, state: S, at: Place) => unknown
  /** Whether a refusal with this error is the answer for ever, or is decided again when the command comes again. */
  readonly isKept: (error: unknown) => boolean
  readonly snapshot: SnapshotPolicy<S>
}

export interface SnapshotPolicy<S> {
  /** Events between two snapshots; undefined: as `ActorConfig` says. */
  readonly every: number | undefined
  /** That of `evolve`, as the contract says. */
  readonly version: number
  readonly fingerprint: string
  /** The state's schema. */
  readonly schema: SchemaAST.AST
  /** Throws `UnstorableState` where the state would not come back as it is. */
  readonly encode: (state: S) => string
  /** Throws where the text is not of such a state. */
  readonly decode: (data: string) => S
}

// biome-ignore lint/suspicious/noExplicitAny: state and event are invariant; no other bound takes every definition.
export type AnyDefinition = Definition<any, any>
