/**
 * A command outlives the release that took it: the cases store commands under one release of an aggregate and send them
 * again under the next, whose fields stand in another order, whose answers have another form, whose errors are others.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { hash } from "node:crypto"
import * as Rpc from "@effect/rpc/Rpc"
import { Effect, Either, Layer, Schema } from "effect"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import { appendOrFail, EventStore } from "../../core/EventStore.ts"
import * as Json from "../../core/Json.ts"
import { CommandIdReused } from "../../core/StoreError.ts"
import { StreamId } from "../../core/StreamId.ts"
import { proposed } from "../ProposedCommand.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import { end, failureOf, release, replays } from "./Release.ts"

// ---- parcels: what a command says -----------------------------------------------------------------------------------

const Posted = Event.make("Posted", { grams: Schema.Int })
const parcel = {
  id: Schema.String,
  state: Schema.Struct({ grams: Schema.Int }),
  initial: { grams: 0 },
  events: [Posted]
}
const Weight = Schema.Struct({ grams: Schema.Int })
class TooHeavy extends Schema.TaggedError<TooHeavy>()("TooHeavy", { grams: Schema.Int }) {}

const decide = ({ grams }: { readonly grams: number }) =>
  grams > 1_000 ? Either.left(new TooHeavy({ grams })) : Either.right([Posted.make({ grams })])
const evolve = {
  Posted: (state: { readonly grams: number }, { grams }: Event.Of<typeof Posted>) => ({ grams: state.grams + grams })
}
const reply = (state: { readonly grams: number }) => state

class Line1 extends Schema.Class<Line1>("Line")({ sku: Schema.String, pieces: Schema.Int }) {}
class Line2 extends Schema.Class<Line2>("ParcelLine")({
  pieces: Schema.Int,
  colour: Schema.optional(Schema.String),
  sku: Schema.String
}) {}

class Parcel1 extends Aggregate.make("Parcel", {
  ...parcel,
  commands: [
    Rpc.make("Weigh", { payload: { grams: Schema.Int, scale: Schema.String }, success: Weight, error: TooHeavy }),
    Rpc.make("Post", {
      payload: {
        grams: Schema.Int,
        to: Schema.Struct({ street: Schema.String, town: Schema.Struct({ zip: Schema.String, name: Schema.String }) }),
        lines: Schema.Array(Line1)
      },
      success: Weight,
      error: TooHeavy
    }),
    Rpc.make("Reweigh", { payload: { grams: Schema.Int, scale: Schema.String }, success: Weight, error: TooHeavy })
  ]
}) {}
const parcel1 = Parcel1.toLayer({
  decide: { Weigh: decide, Post: decide, Reweigh: decide },
  evolve,
  reply: { Weigh: reply, Post: reply, Reweigh: reply }
})

/** Every field stands elsewhere, and there are more of them. */
class Parcel2 extends Aggregate.make("Parcel", {
  ...parcel,
  commands: [
    Rpc.make("Reweigh", { payload: { scale: Schema.String, grams: Schema.Int }, success: Weight, error: TooHeavy }),
    Rpc.make("Weigh", {
      payload: Schema.Struct({
        scale: Schema.String,
        insured: Schema.optional(Schema.Int),
        express: Schema.optionalWith(Schema.Boolean, { default: () => false }),
        handling: Schema.String.pipe(
          Schema.propertySignature,
          Schema.withConstructorDefault(() => "careful"),
          Schema.fromKey("how")
        ),
        grams: Schema.Int
      }).annotations({ identifier: "Weighing" }),
      success: Weight,
      error: TooHeavy
    }),
    Rpc.make("Post", {
      payload: Schema.Struct({
        insured: Schema.optionalWith(Schema.Int, { exact: true }),
        lines: Schema.Array(Line2),
        express: Schema.optionalWith(Schema.Boolean, { default: () => false }),
        to: Schema.Struct({
          floor: Schema.optional(Schema.Int),
          town: Schema.Struct({ name: Schema.String, zip: Schema.String }),
          street: Schema.String
        }),
        grams: Schema.Int
      }),
      success: Weight,
      error: TooHeavy
    })
  ]
}) {}
const parcel2 = Parcel2.toLayer({
  decide: { Weigh: decide, Post: decide, Reweigh: decide },
  evolve,
  reply: { Weigh: reply, Post: reply, Reweigh: reply }
})

