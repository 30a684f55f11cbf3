/**
 * What memory holds is what was stored: an answer is the same the first time and later, what would not come back is refused
 * before anything is stored, and a state is the same live, recovered and from a snapshot, whatever tries to change it.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Rpc } from "@effect/rpc"
import { Duration, Effect, Either, Schema } from "effect"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import { EventStore } from "../../core/EventStore.ts"
import { StreamId } from "../../core/StreamId.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import { end, failureOf, release, replays, same, withoutSnapshots } from "./Release.ts"

// ---- probes, which answer and note whatever they are told ---------------------------------------------------------

class Point extends Schema.Class<Point>("Point")({ x: Schema.Number }) {}
class Plain {
  readonly x = 1
}

const Noted = Event.make("Noted", { note: Schema.Unknown })
const Reading = Schema.Struct({
  mean: Schema.optional(Schema.Number),
  deep: Schema.optional(Schema.Struct({ list: Schema.Array(Schema.Struct({ n: Schema.optional(Schema.Number) })) })),
  when: Schema.optional(Schema.Date),
  point: Schema.optional(Point),
  sum: Schema.optional(Schema.BigInt),
  any: Schema.optional(Schema.Unknown)
})
class Failed extends Schema.TaggedError<Failed>()("Failed", { mean: Schema.Number, any: Schema.Unknown }) {}

class Probe extends Aggregate.make("Probe", {
  id: Schema.String,
  state: Schema.Array(Schema.Unknown),
  initial: [],
  events: [Noted],
  commands: [
    Rpc.make("Read", { payload: { key: Schema.String }, success: Reading }),
    Rpc.make("Fail", { payload: { key: Schema.String }, error: Failed }),
    Rpc.make("Note", { payload: { note: Schema.Unknown }, success: Schema.Unknown })
  ]
}) {}

/** What its code gives, which types cannot promise: an answer may come from anywhere. */
type Given = Readonly<Record<string, unknown>>
const probe = (replies: Given, failures: Given = {}, notes: Given = {}) =>
  Probe.toLayer({
    decide: {
      Read: ({ key }) => Either.right([Noted.make({ note: key })]),
      Fail: ({ key }) => Either.left(failures[key] as Failed),
      Note: ({ note }) =>
        Either.right([Noted.make({ note: typeof note === "string" && note in notes ? notes[note] : note })])
    },
    evolve: { Noted: (state, { note }) => [...state, note] },
    reply: {
      Read: (state) => replies[String(state.at(-1))] as typeof Reading.Type,
      Fail: () => undefined,
      Note: (state) => state.at(-1)
    }
  })

/** Each defect makes the actor wait before it recovers. */
const quick = { minBackoff: Duration.millis(1), maxBackoff: Duration.millis(1) }

const withHole = [1, 2, 3]
delete withHole[1]
const symbol = Symbol("key")

/** Answers that no text holds, with the field that an error must name. */
const unholdable: Readonly<Record<string, readonly [value: unknown, path: string]>> = {
  "not a number": [{ mean: 0 / 0 }, "mean"],
  "without end": [{ mean: -1 / 0 }, "mean"],
  "not a number, in a list": [{ deep: { list: [{}, { n: Number.NaN }] } }, "deep.list.1.n"],
  "a bigint where nothing makes text of it": [{ any: 1n }, "any"],
  "a bigint, within": [{ any: { list: [0, { sum: 1n }] } }, "any.list.1.sum"],
  "undefined in a list": [{ any: [1, undefined] }, "any.1"],
  "a hole in a list": [{ any: withHole }, "any.1"],
  "a date where nothing makes text of it": [{ any: { at: new Date(0) } }, "any.at"],
  "a map": [{ any: new Map([[1, 2]]) }, "any"],
  "an instance of a class that no schema knows": [{ any: new Plain() }, "any"],
  "a function": [{ any: { f: () => 1 } }, "any.f"],
  "a symbol": [{ any: symbol }, "any"],
  "a date that is none": [{ when: new Date(Number.NaN) }, "when"],
  "a field that the schema does not have": [{ mean: 1, secret: "x" }, "secret"],
  "such a field, within": [{ deep: { list: [{ n: 1, secret: "x" }] } }, "deep.list.0.secret"],
  "such a field of a class": [{ point: Object.assign(new Point({ x: 1 }), { secret: "x" }) }, "point.secret"],
  "another type": [{ mean: "1" }, "mean"],
  "no answer": [undefined, ""]
}

