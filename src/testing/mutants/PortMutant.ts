/** Mutants of which one port does something else. */
import { Context, Effect, Layer } from "effect"
import type { EventStore } from "../../core/EventStore.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import { changing, type Fails, type Mutant } from "./Mutant.ts"

/** A log and the read side beside it. */
export type ReadSide = EventStore | ProjectionStore

export const mutant = <R, I extends R, S extends object>(
  name: string,
  fails: Fails,
  tag: Context.Tag<I, S>,
  change: (service: S) => Partial<S>
): Mutant<R> => ({ name, fails, of: changing(tag, change) })

/** With some of a service changed, for which it takes another. */
export const changingBy =
  <I, S extends object, J, O>(
    tag: Context.Tag<I, S>,
    other: Context.Tag<J, O>,
    change: (service: S, other: O) => Partial<S>
  ) =>
  <R>(sound: Layer.Layer<R | I | J>): Layer.Layer<R | I | J> =>
    Layer.map(sound, (context) => {
      const service = Context.get(context as Context.Context<I>, tag)
      const taken = Context.get(context as Context.Context<J>, other)
      return Context.add(context, tag, { ...service, ...change(service, taken) })
    })

type Store = EventStore["Type"]

/** A log that gives other events than it has. */
export const logging =
  (change: (event: StoredEvent) => ReadonlyArray<StoredEvent>) =>
  ({ readAll }: Store): Partial<Store> => ({
    readAll: (after, limit) =>
      Effect.map(readAll(after, limit), ({ events, more }) => ({ events: events.flatMap(change), more }))
  })
