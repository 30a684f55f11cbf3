/**
 * Cost and failure stay with what caused them (NB1 to NB4): a command that cannot be stored, or whose code throws,
 * holds up nobody in its mailbox, and a decision that is an effect runs once, whatever becomes of the commands beside
 * it.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Rpc } from "@effect/rpc"
import { Cause, Deferred, Duration, Effect, Either, Exit, Fiber, Layer, Schema, TestContext } from "effect"
import type { ActorLimits } from "../../core/ActorConfig.ts"
import * as Aggregate from "../../core/Aggregate.ts"
import type { Decision } from "../../core/Definition.ts"
import * as Event from "../../core/Event.ts"
import { EventStore } from "../../core/EventStore.ts"
import { SnapshotStore } from "../../core/SnapshotStore.ts"
import * as StoredText from "../../core/StoredText.ts"
import { StreamId } from "../../core/StreamId.ts"
import { type ActorSystemCase, SystemUnderTest } from "../SystemUnderTest.ts"
import { until } from "./Passing.ts"

// ---- an aggregate whose commands say how they end --------------------------------------------------------------------

const Done = Event.make("Done", { how: Schema.String, padding: Schema.String })
type Done = Event.Of<typeof Done>

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}

class Task extends Aggregate.make("Task", {
  id: Schema.String,
  state: Schema.Struct({ count: Schema.Int, last: Schema.String }),
  initial: { count: 0, last: "" },
  events: [Done],
  commands: [
    Rpc.make("Do", {
      payload: { how: Schema.String },
      success: Schema.Struct({ count: Schema.Int, padding: Schema.String }),
      error: Refused
    })
  ]
}) {}
type Behaviour = Parameters<typeof Task.define>[0]
type Decide = Behaviour["decide"]["Do"]

const tooLarge = "x".repeat(StoredText.maxPayloadBytes)
const done = (how: string): Either.Either<ReadonlyArray<Done>> =>
  Either.right([Done.make({ how, padding: how === "large event" ? tooLarge : "" })])

const decide: Decide = ({ how }) => {
  if (how === "throws") throw new Error("poison")
  if (how === "refused") return Either.left(new Refused())
  if (how === "unencodable") return Either.right([{ _tag: "Done", how, padding: 1 as never }])
  return done(how)
}
const behaviourOf = (change: Decide): Behaviour => ({
  decide: { Do: change },
  evolve: { Done: ({ count }, { how }) => ({ count: count + 1, last: how }) },
  reply: {
    Do: ({ count, last }) => {
      if (last === "reply throws") throw new Error("poison")
      return { count, padding: last === "large answer" ? tooLarge : "" }
    }
  }
})

/** What the cases ask, for systems whose actors live in other processes than the case. */
export const neighboursDefinition = Task.define(behaviourOf(decide))

const ask = (id: string, how: string, options?: Aggregate.CommandOptions) =>
  Effect.flatMap(Task, (tasks) => tasks(id).ask("Do", { how }, options))
const head = (id: string) =>
  Effect.map(
    Effect.flatMap(EventStore, (store) => store.head(StreamId.make(`task-${id}`))),
    ({ version }) => version
  )

/** Appends to one stream, from when it is told to hold them until they are let go. */
class Gate {
  readonly appends: Array<ReadonlyArray<string>> = []
  private held: Deferred.Deferred<void> | undefined
  private readonly streamId: string

  constructor(id: string) {
    this.streamId = `task-${id}`
  }

  readonly hold = Effect.map(Deferred.make<void>(), (held) => {
    this.held = held
    this.appends.length = 0
  })
  readonly release = Effect.suspend(() => {
    const { held } = this
    this.held = undefined
    return held === undefined ? Effect.void : Deferred.succeed(held, undefined)
  })
  /** The append that is held has come. */
  readonly isReached = Effect.suspend(() => Effect.succeed(this.appends.length > 0))

  over(store: EventStore["Type"]): EventStore["Type"] {
    return {
      ...store,
      append: (requests, place) =>
        Effect.suspend(() => {
          const [request] = requests
          if (request?.streamId !== this.streamId) return store.append(requests, place)
          this.appends.push(request.commands.map(({ commandId }) => commandId))
          const wait = this.held === undefined ? Effect.void : Deferred.await(this.held)
          return Effect.zipRight(wait, store.append(requests, place))
        })
    }
  }
}