/** Answers that come back, if not as the object that they were. */
const holdable: Given = {
  undefined: { mean: undefined, deep: undefined, any: undefined },
  "undefined, within": { any: { a: undefined, b: [{ c: undefined }] }, deep: { list: [{ n: undefined }] } },
  "minus zero": { mean: -0, any: [-0, { n: -0 }], deep: { list: [{ n: -0 }] } },
  "a date": { when: new Date(1_234) },
  "a bigint": { sum: -(2n ** 70n) },
  "an instance of its class": { point: new Point({ x: 1 }) },
  "a plain object for an instance": { point: { x: 1 } },
  "a key that is a symbol": { any: { a: 1, [symbol]: 2 } },
  "no prototype": { any: Object.assign(Object.create(null), { a: 1 }) },
  "the name of the prototype": { any: JSON.parse('{"__proto__":{"a":1},"constructor":2}') },
  "half a character, and none": { any: ["\ud800", "\u0000", "\u2028"] },
  "numbers at the ends": { mean: 5e-324, any: [1e21, Number.MAX_SAFE_INTEGER, 0.1 + 0.2] }
}

const read = (key: string, commandId: string) =>
  Effect.flatMap(Probe, (probes) => probes("p").ask("Read", { key }, { commandId }))
const note = (value: unknown, commandId: string) =>
  Effect.flatMap(Probe, (probes) => probes("p").ask("Note", { note: value }, { commandId }))

/** The defect of an answer that cannot be kept. */
const refusedAnswer = (error: unknown, command: string, path: string, what: string): void => {
  ok(error instanceof Error && error.name === "InvalidAnswer", `${what}: ${error}`)
  ok(error.message.includes(`Probe.${command} `), `${what}: ${error.message} names the command`)
  if (path !== "") ok(error.message.includes(`at ${path}:`), `${what}: ${error.message} names ${path}`)
}

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
/** The same value as anybody may change it. */
// biome-ignore lint/suspicious/noExplicitAny: code that meddles keeps to no type.
const open = (value: unknown): any => value

