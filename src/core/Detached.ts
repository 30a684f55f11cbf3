/**
 * An effect that gets nothing from the fiber that starts it, such as an open transaction: for fibers that outlive their
 * builder.
 */
import { Context, Effect } from "effect"

export const detached = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.mapInputContext(effect, (): Context.Context<never> => Context.empty())