interface Setting {
  readonly decide?: Decide
  readonly limits?: Partial<ActorLimits>
  readonly store?: (store: EventStore["Type"]) => EventStore["Type"]
}
type Program<A> = Effect.Effect<A, unknown, Aggregate.Service<"Task"> | EventStore | SnapshotStore | SystemUnderTest>

/** Runs a program with a system of its own over the stores, which outlive it. */
const running = <A>(setting: Setting, program: Program<A>) =>
  Effect.gen(function* () {
    const { layer } = yield* SystemUnderTest
    const store = yield* EventStore
    const stores = Layer.merge(
      Layer.succeed(EventStore, setting.store?.(store) ?? store),
      Layer.succeed(SnapshotStore, yield* SnapshotStore)
    )
    const task = Task.toLayer(behaviourOf(setting.decide ?? decide)).pipe(
      Layer.provide(layer(setting.limits ?? {})),
      Layer.provide(stores)
    )
    return yield* Effect.provide(program, task)
  })
/** How an ask ended, in one word. */
const wordOf = <A extends { readonly outcome: Either.Either<unknown, unknown> }, E>(exit: Exit.Exit<A, E>): string => {
  if (Exit.isSuccess(exit)) return Either.isRight(exit.value.outcome) ? "done" : "refused"
  if (Cause.isDie(exit.cause)) return "defect"
  const error = Cause.squash(exit.cause) as { readonly _tag?: string }
  return error._tag ?? "unknown"
}

// ---- NB1 -------------------------------------------------------------------------------------------------------------

interface Poison {
  readonly kind: string
  readonly how: string
  readonly word: string
  readonly options?: (index: number) => Aggregate.CommandOptions
  /** Of those whose events or answers take a megabyte each. */
  readonly few?: boolean
}

const poisons: ReadonlyArray<Poison> = [
  { kind: "a reused id", how: "ok", word: "CommandIdReused", options: (index) => ({ commandId: `taken-${index}` }) },
  {
    kind: "an id too long in characters",
    how: "ok",
    word: "InvalidArgument",
    options: (index) => ({ commandId: `${index}`.padStart(256, "x") })
  },
  {
    kind: "an id too long in bytes",
    how: "ok",
    word: "InvalidArgument",
    options: (index) => ({ commandId: `\u0001${`${index}`.padStart(1_000, "\u6c34")}` })
  },
  { kind: "a throwing decide", how: "throws", word: "defect" },
  { kind: "a throwing reply", how: "reply throws", word: "defect" },
  { kind: "an unencodable event", how: "unencodable", word: "UnencodableEvent" },
  { kind: "an event too large", how: "large event", word: "UnencodableEvent", few: true },
  { kind: "an answer too large", how: "large answer", word: "InvalidArgument", few: true }
]

const innocents = 50

const nb1 = ({ few = false, how, kind, options, word }: Poison): ActorSystemCase => ({
  name: `${few ? 20 : 500} commands with ${kind} hold up nobody beside them: each is planned twice at most (NB1)`,
  run: Effect.gen(function* () {
    const count = few ? 20 : 500
    const gate = new Gate("a")
    yield* running(
      { store: (store) => gate.over(store) },
      Effect.gen(function* () {
        const all = Array.from({ length: count }, (_, index) => index)
        if (word === "CommandIdReused") {
          yield* Effect.forEach(all, (index) => ask("b", "ok", options?.(index)), {
            concurrency: "unbounded",
            discard: true
          })
        }
        yield* gate.hold
        const first = yield* Effect.fork(ask("a", "ok"))
        yield* until("the first append", gate.isReached)
        // In one batch behind the first one: an innocent, ten poisons, an innocent, and so on.
        const waiting = yield* Effect.forEach(all, (index) =>
          Effect.all([
            index % (count / innocents) < 1 || few
              ? Effect.fork(Effect.exit(ask("a", "ok")))
              : Effect.succeed(undefined),
            Effect.fork(Effect.exit(ask("a", how, options?.(index))))
          ])
        )
        const sent = waiting.flatMap(([innocent, poison]) => (innocent === undefined ? [poison] : [innocent, poison]))
        // Those that are refused before the mailbox are answered already; the others have been accepted when the last
        // one asked.
        for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow()
        yield* gate.release
        yield* Fiber.join(first)
        yield* Effect.forEach(sent, Fiber.await)
        for (const [innocent, poison] of waiting) {
          if (innocent !== undefined) strictEqual(wordOf(yield* Fiber.join(innocent)), "done")
          strictEqual(wordOf(yield* Fiber.join(poison)), word)
        }
        const done = waiting.filter(([innocent]) => innocent !== undefined).length
        strictEqual(yield* head("a"), done + 1)
        const [, ...appends] = gate.appends
        const plans = new Map<string, number>()
        for (const id of appends.flat()) plans.set(id, (plans.get(id) ?? 0) + 1)
        ok([...plans.values()].every((times) => times <= 2))
        // Two of one process; in a cluster the commands come in bursts.
        ok(appends.length <= 20, `${appends.length} appends`)
      })
    )
  })
})

