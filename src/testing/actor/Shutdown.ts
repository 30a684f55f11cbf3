/** What a system does that stops, an aggregate whose layer was closed, and one that may not be registered. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Cause, Deferred, Effect, Either, Exit, Fiber, Option } from "effect"
import { ActorSystem } from "../../core/ActorSystem.ts"
import { type ActorSystemCase, SystemUnderTest } from "../SystemUnderTest.ts"
import {
  Added,
  add,
  behaviour,
  Counter,
  counter,
  type Decide,
  heldDecision,
  running,
  tagOf,
  virtual
} from "./Counter.ts"
import { pass, until } from "./Passing.ts"

export const Shutdown: ReadonlyArray<ActorSystemCase> = [
  {
    name: "a system that stops does what it accepted and refuses what comes after (AC21)",
    run: Effect.gen(function* () {
      const { decide, letGo, started } = yield* heldDecision
      const leaked = yield* Deferred.make<Effect.Effect<unknown, unknown>>()
      const accepted = yield* Deferred.make<Fiber.Fiber<{ readonly count: number }, unknown>>()
      const system = yield* Effect.fork(
        running(
          { behaviour: behaviour(decide) },
          Effect.gen(function* () {
            const one = yield* counter("a")
            const fiber = yield* Effect.forkDaemon(one.Add({ by: 1 }))
            yield* started
            yield* Deferred.succeed(accepted, fiber)
            yield* Deferred.succeed(leaked, one.Add({ by: 1 }))
          })
        )
      )
      const late = yield* Deferred.await(leaked)
      // The program is over: its scope is closing, and waits for the command.
      yield* until(
        "a refusal",
        Effect.map(Effect.either(Effect.timeoutOption(late, 0)), (answer) => Either.isLeft(answer))
      )
      ok(Option.isNone(yield* Fiber.poll(system)))
      strictEqual(yield* tagOf(late), "ShuttingDown")
      yield* letGo
      strictEqual((yield* Fiber.join(yield* Deferred.await(accepted))).count, 1)
      yield* Fiber.join(system)
      strictEqual(yield* tagOf(late), "ShuttingDown")
    })
  },
  {
    name: "what does not end within the deadline is answered too (AC21)",
    run: virtual(
      Effect.gen(function* () {
        const started = yield* Deferred.make<void>()
        const decide: Decide = () => Effect.zipRight(Deferred.succeed(started, undefined), Effect.never)
        const fibers = yield* Deferred.make<ReadonlyArray<Fiber.Fiber<unknown, { readonly _tag: string }>>>()
        const system = yield* Effect.fork(
          running(
            { behaviour: behaviour(decide), limits: { maxBatch: 1 } },
            Effect.gen(function* () {
              const one = yield* counter("a")
              const asked = yield* Effect.forEach([1, 2], (by) => Effect.forkDaemon(one.Add({ by })))
              yield* Deferred.await(started)
              yield* Deferred.succeed(fibers, asked)
            })
          )
        )
        const asked = yield* Deferred.await(fibers)
        const done = Effect.map(Fiber.poll(system), Option.isSome)
        yield* until("the deadline", Effect.zipRight(pass("1 second"), done))
        const tags = yield* Effect.forEach(asked, (fiber) => tagOf(Fiber.join(fiber)))
        deepStrictEqual(tags, ["OutcomeUnknown", "ShuttingDown"])
      })
    )
  },
  {
    name: "an aggregate whose layer was closed refuses; a new layer's behaviour holds at once, but not beside the old one's (AC21)",
    run: Effect.gen(function* () {
      const { layer } = yield* SystemUnderTest
      const latch = yield* Deferred.make<void>()
      const started = yield* Deferred.make<void>()
      const twice = behaviour(({ by }) => Either.right([Added.make({ by: 2 * by })]))
      const waits: Decide = ({ by }) =>
        Effect.zipRight(Deferred.succeed(started, undefined), Effect.as(Deferred.await(latch), [Added.make({ by })]))
      const program = Effect.gen(function* () {
        const counters = yield* Effect.provide(Counter, Counter.toLayer(behaviour()))
        strictEqual(yield* tagOf(counters("a").Add({ by: 1 })), "ShuttingDown")
        strictEqual(yield* tagOf(counters("a").state), "ShuttingDown")
        strictEqual((yield* Effect.provide(add("a", 1), Counter.toLayer(behaviour()))).count, 1)
        strictEqual((yield* Effect.provide(add("a", 1), Counter.toLayer(twice))).count, 3)

        const fiber = yield* Effect.provide(
          Effect.zipLeft(Effect.forkDaemon(add("b", 1)), Deferred.await(started)),
          Counter.toLayer(behaviour(waits))
        )
        strictEqual(yield* tagOf(Effect.provide(add("b", 1), Counter.toLayer(twice))), "ShuttingDown")
        yield* Deferred.succeed(latch, undefined)
        strictEqual((yield* Fiber.join(fiber)).count, 1)
      })
      yield* Effect.provide(program, layer({}))
    })
  },
  {
    name: "aggregates whose streams would have the same ids are not registered together",
    run: Effect.gen(function* () {
      const { layer } = yield* SystemUnderTest
      const lower = { ...Counter.define(behaviour()), name: "counter" }
      const both = Effect.gen(function* () {
        const system = yield* ActorSystem
        yield* system.register(Counter.define(behaviour()))
        return yield* Effect.exit(system.register(lower))
      })
      const exit = yield* Effect.scoped(Effect.provide(both, layer({})))
      ok(Exit.isFailure(exit) && /would share their streams/.test(Cause.pretty(exit.cause)))
    })
  }
]
