/** The promises of `core/Aggregate.ts`: to snapshots, of names, and of what a payload is to those who decide it. */

import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Either, Layer, Schema, Stream } from "effect"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"

const fingerprint = (state: Schema.Schema.AnyNoContext, initial: object, version?: number): string => {
  const snapshot = version === undefined ? {} : { snapshot: { version } }
  const contract = { id: Schema.String, state, initial, events: [], commands: [], ...snapshot }
  return Aggregate.make("Tank", contract).define({ decide: {}, evolve: {}, reply: {} }).snapshot.fingerprint
}
const Litres = Schema.Struct({ litres: Schema.Int })
const known = fingerprint(Litres, { litres: 0 })

describe("the fingerprint of a state", () => {
  it("changes with the stored form, with what it is decoded to, and with the version of evolve (SS13)", () => {
    const Full = Schema.transform(Litres, Schema.Struct({ litres: Schema.Int, isFull: Schema.Boolean }), {
      strict: true,
      decode: ({ litres }) => ({ litres, isFull: false }),
      encode: ({ litres }) => ({ litres })
    })
    assert.notStrictEqual(fingerprint(Schema.Struct({ litres: Schema.NullOr(Schema.Int) }), { litres: 0 }), known)
    assert.notStrictEqual(fingerprint(Full, { litres: 0, isFull: false }), known)
    assert.notStrictEqual(fingerprint(Litres, { litres: 0 }, 2), known)
  })

  it("does not change with a remark or the initial state", () => {
    assert.strictEqual(fingerprint(Litres.annotations({ description: "in the tank" }), { litres: 1 }, 1), known)
  })
})

describe("the name of an aggregate", () => {
  const named = (name: string) =>
    Aggregate.make(name, { id: Schema.String, state: Litres, initial: { litres: 0 }, events: [], commands: [] })

  it.each(["", "Order-line", "Order_line", "order line", "1Order", "Größe", "Order\n"])("is not %j", (name) => {
    assert.throws(() => named(name), Aggregate.InvalidAggregate, "is not a name")
  })

  it.each(["ask", "state", "changes", "then", "constructor", "", "__proto__", "Pack it"])(
    "has no command named %j",
    (tag) => {
      const contract = { id: Schema.String, state: Litres, initial: { litres: 0 }, events: [] }
      const commands = [Rpc.make(tag)]
      assert.throws(() => Aggregate.make("Tank", { ...contract, commands }), Aggregate.InvalidAggregate, "be named")
    }
  )

  it("has no command that answers with a stream", () => {
    const contract = { id: Schema.String, state: Litres, initial: { litres: 0 }, events: [] }
    const commands = [Rpc.make("Watch", { success: Schema.Int, stream: true })]
    assert.throws(() => Aggregate.make("Tank", { ...contract, commands }), Aggregate.InvalidAggregate, "with a stream")
  })

  it("is the first part of its streams", () => {
    assert.strictEqual(named("OrderLine2").streamId("7"), "orderLine2-7")
  })
})

describe("an event whose schema loses something", () => {
  const Days = Schema.transform(Schema.Int, Schema.Number, {
    strict: true,
    decode: (days) => days * 86_400,
    encode: (seconds) => Math.floor(seconds / 86_400)
  })
  class Diary extends Aggregate.make("Diary", {
    id: Schema.String,
    state: Schema.Number,
    initial: 0,
    events: [Event.make("Written", { at: Days })],
    commands: [Rpc.make("Write", { payload: { at: Schema.Number }, success: Schema.Number })]
  }) {}

  it.effect("changes the state to what a recovery makes of it", () =>
    Effect.gen(function* () {
      const layer = Diary.toLayer({
        decide: { Write: ({ at }) => Either.right([{ _tag: "Written", at }]) },
        evolve: { Written: (_, { at }) => at },
        reply: { Write: (at) => at }
      }).pipe(Layer.provide(ActorSystemLocal.layer))
      const read = Effect.flatMap(Diary, (diaries) => diaries("a").state)
      const stores = Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer)
      yield* Effect.gen(function* () {
        const lived = yield* Effect.provide(
          Effect.zipRight(
            Effect.flatMap(Diary, (diaries) => diaries("a").Write({ at: 86_401 })),
            read
          ),
          Layer.fresh(layer)
        )
        const recovered = yield* Effect.provide(read, Layer.fresh(layer))
        assert.strictEqual(lived.state, 86_400)
        assert.strictEqual(recovered.state, lived.state)
      }).pipe(Effect.provide(stores))
    })
  )
})