const to = { street: "Dlouhá 7", town: { zip: "110 00", name: "Praha" } }
const post1 = { grams: 700, to, lines: [new Line1({ sku: "a-1", pieces: 2 })] }
const post2 = { grams: 700, to, lines: [new Line2({ sku: "a-1", pieces: 2 })] }

/** The same commands under each release. Typed apart, since the payloads are. */
const weigh1 = (id: string, grams: number, options?: Aggregate.CommandOptions) =>
  Effect.flatMap(Parcel1, (parcels) => parcels(id).ask("Weigh", { grams, scale: "s" }, options))
const weigh2 = (id: string, grams: number, options?: Aggregate.CommandOptions) =>
  Effect.flatMap(Parcel2, (parcels) => parcels(id).ask("Weigh", { grams, scale: "s" }, options))

// ---- another aggregate with the commands of a parcel ----------------------------------------------------------------

class Crate extends Aggregate.make("Crate", {
  ...parcel,
  commands: [
    Rpc.make("Weigh", { payload: { grams: Schema.Int, scale: Schema.String }, success: Weight, error: TooHeavy })
  ]
}) {}
const crate = Crate.toLayer({ decide: { Weigh: decide }, evolve, reply: { Weigh: reply } })

// ---- what releases before rule 2 stored -----------------------------------------------------------------------------

/** The fingerprint that they made of a command. */
const ruleOne = (command: string, text: string): string => hash("sha256", `Parcel\0p\0${command}\0${text}`).slice(0, 32)

/** A row as they wrote it: without the name of the command. */
const storeBefore = (commandId: string, fingerprint: string) =>
  Effect.flatMap(EventStore, (store) =>
    appendOrFail(store, [
      {
        streamId: StreamId.make("parcel-p"),
        expectedVersion: "any",
        commands: [
          proposed(commandId, {
            command: "",
            fingerprint,
            events: [{ type: "Posted", schemaVersion: 1, data: '{"grams":700}' }],
            answer: () => ({ text: '{"grams":700}', version: 1 })
          })
        ]
      }
    ])
  )

