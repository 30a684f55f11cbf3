/**
 * How a reaction comes into a log, keeps its place under another name, and hands on what its events are part of (PM3, PM4, PM6). For any
 * store; a store author runs each case with fresh, empty stores.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import * as Rpc from "@effect/rpc/Rpc"
import { Effect, Either, Exit, Layer, Option, Schema, Scope } from "effect"
import * as ActorSystemLocal from "../../core/ActorSystemLocal.ts"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import { EventStore } from "../../core/EventStore.ts"
import * as Operation from "../../core/Operation.ts"
import * as SnapshotStoreMemory from "../../core/SnapshotStoreMemory.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import type { StartRequired } from "../../projection/ProjectionError.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import * as Reaction from "../../projection/Reaction.ts"
import * as Registration from "../../projection/Registration.ts"
import type { Case } from "../Conformance.ts"
import { beside, limits, Noted, note, service } from "../Notes.ts"

type BirthCase = Case<EventStore | ProjectionStore>

interface Options
  extends Partial<Pick<Reaction.Options<typeof Noted, never>, "name" | "startFrom" | "formerNames" | "version">> {
  /** Texts of which no event can be done. */
  readonly fails?: ReadonlyArray<string>
}

/** A reaction that keeps what it was given, and under which ids. */
export const greeting = ({ fails = [], ...options }: Options, sent: Array<string>, ids: Array<string> = []) =>
  Reaction.make({
    name: "welcome",
    events: [Noted],
    react: ({ event }, commandId) =>
      Effect.suspend(() => {
        if (fails.includes(event.text)) return Effect.fail(new Error(`${event.text} cannot be done`))
        sent.push(event.text)
        ids.push(commandId())
        return Effect.void
      }),
    ...options
  })

/** Runs it while the effect runs; or what it was refused by. */
export const running = <A, E, R>(reaction: Reaction.Reaction<Noted, never>, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const built = yield* Effect.either(Layer.buildWithScope(Layer.provide(Reaction.layer(reaction), limits), scope))
    const done: Either.Either<A, StartRequired> = Either.isLeft(built)
      ? Either.left(built.left)
      : Either.right(yield* effect)
    yield* Scope.close(scope, Exit.void)
    return done
  })

export const reached = (name: string, position: number) =>
  beside(
    [],
    Effect.flatMap(service, (asked) => asked.awaitPosition(name, position, "60 seconds"))
  )

export const registrations = Effect.map(Operation.page(0, 100), ({ operations }) =>
  operations.map(({ detail, name }) => [name, detail])
)

const startCases = [
  ["beginning", ["one", "two", "three", "four"], 0],
  ["now", ["four"], 3],
  [{ after: 1 }, ["two", "three", "four"], 1],
  [{ after: 0 }, ["one", "two", "three", "four"], 0]
] as const

