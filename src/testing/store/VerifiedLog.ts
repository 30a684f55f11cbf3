/**
 * Nothing acts on a damaged event: each reader of the log stops there with the stream and the version, having given
 * what stands before.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import * as Rpc from "@effect/rpc/Rpc"
import { Chunk, Effect, Either, Layer, Schema, Stream } from "effect"
import { RecoveryFailed } from "../../core/ActorError.ts"
import * as ActorSystemLocal from "../../core/ActorSystemLocal.ts"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import { EventStore } from "../../core/EventStore.ts"
import * as Explain from "../../core/Explain.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import { StreamDamaged } from "../../core/StoreError.ts"
import { StreamId } from "../../core/StreamId.ts"
import * as TimeTravel from "../../core/TimeTravel.ts"
import * as Subscription from "../../projection/Subscription.ts"
import { Noted, note } from "../Notes.ts"
import { changes, derived, displaced, edit, flipped, stored, type VerifiedLogCase, walk } from "../VerifiedCase.ts"

class Tally extends Aggregate.make("Tally", {
  id: Schema.String,
  state: Schema.Struct({ count: Schema.Int }),
  initial: { count: 0 },
  events: [Event.make("Counted", { by: Schema.Int })],
  commands: [Rpc.make("Count", { payload: { by: Schema.Int }, success: Schema.Int })]
}) {}

const behaviour: Parameters<typeof Tally.define>[0] = {
  decide: { Count: ({ by }) => Either.right([{ _tag: "Counted" as const, by }]) },
  evolve: { Counted: ({ count }, { by }) => ({ count: count + by }) },
  reply: { Count: ({ count }) => count }
}

const definition = Tally.define(behaviour)

/** A system of its own, which remembers nothing. */
const tally = <A, E, R>(program: Effect.Effect<A, E, R | Aggregate.Service<"Tally">>) =>
  Effect.provide(program, Tally.toLayer(behaviour).pipe(Layer.provide(ActorSystemLocal.layer)))

const countBy = (id: string, by: number) => Effect.flatMap(Tally, (tallies) => tallies(id).Count({ by }))

