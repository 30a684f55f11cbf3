/**
 * Who did it (HX10, without HTTP): principal and metadata of a command are where they belong, on every system and
 * store, and an answer is kept for the one who asked where that one asks for its own.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import * as Rpc from "@effect/rpc/Rpc"
import { Deferred, Effect, Either, Fiber, Layer, Schema } from "effect"
import * as Aggregate from "../../core/Aggregate.ts"
import type { DecideContext } from "../../core/Definition.ts"
import * as Event from "../../core/Event.ts"
import { EventStore } from "../../core/EventStore.ts"
import * as Journal from "../../core/Journal.ts"
import * as Metadata from "../../core/Metadata.ts"
import * as Principal from "../../core/Principal.ts"
import * as StoredText from "../../core/StoredText.ts"
import { StreamId } from "../../core/StreamId.ts"
import { type ActorSystemCase, SystemUnderTest } from "../SystemUnderTest.ts"

const Signed = Event.make("Signed", { text: Schema.String })
class Declined extends Schema.TaggedError<Declined>()("Declined", {}) {}

class Ledger extends Aggregate.make("Ledger", {
  id: Schema.String,
  state: Schema.Struct({ count: Schema.Int }),
  initial: { count: 0 },
  events: [Signed],
  commands: [
    Rpc.make("Sign", {
      payload: { text: Schema.String },
      success: Schema.Struct({ count: Schema.Int }),
      error: Declined
    })
  ]
}) {}
type Decide = Parameters<typeof Ledger.define>[0]["decide"]["Sign"]

const sign: Decide = ({ text }) =>
  text === "declined" ? Either.left(new Declined()) : Either.right([Signed.make({ text })])

const Noted = Metadata.make(Schema.Struct({ tenant: Schema.String, at: Schema.NumberFromString }))

/** Runs a program with a system of its own over the stores. */
const running = <A>(
  decide: Decide,
  program: Effect.Effect<A, unknown, Aggregate.Service<"Ledger"> | EventStore>
): ActorSystemCase["run"] =>
  Effect.flatMap(SystemUnderTest, ({ layer }) => {
    const behaviour: Parameters<typeof Ledger.define>[0] = {
      decide: { Sign: decide },
      evolve: { Signed: ({ count }) => ({ count: count + 1 }) },
      reply: { Sign: ({ count }) => ({ count }) }
    }
    return Effect.asVoid(Effect.provide(program, Ledger.toLayer(behaviour).pipe(Layer.provide(layer({})))))
  })

const ask = (text: string, commandId?: string) =>
  Effect.flatMap(Ledger, (ledgers) => ledgers("a").ask("Sign", { text }, commandId === undefined ? {} : { commandId }))
/** Asks as over HTTP: for what is its own alone. */
const personally = (name: string) => Effect.provideService(Principal.Principal, { name, isPersonal: true })
const errorOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => (error as { readonly _tag?: string })._tag)

const entries = Effect.flatMap(EventStore, (store) => Effect.map(store.readJournal(0), ({ entries }) => entries))
const stream = StreamId.make("ledger-a")