export const Births: ReadonlyArray<BirthCase> = [
  ...startCases.map(
    ([startFrom, expected, position]): BirthCase => ({
      name: `a new reaction that starts from ${JSON.stringify(startFrom)} gets what is behind that, and its start is an entry of the log (PM3)`,
      run: Effect.gen(function* () {
        yield* note("a", "one", "two")
        yield* note("b", "three")
        const sent: Array<string> = []
        yield* running(
          greeting({ startFrom }, sent),
          Effect.flatMap(note("a", "four"), (end) => reached("welcome", end))
        )
        deepStrictEqual(sent.toSorted(), expected.toSorted())
        deepStrictEqual(yield* registrations, [["reactions.register", { reaction: "welcome", startFrom, position }]])
        // Asked once: where it would start now no longer matters.
        const again: Array<string> = []
        yield* running(
          greeting({}, again),
          Effect.flatMap(note("a", "five"), (end) => reached("welcome", end))
        )
        deepStrictEqual(again, ["five"])
        strictEqual((yield* registrations).length, 1)
      })
    })
  ),
  {
    name: "a new reaction on a log with events that does not say where to start is refused with the question, and does nothing (PM3)",
    run: Effect.gen(function* () {
      yield* note("a", "one")
      const sent: Array<string> = []
      for (const startFrom of [undefined, { after: 2 }, { after: 7 }]) {
        const refused = yield* running(greeting(startFrom === undefined ? {} : { startFrom }, sent), Effect.void)
        ok(Either.isLeft(refused))
        deepStrictEqual([refused.left.reaction, refused.left.end], ["welcome", 1])
        ok(startFrom !== undefined || refused.left.message.includes('"now"'), refused.left.message)
      }
      strictEqual(Option.isNone(yield* Effect.flatMap(GenerationStore, ({ find }) => find("welcome"))), true)
      deepStrictEqual([sent, yield* registrations], [[], []])
    })
  },
  {
    name: "on a log without events a reaction need not say where to start; of two processes one registers it (PM3)",
    run: Effect.gen(function* () {
      const sent: Array<string> = []
      const one = running(
        greeting({}, sent),
        Effect.flatMap(note("a", "one"), (end) => reached("welcome", end))
      )
      const both = yield* Effect.all([one, running(greeting({}, []), Effect.void)], { concurrency: 2 })
      deepStrictEqual(
        both.map(({ _tag }) => _tag),
        ["Right", "Right"],
        "neither is asked where to start"
      )
      ok(sent.includes("one"))
      strictEqual((yield* registrations).length, 1)
    })
  },
  {
    name: "where its checkpoint was lost and the log has its registration, a reaction begins where it did, without being asked (PM3)",
    run: Effect.gen(function* () {
      yield* note("a", "one", "two")
      yield* running(greeting({ startFrom: { after: 1 } }, []), reached("welcome", 2))
      const generations = yield* GenerationStore
      // As after an import into a new database.
      const lost = GenerationStore.of({ ...generations, find: () => Effect.succeed(Option.none()) })
      const begun: Array<number> = []
      const watched = { ...lost, begin: (_: string, at: number) => Effect.sync(() => begun.push(at) > 0) }
      const reaction = greeting({ startFrom: "now" }, [])
      yield* Effect.provideService(Effect.either(Registration.register(reaction)), GenerationStore, watched)
      deepStrictEqual(begun, [1])
      strictEqual((yield* registrations).length, 1)
    })
  },
  {
    name: "a renamed reaction goes on where it was, sends nothing again, and keeps the ids of its commands (PM4)",
    run: Effect.gen(function* () {
      const [first, firstIds]: [Array<string>, Array<string>] = [[], []]
      yield* note("a", "one")
      yield* running(
        greeting({ startFrom: "beginning" }, first, firstIds),
        Effect.flatMap(note("b", "two"), (end) => reached("welcome", end))
      )
      const [second, secondIds]: [Array<string>, Array<string>] = [[], []]
      const mail = { name: "welcome_mail", formerNames: ["welcome"] }
      yield* running(
        greeting(mail, second, secondIds),
        Effect.flatMap(note("a", "three"), (end) => reached("welcome_mail", end))
      )
      const third: Array<string> = []
      const letter = { name: "welcome_letter", formerNames: ["welcome", "welcome_mail"] }
      const thirdIds: Array<string> = []
      yield* running(
        greeting(letter, third, thirdIds),
        Effect.flatMap(note("a", "four"), (end) => reached("welcome_letter", end))
      )
      deepStrictEqual([first.toSorted(), second, third], [["one", "two"], ["three"], ["four"]])
      deepStrictEqual([...secondIds, ...thirdIds], ["\u0001welcome:a:2:0:0", "\u0001welcome:a:3:0:0"])
      deepStrictEqual((yield* registrations).slice(1), [
        ["reactions.rename", { reaction: "welcome_mail", former: "welcome" }],
        ["reactions.rename", { reaction: "welcome_letter", former: "welcome_mail" }]
      ])
      const known = yield* beside(
        [],
        Effect.flatMap(service, ({ list }) => Effect.map(list, (all) => all.map(({ name }) => name)))
      )
      deepStrictEqual(known, ["welcome_letter"])
    })
  },
  {
    name: "a process that still runs a reaction under its former name begins nothing new (PM4)",
    run: Effect.gen(function* () {
      yield* note("a", "one")
      yield* running(greeting({ startFrom: "beginning" }, []), reached("welcome", 1))
      const sent: Array<string> = []
      const mail = { name: "welcome_mail", formerNames: ["welcome"] }
      yield* running(
        greeting(mail, sent),
        running(
          greeting({ startFrom: "beginning" }, sent),
          Effect.flatMap(note("a", "two"), (end) => reached("welcome_mail", end))
        )
      )
      deepStrictEqual(sent, ["two"])
    })
  },
  {
    name: "what a reaction sends belongs to the conversation of its event and names it as its cause, through three hops (PM6)",
    run: Effect.gen(function* () {
      const Passed = Event.make("Passed", { to: Schema.String })
      class Relay extends Aggregate.make("Relay", {
        id: Schema.String,
        state: Schema.Struct({ passed: Schema.Int }),
        initial: { passed: 0 },
        events: [Passed],
        commands: [Rpc.make("Pass", { payload: { to: Schema.String }, success: Schema.Int })]
      }) {}
      const relays = Relay.toLayer({
        decide: { Pass: ({ to }) => Either.right([Passed.make({ to })]) },
        evolve: { Passed: ({ passed }) => ({ passed: passed + 1 }) },
        reply: { Pass: ({ passed }) => passed }
      })
      const passing = Reaction.make({
        name: "passing",
        events: [Passed],
        startFrom: "beginning",
        react: ({ event }, commandId) =>
          event.to === "3"
            ? Effect.void
            : Effect.flatMap(Relay, (relay) =>
                relay(event.to).Pass({ to: String(Number(event.to) + 1) }, { commandId: commandId() })
              )
      })
      const program = Effect.gen(function* () {
        const relay = yield* Relay
        yield* relay("0").Pass({ to: "1" }, { commandId: "first", correlationId: "order-7" })
        yield* Effect.repeat(Effect.delay(relay("2").state, "1 millis"), { until: ({ version }) => version === 1 })
      })
      const actors = relays.pipe(Layer.provide(ActorSystemLocal.layer), Layer.provide(SnapshotStoreMemory.layer))
      const layer = Layer.provideMerge(Layer.provide(Reaction.layer(passing), limits), actors)
      yield* Effect.scoped(Effect.provide(program, layer))
      const store = yield* EventStore
      const { events } = yield* store.readAll(0)
      deepStrictEqual(
        events.map(({ causationId, correlationId, streamId }) => [streamId, correlationId, causationId]),
        [
          ["relay-0", "order-7", null],
          ["relay-1", "order-7", "relay-0@1"],
          ["relay-2", "order-7", "relay-1@1"]
        ]
      )
    })
  }
]
