/**
 * A state is the same live, recovered and from a snapshot, whatever tries to change it. What becomes of answers and
 * payloads is in `HeldAnswers.ts`.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import * as Rpc from "@effect/rpc/Rpc"
import { Effect, Either, Schema } from "effect"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import { open, Point } from "./HeldAnswers.ts"
import { end, failureOf, release, same, withoutSnapshots } from "./Release.ts"

// ---- a tap whose events may leave things out ------------------------------------------------------------------------

const Turned = Event.make("Turned", {
  most: Schema.optional(Schema.Number),
  tags: Schema.optional(Schema.Unknown)
})
class OverMost extends Schema.TaggedError<OverMost>()("OverMost", {}) {}
class Tap extends Aggregate.make("Tap", {
  id: Schema.String,
  state: Schema.Struct({
    most: Schema.optional(Schema.Number),
    tags: Schema.optional(Schema.Unknown),
    last: Schema.optional(Schema.Number),
    sign: Schema.Number,
    history: Schema.Array(Schema.Unknown)
  }),
  initial: { sign: 0, history: [] },
  events: [Turned],
  commands: [
    Rpc.make("Set", {
      payload: { most: Schema.optional(Schema.Number), tags: Schema.optional(Schema.Unknown) },
      success: Schema.Unknown
    }),
    // It depends on a key being there, which only what was stored says.
    Rpc.make("Draw", { payload: { litres: Schema.Number }, success: Schema.Unknown, error: OverMost })
  ]
}) {}
const tap = Tap.toLayer({
  decide: {
    Set: ({ most, tags }) => Either.right([{ _tag: "Turned", most, tags }]),
    Draw: ({ litres }, state) =>
      Object.hasOwn(state, "most") && !(litres <= (state.most ?? 0)) ? Either.left(new OverMost()) : Either.right([])
  },
  evolve: {
    Turned: (state, { _tag, ...event }) => ({
      ...state,
      ...event,
      last: event.most,
      sign: -0,
      history: [...state.history, event]
    })
  },
  reply: { Set: (state) => state, Draw: (state) => state }
})
const set = (payload: { most?: number | undefined; tags?: unknown }, commandId: string) =>
  Effect.flatMap(Tap, (taps) => taps("t").ask("Set", payload, { commandId }))
const draw = Effect.flatMap(Tap, (taps) => Effect.either(taps("t").Draw({ litres: 150 })))
const tapState = Effect.flatMap(Tap, (taps) => Effect.map(taps("t").state, ({ state }) => state))

// ---- baskets, which somebody tries to change in place ---------------------------------------------------------------

const Put = Event.make("Put", { item: Schema.Struct({ name: Schema.String, tags: Schema.Array(Schema.String) }) })
const Basket = Aggregate.make("Basket", {
  id: Schema.String,
  state: Schema.Struct({
    items: Schema.Array(Schema.Struct({ name: Schema.String, tags: Schema.Array(Schema.String) })),
    since: Schema.Date,
    corner: Point
  }),
  initial: { items: [], since: new Date(0), corner: new Point({ x: 0 }) },
  events: [Put],
  commands: [
    Rpc.make("Put", {
      payload: { item: Schema.Struct({ name: Schema.String, tags: Schema.Array(Schema.String) }) },
      success: Schema.Struct({ items: Schema.Array(Schema.Unknown), since: Schema.Date, corner: Point })
    })
  ]
})
type BasketBehaviour = Parameters<typeof Basket.define>[0]
const behaviour: BasketBehaviour = {
  decide: { Put: ({ item }) => Either.right([Put.make({ item })]) },
  evolve: { Put: (state, { item }) => ({ ...state, items: [...state.items, item] }) },
  reply: { Put: (state) => state }
}
const put = (id: string, name: string) =>
  Effect.flatMap(Basket, (baskets) => baskets(id).Put({ item: { name, tags: [] } }))
const basket = (id: string) => Effect.flatMap(Basket, (baskets) => Effect.map(baskets(id).state, ({ state }) => state))
/** A change by somebody whom no type holds back; it may be refused. */
const meddle = (change: () => void): void => {
  try {
    change()
  } catch (error) {
    ok(error instanceof TypeError)
  }
}
export const HeldData: ReadonlyArray<ActorSystemCase> = [
  {
    name: "a field that an event left undefined is not in the state, live or recovered, and decisions are the same (VR3)",
    run: Effect.gen(function* () {
      const tags = { x: undefined, list: [{ y: undefined, z: -0 }] }
      const [live, drawn] = yield* release(
        tap,
        Effect.gen(function* () {
          yield* set({ most: 100, tags: { a: 1 } }, "1")
          yield* set({ most: undefined, tags }, "2")
          return [yield* tapState, yield* draw] as const
        }),
        { snapshotEvery: 1 }
      )
      same(
        live,
        {
          most: 100,
          sign: 0,
          tags: { list: [{ z: 0 }] },
          history: [{ most: 100, tags: { a: 1 } }, { tags: { list: [{ z: 0 }] } }]
        },
        "live"
      )
      const both = Effect.all([tapState, draw])
      const [fromSnapshot, drawnThen] = yield* release(tap, both)
      const [recovered, drawnLater] = yield* withoutSnapshots(release(tap, both))
      same(fromSnapshot, live, "from a snapshot")
      same(recovered, live, "recovered")
      ok(Either.isLeft(drawn) && Either.isLeft(drawnThen) && Either.isLeft(drawnLater), "drawn as the log says")
    })
  },
  {
    name: "an evolve that changes its state in place is a defect at its first event, and reaches no other instance (VR4)",
    run: Effect.gen(function* () {
      const pushing = Basket.toLayer({
        ...behaviour,
        evolve: {
          Put: (state, { item }) => {
            open(state).items.push(item)
            return state
          }
        }
      })
      yield* release(
        pushing,
        Effect.gen(function* () {
          const error = yield* failureOf(put("a", "pear"))
          ok(error instanceof Error && error.name === "TypeError", `${error}`)
          strictEqual(yield* end, 0)
          for (const id of ["a", "b"]) deepStrictEqual((yield* basket(id)).items, [])
        })
      )
      const dating = Basket.toLayer({
        ...behaviour,
        evolve: {
          Put: (state, { item }) => {
            state.since.setTime(1)
            open(state.corner).x = 1
            return { ...state, items: [...state.items, item] }
          }
        }
      })
      yield* release(
        dating,
        Effect.gen(function* () {
          yield* put("a", "pear")
          const untouched = yield* basket("b")
          strictEqual(untouched.since.getTime(), 0, "what cannot be frozen is nobody else's")
          strictEqual(untouched.corner.x, 0)
        })
      )
    })
  },
  {
    name: "who changes a payload, an answer or a state that he was given changes nothing inside (VR3)",
    run: Effect.gen(function* () {
      const layer = Basket.toLayer(behaviour)
      const live = yield* release(
        layer,
        Effect.gen(function* () {
          const baskets = yield* Basket
          const item = { name: "pear", tags: ["green"] }
          const fiber = yield* Effect.fork(baskets("a").Put({ item }, { commandId: "c" }))
          yield* Effect.yieldNow()
          item.name = "plum"
          item.tags.push("blue")
          const answer = yield* fiber.await.pipe(Effect.flatten)
          const change = (given: unknown) => {
            meddle(() => open(given).items.push({ name: "stone", tags: [] }))
            meddle(() => open(given).items[0].tags.push("grey"))
            meddle(() => open(given).since.setTime(5))
            meddle(() => {
              open(given).corner.x = 5
            })
          }
          change(answer)
          change(yield* basket("a"))
          change(yield* basket("b"))
          const expected = {
            items: [{ name: "pear", tags: ["green"] }],
            since: new Date(0),
            corner: new Point({ x: 0 })
          }
          same(yield* basket("a"), expected, "the state")
          same(yield* basket("b"), { ...expected, items: [] }, "an untouched state")
          const again = yield* baskets("a").Put({ item: { name: "pear", tags: ["green"] } }, { commandId: "c" })
          same(again, expected, "the answer")
          change(again)
          same(
            yield* baskets("a").Put({ item: { name: "pear", tags: ["green"] } }, { commandId: "c" }),
            expected,
            "again"
          )
          yield* put("a", "fig")
          return yield* basket("a")
        })
      )
      same(live, yield* withoutSnapshots(release(layer, basket("a"))), "live and recovered")
    })
  }
]