describe("a payload", () => {
  const Line = Schema.Struct({ item: Schema.String, counts: Schema.Record({ key: Schema.String, value: Schema.Int }) })
  const Packed = Event.make("Packed", { text: Schema.String })
  const WholeSeconds = Schema.transform(Schema.Int, Schema.Int, {
    strict: true,
    decode: (seconds) => seconds * 1_000,
    encode: (at) => Math.floor(at / 1_000)
  })
  class Box extends Aggregate.make("Box", {
    id: Schema.String,
    state: Schema.String,
    initial: "",
    events: [Packed],
    commands: [
      Rpc.make("Pack", { payload: { lines: Schema.Array(Line) }, success: Schema.String }),
      Rpc.make("Note", { payload: Schema.Struct({ text: Schema.String }).pipe(Schema.filter(() => true)) }),
      Rpc.make("Take", { payload: { value: Schema.Unknown } }),
      Rpc.make("Date", { payload: { at: WholeSeconds } })
    ]
  }) {}
  /** Decisions wait until all that the caller wants to spoil is spoilt. */
  const boxes = (latch: Deferred.Deferred<void>) => {
    const packed = (value: unknown) =>
      Effect.as(Deferred.await(latch), [Packed.make({ text: JSON.stringify(value) ?? "" })])
    return Box.toLayer({
      decide: { Pack: packed, Note: packed, Take: packed, Date: packed },
      evolve: { Packed: (_, { text }) => text },
      reply: { Pack: (state) => state, Note: () => undefined, Take: () => undefined, Date: () => undefined }
    }).pipe(
      Layer.provide(ActorSystemLocal.layer),
      Layer.provide(Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer))
    )
  }
  const withBox = <A, E>(use: (latch: Deferred.Deferred<void>) => Effect.Effect<A, E, Aggregate.Service<"Box">>) =>
    Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      return yield* Effect.provide(use(latch), boxes(latch))
    })

  it.effect("is decided as it was when it was sent, whatever the caller does to its objects afterwards", () =>
    withBox((latch) =>
      Effect.gen(function* () {
        const box = (yield* Box)("a")
        const counts: Record<string, number> = { a: 1 }
        const pack = yield* Effect.fork(box.Pack({ lines: [{ item: "x", counts }] }))
        const text = { text: "as sent" }
        const note = yield* Effect.fork(box.Note(text))
        yield* Effect.yieldNow()
        counts.a = 99
        text.text = "spoilt"
        yield* Deferred.succeed(latch, undefined)
        assert.strictEqual(yield* pack, '{"lines":[{"item":"x","counts":{"a":1}}]}')
        yield* note
        assert.strictEqual((yield* box.state).state, '{"text":"as sent"}')
      })
    )
  )

  it.effect("is the same whatever the order of its keys", () =>
    withBox((latch) =>
      Effect.gen(function* () {
        yield* Deferred.succeed(latch, undefined)
        const box = (yield* Box)("a")
        const pack = (counts: Record<string, number>) =>
          box.ask("Pack", { lines: [{ item: "x", counts }] }, { commandId: "c" })
        assert.isFalse((yield* pack({ a: 1, b: 2 })).replayed)
        assert.isTrue((yield* pack({ b: 2, a: 1 })).replayed)
        assert.strictEqual((yield* Effect.flip(pack({ a: 2, b: 1 })))._tag, "CommandIdReused")
      })
    )
  )

  it.effect("is decided as its text says, also where the text says less", () =>
    withBox((latch) =>
      Effect.gen(function* () {
        yield* Deferred.succeed(latch, undefined)
        const box = (yield* Box)("a")
        yield* box.Date({ at: 1_999 })
        assert.strictEqual((yield* box.state).state, '{"at":1000}')
      })
    )
  )

  it.effect("is not looked at where the id does not fit: each command, read and stream is refused", () =>
    withBox(() =>
      Effect.gen(function* () {
        const box = (yield* Box)(7 as never)
        const asked = [box.Note({ text: "" }), box.ask("Note", { text: "" }), box.state, Stream.runDrain(box.changes())]
        for (const one of asked) {
          const error = yield* Effect.flip<unknown, { readonly _tag: string; readonly argument?: string }, never>(one)
          assert.deepInclude(error, { _tag: "InvalidArgument", argument: "id" })
        }
      })
    )
  )

  it.effect("that JSON cannot hold is refused, with its place", () =>
    withBox(() =>
      Effect.gen(function* () {
        const box = (yield* Box)("a")
        const ring: Record<string, unknown> = {}
        ring.again = ring
        for (const value of [Number.NaN, 1n, new Date(0), ring, { deep: [undefined] }]) {
          const error = yield* Effect.flip(box.Take({ value }))
          assert.isTrue(error._tag === "InvalidArgument" && error.argument.startsWith("Box.Take.value"))
        }
      })
    )
  )
})