export const HeldData: ReadonlyArray<ActorSystemCase> = [
  {
    name: "an answer that would not come back is a defect that names command and field, and stores nothing (CV5)",
    run: Effect.gen(function* () {
      const replies = Object.fromEntries(Object.entries(unholdable).map(([what, [value]]) => [what, value]))
      yield* release(
        probe(replies),
        Effect.gen(function* () {
          for (const [what, [, path]] of Object.entries(unholdable)) {
            refusedAnswer(yield* failureOf(read(what, `id of ${what}`)), "Read", path, what)
            strictEqual(yield* end, 0, what)
          }
        }),
        quick
      )
      // Nothing stands in the way of the same commands once the code is fixed.
      yield* release(
        probe(Object.fromEntries(Object.keys(unholdable).map((what) => [what, { mean: 1 }]))),
        Effect.forEach(Object.keys(unholdable), (what) =>
          Effect.map(read(what, `id of ${what}`), ({ replayed }) => ok(!replayed, what))
        )
      )
    })
  },
  {
    name: "a refusal that would not come back is such a defect too, and stores nothing (CV5)",
    run: Effect.gen(function* () {
      const failures = {
        "not a number": new Failed({ mean: 1, any: 0 }, { disableValidation: true }),
        bigint: new Failed({ mean: 1, any: { sum: 1n } }),
        "another error": Object.assign(new Error("x"), { _tag: "Unknown" })
      }
      Object.assign(failures["not a number"], { mean: Number.NaN })
      const paths = { "not a number": "mean", bigint: "any.sum", "another error": "" }
      yield* release(
        probe({}, failures),
        Effect.gen(function* () {
          for (const key of ["not a number", "bigint", "another error"] as const) {
            const asked = Effect.flatMap(Probe, (probes) => probes("p").ask("Fail", { key }, { commandId: key }))
            refusedAnswer(yield* failureOf(asked), "Fail", paths[key], key)
            strictEqual(yield* end, 0, key)
          }
        }),
        quick
      )
      yield* release(
        probe({}, { bigint: new Failed({ mean: -0, any: { a: undefined, n: -0 } }) }),
        Effect.gen(function* () {
          const asked = Effect.flatMap(Probe, (probes) =>
            probes("p").ask("Fail", { key: "bigint" }, { commandId: "bigint" })
          )
          const first = yield* asked
          ok(Either.isLeft(first.outcome) && first.outcome.left instanceof Failed)
          const again = yield* asked
          ok(Either.isLeft(again.outcome) && again.replayed)
          same({ ...again.outcome.left }, { ...first.outcome.left }, "a kept refusal")
          same(first.outcome.left.any, { n: 0 }, "as it was stored")
        })
      )
    })
  },
  {
    name: "an answer that comes back in another shape has it the first time too (CV5)",
    run: Effect.gen(function* () {
      const firsts = yield* release(
        probe(holdable),
        Effect.forEach(Object.keys(holdable), (what) => read(what, what))
      )
      yield* release(
        probe({}),
        Effect.forEach(Object.keys(holdable), (what, index) =>
          Effect.map(read(what, what), (again) => {
            const first = firsts[index]
            if (first !== undefined) replays(first, again, what)
          })
        )
      )
    })
  },
  {
    name: "a payload or an event that no text holds is refused by a typed error with its field, and stores nothing (CV5)",
    run: Effect.gen(function* () {
      const bad = Object.entries(unholdable).flatMap(([what, [value, path]]) =>
        path.startsWith("any") ? [[what, value, path.replace("any", "note")] as const] : []
      )
      ok(bad.length > 8)
      const notes = Object.fromEntries(bad.map(([what, value]) => [what, open(value).any]))
      yield* release(
        probe({}, {}, notes),
        Effect.gen(function* () {
          for (const [what, value, path] of bad) {
            const payload = yield* failureOf(note(open(value).any, what))
            same([open(payload)._tag, open(payload).argument], ["InvalidArgument", `Note.${path}`], what)
            const event = yield* failureOf(note(what, what))
            same([open(event)._tag, open(event).path], ["UnencodableEvent", path], what)
          }
          strictEqual(yield* end, 0)
        })
      )
    })
  },
  {
    name: "what a command or an event says is evolved as it reads from its text, whatever memory held (VR3)",
    run: Effect.gen(function* () {
      const values = Object.entries(holdable).map(([what, value]) => [what, open(value).any] as const)
      const live = yield* release(
        probe({}, {}, Object.fromEntries(values)),
        Effect.gen(function* () {
          for (const [what, value] of values) {
            if (value === undefined) continue
            const first = yield* note(value, `payload ${what}`)
            replays(first, yield* note(value, `payload ${what}`), what)
            yield* note(what, `event ${what}`)
          }
          const probes = yield* Probe
          return (yield* probes("p").state).state
        }),
        { snapshotEvery: 3 }
      )
      ok(live.length > 6)
      const state = Effect.flatMap(Probe, (probes) => probes("p").state)
      const recovered = yield* withoutSnapshots(release(probe({}), state))
      same(live, recovered.state, "live and recovered")
      same((yield* release(probe({}), state)).state, recovered.state, "from a snapshot")
      const store = yield* EventStore
      const texts = (yield* store.readStream(StreamId.make("probe-p"))).events.map(({ data }) => JSON.parse(data).note)
      same(live, texts, "live and stored")
    })
  },
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
