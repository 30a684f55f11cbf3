/** Mutants of which one port does something else. */
import { Context, Effect, Layer } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import type { OtherSession } from "../projection/OtherSession.ts"
import type { Tampering } from "../Tampering.ts"
import { changing, type Fails, type Mutant } from "./Mutant.ts"

/** A log and the read side beside it. */
export type ReadSide = EventStore | ProjectionStore

/** The same on a database that others use too, with hands that change its rows. */
export type SharedReadSide = ReadSide | OtherSession | Tampering

export const mutant = <R, I extends R, S extends object>(
  name: string,
  fails: Fails,
  tag: Context.Tag<I, S>,
  change: (service: S) => Partial<S>
): Mutant<R> => ({ name, fails, of: changing(tag, change) })

/** With some of two services changed, by what both know. */
export const changingBoth =
  <I, S extends object, J, O extends object>(
    tag: Context.Tag<I, S>,
    other: Context.Tag<J, O>,
    change: (service: S, other: O) => readonly [Partial<S>, Partial<O>]
  ) =>
  <R>(sound: Layer.Layer<R | I | J>): Layer.Layer<R | I | J> =>
    Layer.map(sound, (context) => {
      const service = Context.get(context as Context.Context<I>, tag)
      const taken = Context.get(context as Context.Context<J>, other)
      const [changed, otherChanged] = change(service, taken)
      return context.pipe(
        Context.add(other, { ...taken, ...otherChanged }),
        Context.add(tag, { ...service, ...changed })
      )
    })

/** With some of a service changed, for which it takes another. */
export const changingBy = <I, S extends object, J, O extends object>(
  tag: Context.Tag<I, S>,
  other: Context.Tag<J, O>,
  change: (service: S, other: O) => Partial<S>
) => changingBoth(tag, other, (service, taken) => [change(service, taken), {}])

type Store = EventStore["Type"]

/** One whose event store does something else. */
export const storeMutant = <R = never>(
  name: string,
  fails: Fails,
  change: (store: Store) => Partial<Store>
): Mutant<R | EventStore> => ({ name, fails, of: changing(EventStore, change) })

/** A log that gives other events than it has. */
export const logging =
  (change: (event: StoredEvent) => ReadonlyArray<StoredEvent>) =>
  ({ readAll }: Store): Partial<Store> => ({
    readAll: (after, limit) =>
      Effect.map(readAll(after, limit), ({ events, more }) => ({ events: events.flatMap(change), more }))
  })