// ---- NB3 -------------------------------------------------------------------------------------------------------------

/** A decision that is an effect: counts its runs, each of which waits until it is let go. */
class Effectful {
  runs = 0
  readonly ids = new Set<string>()
  private readonly gates: Array<Deferred.Deferred<void>> = []

  readonly decide: Decide = (payload, state, context): Decision<Done, Refused> => {
    if (payload.how !== "effect") return decide(payload, state, context)
    return Effect.gen(this, function* () {
      this.runs++
      this.ids.add(context.commandId)
      const gate = yield* Deferred.make<void>()
      this.gates.push(gate)
      yield* Deferred.await(gate)
      return yield* done("effect")
    })
  }

  /** It runs for the nth time, from 1. */
  readonly running = (nth: number) =>
    until(
      `run ${nth}`,
      Effect.sync(() => this.gates.length >= nth)
    )
  readonly release = (nth: number) =>
    Effect.suspend(() => {
      const gate = this.gates[nth - 1]
      return gate === undefined ? Effect.die(new Error(`no run ${nth}`)) : Deferred.succeed(gate, undefined)
    })
}

const key = { commandId: "one" }

const nb3: ReadonlyArray<ActorSystemCase> = [
  {
    name: "a twin of an effectful decision joins it, in the mailbox and in flight, and another body is refused at once (NB3)",
    run: Effect.gen(function* () {
      const effectful = new Effectful()
      const gate = new Gate("a")
      yield* running(
        { decide: effectful.decide, store: (store) => gate.over(store) },
        Effect.gen(function* () {
          yield* gate.hold
          const first = yield* Effect.fork(ask("a", "ok"))
          yield* until("the first append", gate.isReached)
          const asked = [1, 2].map(() => Effect.fork(ask("a", "effect", key)))
          const waiting = yield* Effect.all(asked)
          for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow()
          yield* gate.release
          yield* Fiber.join(first)
          yield* effectful.running(1)
          const inFlight = yield* Effect.fork(ask("a", "effect", key))
          strictEqual(wordOf(yield* Effect.exit(ask("a", "ok", key))), "CommandIdReused")
          yield* effectful.release(1)
          const answers = yield* Effect.forEach([...waiting, inFlight], Fiber.join)
          deepStrictEqual(
            answers.map(({ replayed }) => replayed),
            [false, true, true]
          )
          ok(answers.every(({ version }) => version === 2))
          strictEqual(effectful.runs, 1)
        })
      )
    })
  },
  {
    name: "an effectful decision of a command that was stored does not run again, by whatever process it was stored (NB3)",
    run: Effect.gen(function* () {
      yield* running({ decide: () => done("effect") }, ask("a", "effect", key))
      const effectful = new Effectful()
      yield* running(
        { decide: effectful.decide },
        Effect.gen(function* () {
          ok((yield* ask("a", "effect", key)).replayed)
          strictEqual(wordOf(yield* Effect.exit(ask("b", "effect", key))), "CommandIdReused")
        })
      )
      strictEqual(effectful.runs, 0)
    })
  },
  {
    name: "an effectful decision runs on committed state, once, whatever becomes of its mates (NB3)",
    run: Effect.gen(function* () {
      yield* running({}, ask("other", "ok", { commandId: "taken" }))
      const effectful = new Effectful()
      const gate = new Gate("a")
      let rivals = 0
      const seen: Array<number> = []
      const decideAndLook: Decide = (payload, state, context) => {
        if (payload.how === "effect") seen.push(context.version)
        return effectful.decide(payload, state, context)
      }
      yield* running(
        {
          decide: decideAndLook,
          store: (store) =>
            gate.over({
              ...store,
              append: (requests, place) => {
                // Another writer comes before the batch of the mates, once.
                if (requests[0]?.streamId !== "task-a" || requests[0].commands.length < 2 || rivals++ > 0) {
                  return store.append(requests, place)
                }
                const rival = {
                  ...requests[0],
                  commands: requests[0].commands.slice(0, 1),
                  expectedVersion: "any" as const
                }
                const { expectedHash: _, ...request } = rival
                const commands = request.commands.map((one) => ({ ...one, commandId: "rival", correlationId: "rival" }))
                return Effect.zipRight(store.append([{ ...request, commands }]), store.append(requests, place))
              }
            })
        },
        Effect.gen(function* () {
          yield* gate.hold
          const first = yield* Effect.fork(ask("a", "ok"))
          yield* until("the first append", gate.isReached)
          const before = ["ok", "reply throws", "ok"].map((how) => Effect.fork(Effect.exit(ask("a", how))))
          const mates = yield* Effect.all([
            ...before,
            Effect.fork(Effect.exit(ask("a", "ok", { commandId: "taken" }))),
            Effect.fork(Effect.exit(ask("a", "effect", key))),
            Effect.fork(Effect.exit(ask("a", "throws"))),
            Effect.fork(Effect.exit(ask("a", "ok")))
          ])
          for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow()
          yield* gate.release
          yield* Fiber.join(first)
          yield* effectful.running(1)
          yield* effectful.release(1)
          const words = (yield* Effect.forEach(mates, Fiber.join)).map(wordOf)
          deepStrictEqual(words, ["done", "defect", "done", "CommandIdReused", "done", "defect", "done"])
          strictEqual(effectful.runs, 1)
          // Stored when it ran: the first, the rival's, and the two before it.
          strictEqual(seen.at(-1), 4)
          strictEqual(yield* head("a"), 6)
        })
      )
    })
  },
  {
    name: "after a conflict of its own stream an effectful decision runs again, under the same id, and is stored once (NB3)",
    run: Effect.gen(function* () {
      const effectful = new Effectful()
      yield* running(
        { decide: effectful.decide },
        Effect.gen(function* () {
          const asked = yield* Effect.fork(ask("a", "effect", key))
          yield* effectful.running(1)
          yield* running({}, ask("a", "ok"))
          yield* effectful.release(1)
          // After the backoff of the conflict, which is real time.
          yield* Effect.repeat(Effect.yieldNow(), { until: () => effectful.runs === 2 })
          yield* effectful.running(2)
          yield* effectful.release(2)
          strictEqual((yield* Fiber.join(asked)).version, 2)
          strictEqual(effectful.runs, 2)
          deepStrictEqual([...effectful.ids], ["one"])
        })
      )
    })
  }
]

