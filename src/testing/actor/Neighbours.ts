/**
 * Cost and failure stay with what caused them (NB1 to NB4): a command that cannot be stored, or whose code throws, does
 * not hold up the others in its mailbox, and a decision that is an effect runs once, whatever becomes of the commands
 * beside it.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Deferred, Duration, Effect, Fiber, TestContext } from "effect"
import type * as Aggregate from "../../core/Aggregate.ts"
import type { Decision } from "../../core/Definition.ts"
import type { EventStore } from "../../core/EventStore.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import { until } from "./Passing.ts"
import { ask, type Decide, type Done, decide, done, Gate, head, type Refused, running, wordOf } from "./Task.ts"

// ---- NB1 -------------------------------------------------------------------------------------------------------------

interface Poison {
  readonly kind: string
  readonly how: string
  readonly word: string
  readonly options?: (index: number) => Aggregate.CommandOptions
  /** Fewer of those whose events or answers take a megabyte each. */
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
        for (let times = 0; times < 20; times++) yield* Effect.yieldNow()
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
          for (let times = 0; times < 20; times++) yield* Effect.yieldNow()
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
          for (let times = 0; times < 20; times++) yield* Effect.yieldNow()
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
