/** One command, one effect: what a command that comes again is answered, and what an unknown outcome leaves. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Deferred, Duration, Effect, Either, Fiber, Schedule, TestClock } from "effect"
import type * as Aggregate from "../../core/Aggregate.ts"
import { OutcomeUnknown } from "../../core/StoreError.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import {
  Added,
  add,
  behaviour,
  count,
  counter,
  type Decide,
  decideAdd,
  heldDecision,
  running,
  type Setting,
  tagOf,
  virtual
} from "./Counter.ts"

const ask = (id: string, by: number, options?: Aggregate.CommandOptions) =>
  Effect.flatMap(counter(id), (one) => one.ask("Add", { by }, options))

export const Retries: ReadonlyArray<ActorSystemCase> = [
  {
    name: "after an unknown outcome the actor reloads, and the same command id finds what was stored (AC7)",
    run: Effect.gen(function* () {
      let unknown = true
      const asked: Array<string> = []
      yield* running(
        {
          store: (store) => ({
            readStream: (id, options) => {
              asked.push("read")
              return store.readStream(id, options)
            },
            append: (requests) => {
              asked.push("append")
              return Effect.tap(store.append(requests), () =>
                unknown ? new OutcomeUnknown({ cause: new Error("injected") }) : Effect.void
              )
            }
          })
        },
        Effect.gen(function* () {
          strictEqual(yield* tagOf(add("a", 5, { commandId: "c" })), "OutcomeUnknown")
          unknown = false
          asked.length = 0
          const again = yield* ask("a", 5, { commandId: "c" })
          ok(again.replayed)
          strictEqual(asked[0], "read")
          strictEqual(yield* count("a"), 5)
          strictEqual((yield* add("a", 1)).count, 6)
        })
      )
    })
  },
  {
    name: "an append that never answers is given up as unknown, and the commands behind it are done (AC7)",
    run: virtual(
      Effect.gen(function* () {
        const hanging = yield* Deferred.make<void>()
        let hang = true
        yield* running(
          {
            limits: { appendTimeout: Duration.seconds(5), maxBatch: 1 },
            store: (store) => ({
              append: (requests) =>
                Effect.suspend(() => {
                  if (!hang) return store.append(requests)
                  hang = false
                  return Effect.zipRight(Deferred.succeed(hanging, undefined), Effect.never)
                })
            })
          },
          Effect.gen(function* () {
            const first = yield* Effect.fork(Effect.flip(add("a", 5)))
            const second = yield* Effect.fork(add("a", 1))
            yield* Deferred.await(hanging)
            yield* TestClock.adjust("7 seconds")
            strictEqual((yield* Fiber.join(first))._tag, "OutcomeUnknown")
            strictEqual((yield* Fiber.join(second)).count, 1)
          })
        )
      })
    )
  },
  {
    name: "a store that fails in a way of its own leaves nobody without an answer (AC7)",
    run: running(
      { store: () => ({ append: () => Effect.fail({ _tag: "Odd" } as never) }) },
      Effect.gen(function* () {
        strictEqual(yield* Effect.timeout(tagOf(add("a", 1)), "100 seconds"), "OutcomeUnknown")
      })
    )
  },
  {
    name: "a caller that goes away leaves its command to be done, once (AC20)",
    run: Effect.gen(function* () {
      const { decide, letGo, started } = yield* heldDecision
      yield* running(
        { limits: { mailboxCapacity: 2 }, behaviour: behaviour(decide) },
        Effect.gen(function* () {
          const deciding = yield* Effect.fork(add("a", 1))
          yield* started
          const waiting = yield* Effect.fork(add("a", 1))
          yield* Effect.yieldNow()
          // A command that is still on its way may be overtaken by its caller's leave; this one finds no room behind
          // it.
          strictEqual(yield* tagOf(add("a", 1)), "MailboxFull")
          yield* Fiber.interrupt(deciding)
          yield* Fiber.interrupt(waiting)
          yield* letGo
          const isFull = ({ _tag }: { readonly _tag: string }) => _tag === "MailboxFull"
          const last = Effect.retry(add("a", 1), { schedule: Schedule.spaced("2 millis"), while: isFull })
          strictEqual((yield* last).count, 3)
        })
      )
    })
  },
  {
    name: "a command id is answered once and for all, across lives of the actor, with its refusals (ES24)",
    run: Effect.gen(function* () {
      const first = yield* running({}, ask("a", 5, { commandId: "c" }))
      const refused = yield* running({}, ask("a", 13, { commandId: "r" }))
      ok(!first.replayed && !refused.replayed)
      yield* running({}, add("a", 1))
      yield* running(
        {},
        Effect.gen(function* () {
          deepStrictEqual(yield* ask("a", 5, { commandId: "c", expectedVersion: 0 }), { ...first, replayed: true })
          deepStrictEqual(yield* ask("a", 13, { commandId: "r" }), { ...refused, replayed: true })
          strictEqual(yield* tagOf(add("a", 6, { commandId: "c" })), "CommandIdReused")
          strictEqual(yield* tagOf(add("b", 5, { commandId: "c" })), "CommandIdReused")
          strictEqual(yield* count("a"), 6)
        })
      )
    })
  },
  {
    name: "a fingerprint of the caller's own says what is the same command, to the same aggregate only (ES24 ES25)",
    run: running(
      {},
      Effect.gen(function* () {
        const options = { commandId: "c", fingerprint: "whatever the amount" }
        const first = yield* ask("a", 5, options)
        deepStrictEqual(yield* ask("a", 6, options), { ...first, replayed: true })
        strictEqual(yield* tagOf(add("b", 5, options)), "CommandIdReused")
        strictEqual(yield* count("b"), 0)
      })
    )
  },
  {
    name: "the same command sent twice at once has one effect, and both get its answer (ES24)",
    run: Effect.gen(function* () {
      let appends = 0
      const counting: Setting["store"] = (store) => ({
        append: (requests) => {
          appends++
          return store.append(requests)
        }
      })
      yield* running(
        { store: counting },
        Effect.gen(function* () {
          const twins = [1, 2, 3].map(() => ask("a", 5, { commandId: "c" }))
          const others = [add("a", 1), add("a", 6, { commandId: "c" })].map(Effect.either)
          const [answers, rest] = yield* Effect.all(
            [Effect.all(twins, { concurrency: "unbounded" }), Effect.all(others, { concurrency: "unbounded" })],
            { concurrency: "unbounded" }
          )
          deepStrictEqual(
            answers.map(({ replayed }) => replayed),
            [false, true, true]
          )
          ok(answers.every(({ version }) => version === answers[0]?.version))
          ok(rest[1] && Either.isLeft(rest[1]) && rest[1].left._tag === "CommandIdReused")
          strictEqual(yield* count("a"), 6)
        })
      )
      // A twin joins the first, and another command with its id is refused at once.
      strictEqual(appends, 1)
    })
  },
  {
    name: "an unstored refusal is decided again when the command comes again",
    run: Effect.gen(function* () {
      let ready = false
      const decide: Decide = (payload, state, context) =>
        ready ? Either.right([Added.make({ by: 1 })]) : decideAdd(payload, state, context)
      yield* running(
        { behaviour: behaviour(decide) },
        Effect.gen(function* () {
          strictEqual(yield* tagOf(add("a", 14, { commandId: "c" })), "NotYet")
          ready = true
          strictEqual((yield* add("a", 14, { commandId: "c" })).count, 1)
          ready = false
          // Once it had an effect, that is its answer.
          ok((yield* ask("a", 14, { commandId: "c" })).replayed)
        })
      )
    })
  }
]