export const VerifiedLog: ReadonlyArray<VerifiedLogCase> = [
  {
    name: "an event of which any field was changed is never read, and what stands before and behind it is (VR1)",
    run: Effect.gen(function* () {
      const store = yield* EventStore
      const names = Object.keys(changes)
      for (const text of ["one", "two", "three"]) {
        for (const name of names) yield* note(name, text)
      }
      const { events: whole } = yield* walk
      const hurt = whole.filter(({ version }) => version === 2)
      for (const event of hurt) yield* edit(event.position, changes[event.streamId]?.(event) ?? null)

      const { damages, events } = yield* walk
      deepStrictEqual(
        events,
        whole.filter(({ version }) => version !== 2)
      )
      deepStrictEqual(
        damages.map(({ position }) => position),
        hurt.map(({ position }) => position)
      )
      for (const name of names) {
        const streamId = StreamId.make(name)
        const own = whole.filter((event) => event.streamId === name)
        const page = yield* store.readStream(streamId)
        if (name === derived && !page.more) {
          deepStrictEqual(page.events, own)
          continue
        }
        deepStrictEqual(page, { events: own.slice(0, 1), more: true }, name)
        const damaged = yield* flipped(store.readStream(streamId, { from: 2 }))
        // Where its row is at another place, the next event shows that it is missing.
        deepStrictEqual([damaged.streamId, damaged.version], [name, displaced.includes(name) ? 3 : 2])
        const backwards = yield* Effect.either(store.readStream(streamId, { to: 3, direction: "backwards" }))
        ok(Either.isRight(backwards))
        deepStrictEqual(backwards.right, { events: own.slice(2), more: true })
      }
    })
  },
  {
    name: "an event that is missing from its stream is said at the next one, forwards and backwards (VR1)",
    run: Effect.gen(function* () {
      const store = yield* EventStore
      yield* note("a", "one", "two", "three")
      yield* edit(2, null)
      const streamId = StreamId.make("a")
      strictEqual((yield* store.readStream(streamId)).events.length, 1)
      strictEqual((yield* flipped(store.readStream(streamId, { from: 2 }))).version, 3)
      const backwards = yield* store.readStream(streamId, { direction: "backwards" })
      deepStrictEqual([backwards.events.map(({ version }) => version), backwards.more], [[3], true])
    })
  },
  {
    name: "a stream whose last events are missing, or all of them, is not taken for a shorter one (JR3)",
    run: Effect.gen(function* () {
      yield* tally(
        Effect.gen(function* () {
          for (const by of [1, 2]) yield* countBy("end", by)
          yield* countBy("whole", 1)
        })
      )
      for (const [id, position, missing] of [
        ["end", 2, 2],
        ["whole", 3, 1]
      ] as const) {
        yield* edit(position, null)
        const error = yield* Effect.flip(tally(Effect.flatMap(Tally, (tallies) => tallies(id).state)))
        ok(error instanceof RecoveryFailed && error.cause instanceof StreamDamaged, id)
        deepStrictEqual([error.cause.streamId, error.cause.version], [Tally.streamId(id), missing])
        const told = yield* flipped(Explain.history(definition, id))
        deepStrictEqual([told.streamId, told.version], [Tally.streamId(id), missing])
      }
    })
  },
  {
    name: "an actor, its live changes and its past stop at a damaged event, and others are served (VR1)",
    run: Effect.gen(function* () {
      const tried = Object.keys(changes).filter((name) => name !== derived)
      yield* tally(
        Effect.gen(function* () {
          for (const by of [1, 2, 3]) {
            for (const id of [...tried, "sound"]) yield* countBy(id, by)
          }
        })
      )
      for (const id of tried) {
        const streamId = Tally.streamId(id)
        const [, second] = yield* stored(streamId)
        ok(second !== undefined)
        yield* edit(second.position, changes[id]?.(second) ?? null)
        yield* tally(
          Effect.gen(function* () {
            const one = (yield* Tally)(id)
            for (const refused of [Effect.flip(one.state), Effect.flip(one.Count({ by: 1 }))]) {
              const error = yield* refused
              ok(error instanceof RecoveryFailed && error.cause instanceof StreamDamaged, id)
              strictEqual(error.cause.streamId, streamId)
            }
            const seen: Array<number> = []
            yield* flipped(
              Stream.runForEach(one.changes(), ({ stored }) => Effect.sync(() => seen.push(stored.version)))
            )
            deepStrictEqual(seen, [1], id)
            strictEqual((yield* countBy("sound", 1)) > 6, true)
          })
        )
        deepStrictEqual((yield* TimeTravel.stateAt(definition, id, { version: 1 })).state, { count: 1 })
        yield* flipped(Explain.history(definition, id, { after: 1 }))
        yield* flipped(TimeTravel.stateAt(definition, id, { version: 3 }))
        yield* flipped(TimeTravel.stateAt(definition, id, { at: new Date(Date.UTC(2999, 0)) }))
      }
    })
  },
  {
    name: "a subscription gives what stands before a damaged event, says which it is, and goes on behind it when asked (VR1 VR2)",
    run: Effect.gen(function* () {
      for (const text of ["one", "two", "three"]) {
        for (const id of ["a", "b"]) yield* note(id, text)
      }
      const { events: whole } = yield* walk
      yield* edit(3, { type: "Unwanted" })
      const gather = (after: Stream.Stream<StoredEvent, unknown, EventStore>) =>
        Effect.gen(function* () {
          const seen: Array<StoredEvent> = []
          const damaged = yield* flipped(Stream.runForEach(after, (event) => Effect.sync(() => seen.push(event))))
          return { seen, damaged }
        })
      // What its filter would drop is looked at too.
      const events = [Noted]
      const { damaged, seen } = yield* gather(Subscription.log(0, { events }))
      deepStrictEqual(seen, whole.slice(0, 2))
      deepStrictEqual([damaged.streamId, damaged.version, damaged.position], ["a", 2, 3])
      const rest = yield* Stream.runCollect(Stream.take(Subscription.log(damaged.position ?? 0, { events }), 3))
      deepStrictEqual(Chunk.toReadonlyArray(rest), whole.slice(3))

      const ofStream = yield* gather(Subscription.stream(StreamId.make("a"), 0))
      deepStrictEqual(ofStream.seen, whole.slice(0, 1))
      const others = yield* Stream.runCollect(Stream.take(Subscription.stream(StreamId.make("b"), 0), 3))
      strictEqual(others.length, 3)
    })
  }
]