export const Principals: ReadonlyArray<ActorSystemCase> = [
  {
    name: "principal and metadata are in the entry under its hash, in each event, and in what decide is told (HX10)",
    run: Effect.suspend(() => {
      const told: Array<Pick<DecideContext, "principal" | "metadata">> = []
      const decide: Decide = (payload, state, context) => {
        told.push({ principal: context.principal, metadata: context.metadata })
        return sign(payload, state, context)
      }
      const program = Effect.gen(function* () {
        const store = yield* EventStore
        yield* ask("one").pipe(Noted.provide({ tenant: "nörth", at: 7 }), Principal.as("Anna ✓"))
        yield* ask("two", "two")
        yield* ask("declined", "three").pipe(Principal.as("reaction:x"))
        yield* ask("four").pipe(Noted.provide({ tenant: "", at: 0 }))

        const metadata = '{"at":"7","tenant":"nörth"}'
        const expected = [
          { principal: "Anna ✓", metadata },
          { principal: null, metadata: null },
          { principal: "reaction:x", metadata: null },
          { principal: null, metadata: '{"at":"0","tenant":""}' }
        ]
        deepStrictEqual(told, expected)
        const written = yield* entries
        deepStrictEqual(
          written.map(({ metadata, principal }) => ({ principal, metadata })),
          expected
        )
        deepStrictEqual(
          written.map((entry) => entry.outcome),
          ["success", "success", "refusal", "success"]
        )
        for (const [index, entry] of written.entries()) {
          ok(Journal.isIntact(entry))
          ok(!Journal.isIntact({ ...entry, principal: "eve" }), `the principal of entry ${index + 1} is vouched for`)
          ok(!Journal.isIntact({ ...entry, metadata: "{}" }), `the metadata of entry ${index + 1} is vouched for`)
        }
        deepStrictEqual(Either.getOrThrow(Noted.read(metadata)), { tenant: "nörth", at: 7 })
        ok(Either.isLeft(Noted.read(null)))
        ok(Either.isLeft(Noted.read('{"tenant":1}')))

        const principals = ["Anna ✓", null, null]
        const { events } = yield* store.readStream(stream)
        const log = yield* store.readAll(0)
        for (const read of [events, log.events]) {
          deepStrictEqual(
            read.map((event) => event.principal),
            principals
          )
          deepStrictEqual(
            read.map((event) => event.sequence),
            [1, 2, 4]
          )
        }
      })
      return running(decide, program)
    })
  },
  {
    name: "a retry with another principal and other metadata is the same command, whose first ones stay (HX10)",
    run: running(
      sign,
      Effect.gen(function* () {
        yield* ask("one", "k").pipe(Principal.as("anna"), Noted.provide({ tenant: "a", at: 1 }))
        const again = yield* ask("one", "k").pipe(Principal.as("bert"), Noted.provide({ tenant: "b", at: 2 }))
        strictEqual(again.replayed, true)
        const [entry, ...more] = yield* entries
        deepStrictEqual([entry?.principal, entry?.metadata, more.length], ["anna", '{"at":"1","tenant":"a"}', 0])
      })
    )
  },
  {
    name: "what is kept for one principal is not given to another that asks for its own, whatever it was (HX9)",
    run: running(
      sign,
      Effect.gen(function* () {
        yield* ask("one", "done").pipe(personally("anna"))
        yield* ask("declined", "declined").pipe(personally("anna"))
        yield* ask("two", "nobody's")
        for (const [text, id] of [
          ["one", "done"],
          ["declined", "declined"],
          ["other", "done"]
        ] as const) {
          strictEqual(yield* errorOf(ask(text, id).pipe(personally("bert"))), "CommandIdReused")
        }
        // The one who asked, those who ask for all, and what nobody is named for.
        for (const again of [
          ask("one", "done").pipe(personally("anna")),
          ask("declined", "declined").pipe(personally("anna")),
          ask("one", "done").pipe(Principal.as("bert")),
          ask("one", "done"),
          ask("two", "nobody's").pipe(personally("bert"))
        ]) {
          strictEqual((yield* again).replayed, true)
        }
        strictEqual((yield* entries).length, 3)
      })
    )
  },
  {
    name: "a command that waits is joined by nobody else's under its id (HX9)",
    run: Effect.gen(function* () {
      const [begun, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const decide: Decide = () =>
        Deferred.succeed(begun, undefined).pipe(
          Effect.zipRight(Deferred.await(goOn)),
          Effect.as([Signed.make({ text: "one" })])
        )
      yield* running(
        decide,
        Effect.gen(function* () {
          const first = yield* Effect.fork(ask("one", "k").pipe(personally("anna")))
          yield* Deferred.await(begun)
          strictEqual(yield* errorOf(ask("one", "k").pipe(personally("bert"))), "CommandIdReused")
          const own = yield* Effect.fork(ask("one", "k").pipe(personally("anna")))
          yield* Deferred.succeed(goOn, undefined)
          const [one, two] = [yield* Fiber.join(first), yield* Fiber.join(own)]
          deepStrictEqual([one.replayed, two.replayed], [false, true])
          strictEqual((yield* entries).length, 1)
        })
      )
    })
  },
  {
    name: "a principal or metadata that no store takes is refused, and those beside it are not (HX10)",
    run: running(
      sign,
      Effect.gen(function* () {
        for (const name of ["x".repeat(StoredText.maxLength + 1), "\0", "\ud800"]) {
          strictEqual(yield* errorOf(ask("one").pipe(Principal.as(name))), "InvalidArgument")
        }
        const tenant = "x".repeat(StoredText.maxMetadataBytes)
        strictEqual(yield* errorOf(ask("one").pipe(Noted.provide({ tenant, at: 1 }))), "InvalidArgument")
        strictEqual(
          yield* errorOf(ask("one").pipe(Effect.provideService(Metadata.CurrentMetadata, JSON.stringify(tenant)))),
          "InvalidArgument"
        )
        yield* ask("one").pipe(Principal.as("x".repeat(StoredText.maxLength)))
        strictEqual((yield* entries).length, 1)
      })
    )
  }
]
