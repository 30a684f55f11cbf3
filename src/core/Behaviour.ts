/**
 * `Behaviour` is what an aggregate does: plain functions, one for each command and each event of its contract. The
 * compiler finds what is missing or does not fit, and its messages begin with the names of the types below.
 */
import type { Rpc } from "@effect/rpc"
import type { Effect, Either } from "effect"
import type { DecideContext, Place } from "./Definition.ts"

/**
 * A `Decision` under another name: where something else is returned, the compiler's message begins with this name,
 * which says what is allowed.
 */
export type Decided<_Rule extends string, E, Failure> =
  | Either.Either<ReadonlyArray<E>, Failure>
  | Effect.Effect<ReadonlyArray<E>, Failure>

type Decide<Name extends string, S, E, R extends Rpc.Any> = {
  readonly [K in R as K["_tag"]]: (
    payload: Rpc.Payload<K>,
    state: S,
    context: DecideContext
  ) => Decided<
    `${Name}.${K["_tag"]}: give Either.right of events that ${Name} declares, or Either.left of an error that ${K["_tag"]} declares`,
    E,
    Rpc.Error<K>
  >
}
declare const rule: unique symbol

/**
 * An `A` under another name: where something else is returned, the compiler's message begins with this name, which says
 * what is expected. For callers it is an `A`. It is a union because the compiler keeps the name of no other type.
 */
export type Returned<Rule extends string, A> = A | (A & { readonly [rule]?: Rule })

type Evolve<Name extends string, S, E extends { readonly _tag: string }> = {
  readonly [T in E["_tag"]]: (
    state: S,
    event: Extract<E, { readonly _tag: T }>
  ) => Returned<`${Name}.${T}: evolve returns the next state of ${Name}, in the type that its contract declares`, S>
}
type Replies<Name extends string, S, R extends Rpc.Any> = {
  readonly [K in R as K["_tag"]]: (
    state: S,
    at: Place
  ) => Returned<`${Name}.${K["_tag"]}: reply returns what ${K["_tag"]} declares as its success`, Rpc.Success<K>>
}

/** `Name` is that of the aggregate, for the messages of the compiler. */
export interface Behaviour<S, E extends { readonly _tag: string }, R extends Rpc.Any, Name extends string = string> {
  readonly decide: Decide<Name, S, E, R>
  readonly evolve: Evolve<Name, S, E>
  /** The answer is made from the state after evolve, so that no total is computed twice. */
  readonly reply: Replies<Name, S, R>
}

/**
 * The behaviour that a contract asks for, to declare one in a module of its own: `Aggregate.BehaviourOf<typeof Order>`.
 */
export type BehaviourOf<C extends { readonly define: (behaviour: never) => unknown }> = Parameters<C["define"]>[0]
