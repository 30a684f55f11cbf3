/** What a defect in the code of an aggregate costs, and whom. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Cause, Duration, Effect, Either, Exit, Fiber, Option } from "effect"
import type { Decision } from "../../core/Definition.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import {
  type Added,
  add,
  behaviour,
  type CounterBehaviour,
  type Decide,
  decideAdd,
  type NotYet,
  running,
  stored,
  type TooMuch,
  unavailable,
  virtual
} from "./Counter.ts"
import { pass, until } from "./Passing.ts"

export const Defects: ReadonlyArray<ActorSystemCase> = [
  {
    name: "an event that evolve throws on is not stored, and its sender gets the defect (AC8)",
    run: Effect.gen(function* () {
      const broken = behaviour(decideAdd, {
        evolve: {
          Added: ({ count }, { by }) => {
            if (by === 3) throw new Error("cannot evolve")
            return { count: count + by }
          }
        }
      })
      yield* running(
        { behaviour: broken, limits: { minBackoff: Duration.zero } },
        Effect.gen(function* () {
          yield* add("a", 1)
          const exit = yield* Effect.exit(add("a", 3))
          ok(Exit.isFailure(exit) && Cause.isDie(exit.cause))
          strictEqual((yield* stored("a")).length, 1)
          strictEqual((yield* add("a", 1)).count, 2)
        })
      )
    })
  },
  {
    name: "a defect reaches its sender alone; only where evolve threw the actor reloads, and nobody waits for it (AC19)",
    run: Effect.gen(function* () {
      const broken = behaviour(decideAdd, {
        evolve: {
          Added: ({ count }, { by }) => {
            if (by === 17) throw new Error("cannot evolve")
            return { count: count + by }
          }
        }
      })
      let reads = 0
      // With a clock that stands still: no backoff would ever end.
      yield* virtual(
        running(
          {
            behaviour: broken,
            limits: { minBackoff: Duration.seconds(1) },
            store: (store) => ({
              lastEntry: (streamId) => {
                if (streamId === "counter-a") reads++
                return store.lastEntry(streamId)
              }
            })
          },
          Effect.gen(function* () {
            yield* add("a", 1)
            strictEqual(reads, 1)
            const together = (...numbers: ReadonlyArray<number>) =>
              Effect.map(
                Effect.all(
                  numbers.map((by) => Effect.exit(add("a", by))),
                  { concurrency: "unbounded" }
                ),
                (exits) => exits.map((exit) => (Exit.isSuccess(exit) ? exit.value.count : Cause.isDie(exit.cause)))
              )
            deepStrictEqual(yield* together(1, 16, 1, 16, 16, 1), [2, true, 3, true, true, 4])
            strictEqual(reads, 1)
            deepStrictEqual(yield* together(1, 17, 1, 17, 17, 1), [5, true, 6, true, true, 7])
            strictEqual(reads, 4)
            strictEqual((yield* add("sibling", 1)).count, 1)
            strictEqual((yield* stored("a")).length, 7)
          })
        )
      )
    })
  },
  {
    name: "a decision that dies as an effect, and a reply that throws, reach their sender alone (AC19)",
    run: Effect.gen(function* () {
      const decide: Decide = (payload, state, context): Decision<Added, TooMuch | NotYet> =>
        payload.by === 17 ? Effect.die(new Error("poison")) : decideAdd(payload, state, context)
      const reply: CounterBehaviour["reply"] = {
        Add: ({ count }, at) => {
          if (count === 3) throw new Error("cannot reply")
          return { count, ...at }
        }
      }
      yield* running(
        { limits: { minBackoff: Duration.zero }, behaviour: behaviour(decide, { reply }) },
        Effect.gen(function* () {
          const asked = [add("a", 1), add("a", 17), add("a", 2), add("a", 4)]
          const exits = yield* Effect.all(asked.map(Effect.exit), { concurrency: "unbounded" })
          deepStrictEqual(
            exits.map((exit) => (Exit.isSuccess(exit) ? exit.value.count : Cause.isDie(exit.cause))),
            [1, true, true, 5]
          )
          strictEqual((yield* stored("a")).length, 2)
        })
      )
    })
  },
  {
    name: "a decision that does not end is given up, even one that cannot be interrupted, and its neighbours are done (AC19)",
    run: virtual(
      Effect.gen(function* () {
        const decide: Decide = (payload, state, context): Decision<Added, TooMuch | NotYet> =>
          payload.by === 18
            ? Effect.never
            : payload.by === 19
              ? Effect.uninterruptible(Effect.never)
              : decideAdd(payload, state, context)
        yield* running(
          { behaviour: behaviour(decide), limits: { decideTimeout: Duration.seconds(5) } },
          Effect.gen(function* () {
            for (const [by, before] of [
              [18, 0],
              [19, 2]
            ] as const) {
              const asked = [add("a", 1), add("a", by), add("a", 1)]
              const fibers = yield* Effect.forEach(asked, (one) => Effect.fork(Effect.either(one)))
              const done = Effect.map(Fiber.poll(Fiber.all(fibers)), Option.isSome)
              yield* until("the answers", Effect.zipRight(pass("1 second"), done))
              const answers = (yield* Effect.forEach(fibers, Fiber.join)).map((answer) =>
                Either.isLeft(answer) ? answer.left._tag : answer.right.count
              )
              deepStrictEqual(answers, [before + 1, "DecisionTimedOut", before + 2])
            }
            strictEqual((yield* stored("a")).length, 4)
          })
        )
      })
    )
  },
  {
    name: "a decision that interrupts itself, or the fiber it runs in, or is none, is a defect to its sender alone (AC19)",
    run: Effect.gen(function* () {
      const decide: Decide = (payload, state, context): Decision<Added, TooMuch | NotYet> =>
        payload.by === 18
          ? Effect.interrupt
          : payload.by === 19
            ? Effect.withFiberRuntime((fiber) => {
                fiber.unsafeInterruptAsFork(fiber.id())
                return Effect.never
              })
            : payload.by === 20
              ? ([] as never)
              : decideAdd(payload, state, context)
      yield* running(
        { behaviour: behaviour(decide), limits: { minBackoff: Duration.zero } },
        Effect.gen(function* () {
          const asked = [1, 18, 1, 19, 1, 20, 1].map((by) => Effect.exit(add("a", by)))
          const exits = yield* Effect.timeout(Effect.all(asked, { concurrency: "unbounded" }), "100 seconds")
          deepStrictEqual(
            exits.map((exit) => (Exit.isSuccess(exit) ? exit.value.count : Cause.isDie(exit.cause))),
            [1, true, 2, true, 3, true, 4]
          )
        })
      )
    })
  },
  {
    name: "a decision that dies while the store is down is a defect all the same, and its neighbours are told of the store (AC19)",
    run: running(
      { store: () => ({ append: () => unavailable }), limits: { minBackoff: Duration.zero } },
      Effect.gen(function* () {
        const asked = [1, 16].map((by) => Effect.exit(add("a", by)))
        const [plain, poison] = yield* Effect.all(asked, { concurrency: "unbounded" })
        ok(plain && Exit.isFailure(plain) && Cause.isFailure(plain.cause))
        ok(poison && Exit.isFailure(poison) && Cause.isDie(poison.cause))
      })
    )
  }
]
