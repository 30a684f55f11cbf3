/**
 * An answer outlives the release that gave it: the cases have a tank filled under one release and ask again under
 * another, whose answers and errors have another form.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import * as Rpc from "@effect/rpc/Rpc"
import { Effect, Either, Schema } from "effect"
import { UnreadableAnswer } from "../../core/ActorError.ts"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import * as StoredForm from "../../core/StoredForm.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import { end, failureOf, release, replays } from "./Release.ts"

const Filled = Event.make("Filled", { litres: Schema.Number })
const tank = { id: Schema.String, state: Schema.Number, initial: 0, events: [Filled] }
const fill = {
  evolve: { Filled: (level: number, { litres }: Event.Of<typeof Filled>) => level + litres }
}

class Overfull1 extends Schema.TaggedError<Overfull1>("Overfull1")("Overfull", { litres: Schema.Number }) {}
class Sealed extends Schema.TaggedError<Sealed>()("Sealed", { by: Schema.String }) {}
/** -1 is refused for the seal. */
const decideFill =
  <F>(overfull: (litres: number) => F) =>
  ({ litres }: { readonly litres: number }) =>
    litres > 100
      ? Either.left(overfull(litres))
      : litres < 0
        ? Either.left(new Sealed({ by: "customs" }))
        : Either.right([Filled.make({ litres })])

class Tank1 extends Aggregate.make("Tank", {
  ...tank,
  commands: [
    Rpc.make("Fill", {
      payload: { litres: Schema.Number },
      success: Schema.Struct({ level: Schema.Number, gauge: Schema.String }),
      error: Schema.Union(Overfull1, Sealed)
    })
  ]
}) {}
const tank1 = Tank1.toLayer({
  ...fill,
  decide: { Fill: decideFill((litres) => new Overfull1({ litres })) },
  reply: { Fill: (level) => ({ level, gauge: "old" }) }
})

/** The level became text, the unit came, the gauge went; the error says the limit too. */
class Overfull2 extends Schema.TaggedError<Overfull2>("Overfull2")("Overfull", {
  litres: Schema.Number,
  limit: Schema.Number
}) {}
const Level2 = Schema.Struct({ level: Schema.NumberFromString, unit: Schema.String })
const Overfull = StoredForm.make(Overfull1).next(Overfull2, (v1) => ({ ...v1, limit: 100 }))
class Tank2 extends Aggregate.make("Tank", {
  ...tank,
  commands: [
    Rpc.make("Fill", {
      payload: { litres: Schema.Number },
      success: StoredForm.make({ level: Schema.Number, gauge: Schema.String }).next(Level2, ({ level }) => ({
        level: String(level),
        unit: "l"
      })),
      error: Schema.Union(Overfull, Sealed)
    })
  ]
}) {}
const tank2 = Tank2.toLayer({
  ...fill,
  decide: { Fill: decideFill((litres) => new Overfull2({ litres, limit: 100 })) },
  reply: { Fill: (level) => ({ level, unit: "l" }) }
})

/** As the second, by somebody who forgot the version, and removed an error that was kept. */
class Tank3 extends Aggregate.make("Tank", {
  ...tank,
  commands: [Rpc.make("Fill", { payload: { litres: Schema.Number }, success: Level2, error: Overfull2 })]
}) {}
const tank3 = Tank3.toLayer({
  ...fill,
  decide: { Fill: ({ litres }) => Either.right([Filled.make({ litres })]) },
  reply: { Fill: (level) => ({ level, unit: "l" }) }
})

const fill1 = (litres: number, commandId: string) =>
  Effect.flatMap(Tank1, (tanks) => tanks("t").ask("Fill", { litres }, { commandId }))
const fill2 = (litres: number, commandId: string) =>
  Effect.flatMap(Tank2, (tanks) => tanks("t").ask("Fill", { litres }, { commandId }))
const fill3 = (litres: number, commandId: string) =>
  Effect.flatMap(Tank3, (tanks) => tanks("t").ask("Fill", { litres }, { commandId }))

const unreadable = (error: unknown): Partial<UnreadableAnswer> => {
  ok(error instanceof UnreadableAnswer, `${error} is an UnreadableAnswer`)
  const { aggregate, answerVersion, command, outcome, path } = error
  return { aggregate, command, outcome, answerVersion, path }
}

export const OldAnswers: ReadonlyArray<ActorSystemCase> = [
  {
    name: "a kept answer is given in the form of the next version, be it of a success or of a refusal (CV4 CV6)",
    run: Effect.gen(function* () {
      yield* release(tank1, Effect.all([fill1(2.5, "success"), fill1(101, "overfull"), fill1(-1, "sealed")]))
      yield* release(
        tank2,
        Effect.gen(function* () {
          const success = yield* fill2(2.5, "success")
          ok(success.replayed)
          deepStrictEqual(success.outcome, Either.right({ level: 2.5, unit: "l" }))
          const { outcome } = yield* fill2(101, "overfull")
          ok(Either.isLeft(outcome) && outcome.left instanceof Overfull2)
          deepStrictEqual([outcome.left.litres, outcome.left.limit], [101, 100])
          const sealed = yield* fill2(-1, "sealed")
          ok(sealed.replayed && Either.isLeft(sealed.outcome) && sealed.outcome.left instanceof Sealed)
          // Its own answers are of its own version, and go through no upcaster.
          const own = yield* fill2(1, "own")
          replays(own, yield* fill2(1, "own"), "an answer of the second version")
          const full = yield* fill2(102, "full")
          replays(full, yield* fill2(102, "full"), "a refusal of the second version")
        })
      )
    })
  },
  {
    name: "an answer that the release cannot read is a typed error that names command and version (CV4 CV6)",
    run: Effect.gen(function* () {
      yield* release(tank1, Effect.all([fill1(2.5, "success"), fill1(-1, "sealed"), fill1(101, "overfull")]))
      const before = yield* end
      const of = { aggregate: "Tank", command: "Fill", answerVersion: 1 }
      yield* release(
        tank3,
        Effect.gen(function* () {
          const success = unreadable(yield* failureOf(fill3(2.5, "success")))
          deepStrictEqual(success, { ...of, outcome: "success", path: "level" })
          const sealed = yield* failureOf(fill3(-1, "sealed"))
          deepStrictEqual(unreadable(sealed), { ...of, outcome: "refusal", path: "" })
          ok(String(sealed).includes("Sealed"), "the error that is no more is named")
          const overfull = unreadable(yield* failureOf(fill3(101, "overfull")))
          deepStrictEqual(overfull, { ...of, outcome: "refusal", path: "limit" })
          strictEqual(yield* end, before)
          // The tank goes on all the same.
          deepStrictEqual((yield* fill3(1, "next")).outcome, Either.right({ level: 3.5, unit: "l" }))
        })
      )
      // Nor is one of newer code a defect, as after a release that was taken back.
      yield* release(tank2, Effect.all([fill2(1, "newer"), fill2(103, "newer refusal")]))
      yield* release(
        tank1,
        Effect.gen(function* () {
          for (const [litres, id] of [
            [1, "newer"],
            [103, "newer refusal"]
          ] as const) {
            const error = yield* failureOf(fill1(litres, id))
            strictEqual(unreadable(error).answerVersion, 2, id)
            ok(String(error).includes("newer code"), id)
          }
        })
      )
    })
  }
]
