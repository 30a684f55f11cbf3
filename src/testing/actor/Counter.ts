/**
 * An aggregate that counts, and what the cases of an actor system do with it. Faults are injected between the system
 * and its store, never into the system.
 */
import * as Rpc from "@effect/rpc/Rpc"
import { Deferred, Effect, Either, Layer, Schema, TestContext } from "effect"
import type { ActorLimits } from "../../core/ActorConfig.ts"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import { EventStore } from "../../core/EventStore.ts"
import { SnapshotStore } from "../../core/SnapshotStore.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import { StoreUnavailable } from "../../core/StoreError.ts"
import { StreamId } from "../../core/StreamId.ts"
import { SystemUnderTest } from "../SystemUnderTest.ts"
import { watched, watchedSnapshots } from "./Passing.ts"

export const Added = Event.make("Added", { by: Schema.Int })
export type Added = Event.Of<typeof Added>

export class TooMuch extends Schema.TaggedError<TooMuch>()("TooMuch", { count: Schema.Int }) {}

export class NotYet extends Schema.TaggedError<NotYet>()("NotYet", {}) {}

export class Counter extends Aggregate.make("Counter", {
  id: Schema.String,
  state: Schema.Struct({ count: Schema.Int }),
  initial: { count: 0 },
  events: [Added],
  commands: [
    Rpc.make("Add", {
      payload: { by: Schema.Int },
      success: Schema.Struct({ count: Schema.Int, version: Schema.Int, position: Schema.Int }),
      error: Schema.Union(TooMuch, NotYet)
    })
  ],
  transientErrors: ["NotYet"]
}) {}

export type CounterBehaviour = Parameters<typeof Counter.define>[0]

export type Decide = CounterBehaviour["decide"]["Add"]

/**
 * The ways in which a command can end, by its number: 13 is refused for ever, 14 for now, 15 cannot be stored, 16
 * throws.
 */
export const decideAdd: Decide = ({ by }, { count }) => {
  if (by === 13) return Either.left(new TooMuch({ count }))
  if (by === 14) return Either.left(new NotYet())
  if (by === 15) return Either.right([Added.make({ by: 0.5 })])
  if (by === 16) throw new Error("poison")
  return Either.right([Added.make({ by })])
}

export const behaviour = (decide: Decide = decideAdd, changes: Partial<CounterBehaviour> = {}): CounterBehaviour => ({
  decide: { Add: decide },
  evolve: { Added: ({ count }, { by }) => ({ count: count + by }) },
  reply: { Add: ({ count }, at) => ({ count, ...at }) },
  ...changes
})

/** A decision that says when it has begun, and waits until it is let go. */
export const heldDecision = Effect.gen(function* () {
  const latch = yield* Deferred.make<void>()
  const started = yield* Deferred.make<void>()
  const decide: Decide = ({ by }) =>
    Deferred.succeed(started, undefined).pipe(Effect.zipRight(Deferred.await(latch)), Effect.as([Added.make({ by })]))
  return { decide, started: Deferred.await(started), letGo: Deferred.succeed(latch, undefined) }
})

/** What the cases ask, for systems whose actors live in other processes than the case. */
export const conformanceDefinition = Counter.define(behaviour())

export interface Setting {
  readonly limits?: Partial<ActorLimits>
  readonly behaviour?: CounterBehaviour
  readonly store?: (store: EventStore["Type"]) => Partial<EventStore["Type"]>
  readonly snapshots?: (store: SnapshotStore["Type"]) => Partial<SnapshotStore["Type"]>
}

/** Has the system find another stream in the place of some. */
export const elsewhere =
  (place: (id: StreamId) => StreamId): NonNullable<Setting["store"]> =>
  (store) => ({
    append: (requests) => store.append(requests.map((request) => ({ ...request, streamId: place(request.streamId) }))),
    readStream: (id, options) => store.readStream(place(id), options),
    head: (id) => store.head(place(id)),
    lastEntry: (id) => store.lastEntry(place(id))
  })

type Program<A> = Effect.Effect<A, unknown, Aggregate.Service<"Counter"> | EventStore | SnapshotStore | SystemUnderTest>

/** Runs a program with a system of its own over the stores, which outlive it. */
export const running = <A>({ limits = {}, ...setting }: Setting, program: Program<A>) =>
  Effect.gen(function* () {
    const { layer } = yield* SystemUnderTest
    const store = watched(yield* EventStore)
    const snapshots = watchedSnapshots(yield* SnapshotStore)
    const stores = Layer.merge(
      Layer.succeed(EventStore, { ...store, ...setting.store?.(store) }),
      Layer.succeed(SnapshotStore, { ...snapshots, ...setting.snapshots?.(snapshots) })
    )
    const counter = Counter.toLayer(setting.behaviour ?? behaviour()).pipe(
      Layer.provide(layer(limits)),
      Layer.provide(stores)
    )
    return yield* Effect.provide(program, counter)
  })

/** With a clock that only the case moves. */
export const virtual = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, TestContext.TestContext)

export const counter = (id: string) => Effect.map(Counter, (counters) => counters(id))

export const add = (id: string, by: number, options?: Aggregate.CommandOptions) =>
  Effect.flatMap(counter(id), (one) => one.Add({ by }, options))

export const count = (id: string) =>
  Effect.map(
    Effect.flatMap(counter(id), (one) => one.state),
    ({ state }) => state.count
  )

/** All events of a counter. */
export const stored = (id: string) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const all: Array<StoredEvent> = []
    for (;;) {
      const { events, more } = yield* store.readStream(StreamId.make(`counter-${id}`), { from: all.length + 1 })
      all.push(...events)
      if (!more) return all
    }
  })

export const tagOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => (error as { readonly _tag?: string })._tag)

export const unavailable = new StoreUnavailable({ operation: "append", cause: new Error("injected") })