// ---- NB4 -------------------------------------------------------------------------------------------------------------

const nb4: ActorSystemCase = {
  name: "a client that repeats a throwing decision makes nobody wait: nothing is loaded again, and no backoff begins (NB4)",
  run: Effect.gen(function* () {
    let reads = 0
    const counting = (store: EventStore["Type"]): EventStore["Type"] => ({
      ...store,
      lastEntry: (streamId) => {
        reads++
        return store.lastEntry(streamId)
      }
    })
    // With a clock that stands still: what waits for a backoff waits for ever.
    const program = Effect.gen(function* () {
      for (let round = 1; round <= 100; round++) {
        const asked = [ask("a", "throws"), ask("a", "reply throws"), ask("a", "ok")].map(Effect.exit)
        const words = (yield* Effect.all(asked, { concurrency: "unbounded" })).map(wordOf)
        deepStrictEqual(words, ["defect", "defect", "done"])
      }
      strictEqual(reads, 1)
    })
    const limits = { minBackoff: Duration.seconds(10), maxBackoff: Duration.seconds(10) }
    yield* Effect.provide(running({ store: counting, limits }, program), TestContext.TestContext)
  })
}

export const Neighbours: ReadonlyArray<ActorSystemCase> = [...poisons.map(nb1), ...nb3, nb4]
