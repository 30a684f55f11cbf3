/** A reaction that stands between two steps when the next release comes goes on, whatever that sends (CV8). */
import { Rpc } from "@effect/rpc"
import { Deferred, Effect, Either, Layer, Logger, Schema } from "effect"
import { assert, describe, it } from "vitest"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as StoredForm from "../../src/core/StoredForm.ts"
import { StreamId } from "../../src/core/StreamId.ts"
import * as Reaction from "../../src/projection/Reaction.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { postgresStore } from "../sql/Postgres.ts"
import { temporaryStore } from "../sql/TemporaryFolder.ts"

const Placed = Event.make("Placed", { sku: Schema.String, pieces: Schema.Int })
class Order extends Aggregate.make("Order", {
  id: Schema.String,
  state: Schema.Int,
  initial: 0,
  events: [Placed],
  commands: [Rpc.make("Place", { payload: { sku: Schema.String, pieces: Schema.Int } })]
}) {}
const orders = Order.toLayer({
  decide: { Place: (payload) => Either.right([Placed.make(payload)]) },
  evolve: { Placed: (n) => n + 1 },
  reply: { Place: () => undefined }
})

const Taken = Event.make("Taken", { pieces: Schema.Int })
const Packed = Event.make("Packed", { pieces: Schema.Int, box: Schema.String })
const stock = {
  id: Schema.String,
  state: Schema.Struct({ taken: Schema.Int, packed: Schema.Int }),
  initial: { taken: 0, packed: 0 },
  events: [Taken, Packed]
}
type State = typeof stock.state.Type
const evolve = {
  Taken: (state: State, { pieces }: Event.Of<typeof Taken>) => ({ ...state, taken: state.taken + pieces }),
  Packed: (state: State, { pieces }: Event.Of<typeof Packed>) => ({ ...state, packed: state.packed + pieces })
}

class Stock1 extends Aggregate.make("Stock", {
  ...stock,
  commands: [
    Rpc.make("Take", { payload: { pieces: Schema.Int, order: Schema.String }, success: Schema.Int }),
    Rpc.make("Pack", { payload: { pieces: Schema.Int }, success: Schema.Int })
  ]
}) {}
const stock1 = Stock1.toLayer({
  decide: {
    Take: ({ pieces }) => Either.right([Taken.make({ pieces })]),
    Pack: ({ pieces }) => Either.right([Packed.make({ pieces, box: "none" })])
  },
  evolve,
  reply: { Take: ({ taken }) => taken, Pack: ({ packed }) => packed }
})
/** Takes, and is cut off before it packs. */
const fulfil1 = (reached: Deferred.Deferred<number>) =>
  Reaction.make({
    name: "fulfil",
    startFrom: "beginning",
    events: [Placed],
    react: ({ event: { pieces, sku }, stored }, commandId) =>
      Effect.gen(function* () {
        const shelf = (yield* Stock1)(sku)
        const taken = yield* shelf.Take({ pieces, order: stored.streamId }, { commandId: commandId(0) })
        yield* Deferred.succeed(reached, taken)
        return yield* Effect.never
      })
  })

/** Both payloads have a next version, the answer of the first step too. */
class Stock2 extends Aggregate.make("Stock", {
  ...stock,
  commands: [
    Rpc.make("Pack", {
      payload: StoredForm.make({ pieces: Schema.Int }).next({ box: Schema.String, pieces: Schema.Int }, (v1) => ({
        ...v1,
        box: "none"
      })),
      success: Schema.Int
    }),
    Rpc.make("Take", {
      payload: StoredForm.make({ pieces: Schema.Int, order: Schema.String }).next(
        { lot: Schema.String, pieces: Schema.NumberFromString },
        ({ order, pieces }) => ({ lot: order, pieces: String(pieces) })
      ),
      success: StoredForm.make(Schema.Int).next({ total: Schema.Int }, (total) => ({ total }))
    })
  ]
}) {}
const stock2 = Stock2.toLayer({
  decide: {
    Take: ({ pieces }) => Either.right([Taken.make({ pieces })]),
    Pack: ({ box, pieces }) => Either.right([Packed.make({ pieces, box })])
  },
  evolve,
  reply: { Take: ({ taken }) => ({ total: taken }), Pack: ({ packed }) => packed }
})
const fulfil2 = (done: Deferred.Deferred<object>) =>
  Reaction.make({
    name: "fulfil",
    startFrom: "beginning",
    events: [Placed],
    react: ({ event: { pieces, sku } }, commandId) =>
      Effect.gen(function* () {
        const shelf = (yield* Stock2)(sku)
        const taken = yield* shelf.ask("Take", { pieces, lot: "lot of this release" }, { commandId: commandId(0) })
        const packed = yield* shelf.ask("Pack", { pieces, box: "large" }, { commandId: commandId(1) })
        yield* Deferred.succeed(done, {
          taken: [taken.outcome, taken.replayed],
          packed: [packed.outcome, packed.replayed]
        })
      })
  })

const stores = {
  sqlite: temporaryStore,
  "sqlite::memory:": SqliteStore.layer({ filename: ":memory:" }),
  postgres: postgresStore()
}
const quiet = Logger.remove(Logger.defaultLogger)

const program = Effect.gen(function* () {
  const reached = yield* Deferred.make<number>()
  const place = Effect.flatMap(Order, (all) => all("1").Place({ sku: "pear", pieces: 3 }))
  const first = Layer.provideMerge(Reaction.layer(fulfil1(reached)), Layer.merge(orders, stock1))
  const taken = yield* Effect.zipRight(place, Deferred.await(reached)).pipe(
    Effect.provide(Layer.provide(first, ActorSystemLocal.layer))
  )
  assert.strictEqual(taken, 3)

  const done = yield* Deferred.make<object>()
  const second = Layer.provideMerge(Reaction.layer(fulfil2(done)), stock2)
  const found = yield* Effect.provide(Deferred.await(done), Layer.provide(second, ActorSystemLocal.layer))
  assert.deepStrictEqual(found, {
    taken: [Either.right({ total: 3 }), true],
    packed: [Either.right(3), false]
  })
  const { events } = yield* Effect.flatMap(EventStore, (store) => store.readStream(StreamId.make("stock-pear")))
  assert.deepStrictEqual(
    events.map(({ data, type }) => [type, JSON.parse(data)]),
    [
      ["Taken", { pieces: 3 }],
      ["Packed", { pieces: 3, box: "large" }]
    ]
  )
})

for (const [name, layer] of Object.entries(stores)) {
  describe(`a reaction on ${name}`, () => {
    it("does the second of two steps under the next release, whose payloads have another version (CV8)", () =>
      Effect.runPromise(Effect.provide(program, [layer, quiet])))
  })
}
