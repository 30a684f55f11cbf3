/**
 * What a command answers and says is what was stored of it: an answer is the same the first time and later, and what
 * would not come back is refused before anything is stored. What becomes of states is in `HeldData.ts`.
 */
import { ok, strictEqual } from "node:assert"
import * as Rpc from "@effect/rpc/Rpc"
import { Duration, Effect, Either, Schema } from "effect"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import { EventStore } from "../../core/EventStore.ts"
import { StreamId } from "../../core/StreamId.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import { end, failureOf, release, replays, same, withoutSnapshots } from "./Release.ts"

// ---- probes, which answer and note whatever they are told ---------------------------------------------------------

export class Point extends Schema.Class<Point>("Point")({ x: Schema.Number }) {}
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

/** The same value as anybody may change it. */
// biome-ignore lint/suspicious/noExplicitAny: code that meddles keeps to no type.
export const open = (value: unknown): any => value

export const HeldAnswers: ReadonlyArray<ActorSystemCase> = [
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
            same([open(payload)._tag, open(payload).argument], ["InvalidArgument", `Probe.Note.${path}`], what)
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
  }
]
