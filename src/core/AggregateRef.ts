/**
 * `AggregateRef` has the types of one aggregate as its users see it, whether it is in this process (`Aggregate.Ref`) or
 * behind a service (`Client`): the options of a command and what it can fail with besides its own errors differ.
 */
import type { Rpc } from "@effect/rpc"
import type { Effect, Either } from "effect"
import type { Place } from "./Definition.ts"

/** A command's own answer with where it came from. */
export interface Reply<A, E> extends Place {
  readonly outcome: Either.Either<A, E>
  readonly commandId: string
  /** Whether the answer was given before, to the same command id. */
  readonly replayed: boolean
}

/** The commands under their names. */
export type Methods<R extends Rpc.Any, Options, Failure> = {
  readonly [K in R as K["_tag"]]: (
    payload: Rpc.PayloadConstructor<K>,
    options?: Options
  ) => Effect.Effect<Rpc.Success<K>, Rpc.Error<K> | Failure>
}

/** Sends the command of this name. The answer also says whether it was given before. */
export type Ask<R extends Rpc.Any, Options, Failure> = <K extends R["_tag"]>(
  command: K,
  payload: Rpc.PayloadConstructor<Extract<R, { readonly _tag: K }>>,
  options?: Options
) => Effect.Effect<
  Reply<Rpc.Success<Extract<R, { readonly _tag: K }>>, Rpc.Error<Extract<R, { readonly _tag: K }>>>,
  Failure
>