export const Releases: ReadonlyArray<ActorSystemCase> = [
  {
    name: "a retry is the same command when the next release has the fields in another order, and more of them (CV1)",
    run: Effect.gen(function* () {
      const options = { commandId: "weigh" }
      const [first, refused, deep, own] = yield* release(
        parcel1,
        Effect.all([
          weigh1("p", 700, options),
          weigh1("p", 7_000, { commandId: "refused" }),
          Effect.flatMap(Parcel1, (parcels) => parcels("p").ask("Post", post1, { commandId: "post" })),
          weigh1("p", 1, { commandId: "own", fingerprint: "whatever it weighs" })
        ])
      )
      const before = yield* end
      yield* release(
        parcel2,
        Effect.gen(function* () {
          replays(first, yield* weigh2("p", 700, options), "a flat payload")
          replays(refused, yield* weigh2("p", 7_000, { commandId: "refused" }), "a refusal")
          const again = Effect.flatMap(Parcel2, (parcels) => parcels("p").ask("Post", post2, { commandId: "post" }))
          replays(deep, yield* again, "a payload with structures, lists and classes")
          replays(
            own,
            yield* weigh2("p", 2, { commandId: "own", fingerprint: "whatever it weighs" }),
            "an own fingerprint"
          )
          // What only a default says is not said, and what is said is.
          const said = { grams: 700, scale: "s", express: true }
          const other = Effect.flatMap(Parcel2, (parcels) => parcels("p").ask("Weigh", said, options))
          ok((yield* failureOf(other)) instanceof CommandIdReused)
        })
      )
      // And back again, as after a release that was taken back.
      const newer = yield* release(parcel2, weigh2("p", 3, { commandId: "newer" }))
      replays(newer, yield* release(parcel1, weigh1("p", 3, { commandId: "newer" })), "a release that was taken back")
      strictEqual(yield* end, before + 1)
    })
  },
  {
    name: "a reaction's command is the same by its id, whatever the next release puts into it (CV1)",
    run: Effect.gen(function* () {
      const derived = { commandId: "\u0001post:order-1:1:0:0" }
      const first = yield* release(parcel1, weigh1("p", 700, derived))
      yield* release(
        parcel2,
        Effect.gen(function* () {
          replays(first, yield* weigh2("p", 701, derived), "another weight")
          ok((yield* failureOf(weigh2("q", 700, derived))) instanceof CommandIdReused, "another parcel")
        })
      )
    })
  },
  {
    name: "one id with another command, aggregate or id is CommandIdReused, whatever fingerprint comes with it (CV2)",
    run: release(
      Layer.mergeAll(parcel1, crate),
      Effect.gen(function* () {
        const values = { grams: 5, scale: "s" }
        for (const own of [{}, { fingerprint: "mine" }, { fingerprint: "mine", formerFingerprint: "mine" }]) {
          const options = { commandId: `id of ${JSON.stringify(own)}`, ...own }
          yield* weigh1("p", 5, options)
          const before = yield* end
          const [parcels, crates] = [yield* Parcel1, yield* Crate]
          const others = {
            command: parcels("p").ask("Reweigh", values, options),
            id: parcels("q").ask("Weigh", values, options),
            aggregate: crates("p").ask("Weigh", values, options)
          }
          for (const [what, asked] of Object.entries(others)) {
            ok((yield* failureOf(asked)) instanceof CommandIdReused, `another ${what}, ${options.commandId}`)
          }
          strictEqual(yield* end, before)
        }
      })
    )
  },
  {
    name: "what a release before rule 2 stored is recognized, in any order of its fields, and nothing else is (CV9)",
    run: Effect.gen(function* () {
      const stored: Array<readonly [id: string, fingerprint: string, command: "Weigh" | "Post"]> = []
      const add = (fingerprint: string, command: "Weigh" | "Post" = "Weigh") =>
        stored.push([`before-${stored.length}`, fingerprint, command])
      // With only texts and whole numbers the fields were in the order of their declaration; with other types they were
      // sorted.
      add(ruleOne("Weigh", '{"grams":700,"scale":"s"}'))
      add(ruleOne("Weigh", '{"scale":"s","grams":700}'))
      add(ruleOne("Weigh", '{"grams":700,"how":"careful","scale":"s"}'))
      add(ruleOne("Weigh", '{"scale":"s","express":false,"grams":700,"how":"careful"}'))
      add(ruleOne("Post", Json.canonical({ grams: 700, to, lines: [{ sku: "a-1", pieces: 2 }] })), "Post")
      add("mine", "Weigh")
      add(hash("sha256", "what HTTP made of the request"), "Weigh")
      for (const [id, fingerprint] of stored) yield* storeBefore(id, fingerprint)
      yield* storeBefore("\u0001post:order-1:1:0:0", ruleOne("Weigh", '{"grams":1,"scale":"t"}'))
      const before = yield* end
      yield* release(
        parcel2,
        Effect.gen(function* () {
          const ask = (command: "Weigh" | "Post", commandId: string, grams: number) => {
            const options = { commandId, ...fingerprints(commandId) }
            return command === "Weigh"
              ? weigh2("p", grams, options)
              : Effect.flatMap(Parcel2, (parcels) => parcels("p").ask("Post", { ...post2, grams }, options))
          }
          const fingerprints = (id: string): Partial<Aggregate.CommandOptions> =>
            id === "before-5"
              ? { fingerprint: "mine" }
              : id === "before-6"
                ? { formerFingerprint: hash("sha256", "what HTTP made of the request") }
                : {}
          for (const [id, , command] of stored) {
            const answer = yield* ask(command, id, 700)
            ok(answer.replayed, id)
            deepStrictEqual(answer.outcome, Either.right({ grams: 700 }), id)
            // A caller's own fingerprint stands for the fields, as it did.
            if ("fingerprint" in fingerprints(id) || "formerFingerprint" in fingerprints(id)) continue
            ok((yield* failureOf(ask(command, id, 701))) instanceof CommandIdReused, `${id} with another weight`)
            const other = Effect.flatMap(Parcel2, (parcels) =>
              parcels("p").ask("Reweigh", { grams: 700, scale: "s" }, { commandId: id })
            )
            ok((yield* failureOf(other)) instanceof CommandIdReused, `${id} as another command`)
            ok((yield* failureOf(weigh2("q", 700, { commandId: id }))) instanceof CommandIdReused, `${id} of another`)
          }
          ok((yield* ask("Weigh", "\u0001post:order-1:1:0:0", 9)).replayed, "a derived id")
        })
      )
      strictEqual(yield* end, before)
    })
  }
]
