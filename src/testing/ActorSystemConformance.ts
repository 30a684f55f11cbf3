/**
 * The promises of an actor system as cases. Whoever writes a system runs each with fresh, empty stores and says how the
 * system is built over them. Faults are injected between the system and its store, never into the system.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Rpc } from "@effect/rpc"
import {
  Cause,
  type Clock,
  Context,
  Deferred,
  Duration,
  Effect,
  Either,
  Exit,
  Fiber,
  Layer,
  Logger,
  Option,
  Schedule,
  Schema,
  Stream,
  TestClock,
  TestContext
} from "effect"
import type { ActorLimits } from "../core/ActorConfig.ts"
import { ActorSystem } from "../core/ActorSystem.ts"
import * as Aggregate from "../core/Aggregate.ts"
import { noHead } from "../core/AppendPlan.ts"
import type { Decision } from "../core/Definition.ts"
import * as Event from "../core/Event.ts"
import * as EventHash from "../core/EventHash.ts"
import { EventStore, type ProposedCommand } from "../core/EventStore.ts"
import { checksum, type Snapshot, SnapshotStore } from "../core/SnapshotStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { OutcomeUnknown, StoreUnavailable } from "../core/StoreError.ts"
import { StreamId } from "../core/StreamId.ts"
import type { Case } from "./Conformance.ts"
import { changedBy } from "./Tampering.ts"

/** How the system that is tested is built, with some limits changed. */
export class SystemUnderTest extends Context.Tag("daybook/testing/SystemUnderTest")<
  SystemUnderTest,
  {
    readonly layer: (limits: Partial<ActorLimits>) => Layer.Layer<ActorSystem, never, EventStore | SnapshotStore>
  }
>() {}

export type ActorSystemCase = Case<EventStore | SnapshotStore | SystemUnderTest>

// ---- an aggregate that counts ---------------------------------------------------------------------------------------

const Added = Event.make("Added", { by: Schema.Int })
class TooMuch extends Schema.TaggedError<TooMuch>()("TooMuch", { count: Schema.Int }) {}
class NotYet extends Schema.TaggedError<NotYet>()("NotYet", {}) {}

class Counter extends Aggregate.make("Counter", {
  id: Schema.String,
  state: Schema.Struct({ count: Schema.Int }),
  initial: { count: 0 },
  events: [Added],
  commands: [
    Rpc.make("Add", {
      payload: { by: Schema.Int },
      success: Schema.Struct({ count: Schema.Int, version: Schema.Int, position: Schema.Int }),
      error: Schema.Union(TooMuch, NotYet)
    })
  ],
  transientErrors: ["NotYet"]
}) {}
type Added = Event.Of<typeof Added>
type CounterBehaviour = Parameters<typeof Counter.define>[0]
type Decide = CounterBehaviour["decide"]["Add"]

/** The ways in which a command can end, by its number: 13 is refused for ever, 14 for now, 15 cannot be stored, 16 throws. */
const decideAdd: Decide = ({ by }, { count }) => {
  if (by === 13) return Either.left(new TooMuch({ count }))
  if (by === 14) return Either.left(new NotYet())
  if (by === 15) return Either.right([Added.make({ by: 0.5 })])
  if (by === 16) throw new Error("poison")
  return Either.right([Added.make({ by })])
}
const behaviour = (decide: Decide = decideAdd, changes: Partial<CounterBehaviour> = {}): CounterBehaviour => ({
  decide: { Add: decide },
  evolve: { Added: ({ count }, { by }) => ({ count: count + by }) },
  reply: { Add: ({ count }, at) => ({ count, ...at }) },
  ...changes
})

/** What the cases ask, for systems whose actors live in other processes than the case. */
export const conformanceDefinition = Counter.define(behaviour())

interface Setting {
  readonly limits?: Partial<ActorLimits>
  readonly behaviour?: CounterBehaviour
  readonly store?: (store: EventStore["Type"]) => Partial<EventStore["Type"]>
  readonly snapshots?: (store: SnapshotStore["Type"]) => Partial<SnapshotStore["Type"]>
}
type Program<A> = Effect.Effect<A, unknown, Aggregate.Service<"Counter"> | EventStore | SnapshotStore | SystemUnderTest>

/** Runs a program with a system of its own over the stores, which outlive it. */
const running = <A>({ limits = {}, ...setting }: Setting, program: Program<A>) =>
  Effect.gen(function* () {
    const { layer } = yield* SystemUnderTest
    const store = yield* EventStore
    const snapshots = yield* SnapshotStore
    const stores = Layer.merge(
      Layer.succeed(EventStore, { ...store, ...setting.store?.(store) }),
      Layer.succeed(SnapshotStore, { ...snapshots, ...setting.snapshots?.(snapshots) })
    )
    const counter = Counter.toLayer(setting.behaviour ?? behaviour()).pipe(
      Layer.provide(layer(limits)),
      Layer.provide(stores)
    )
    return yield* Effect.provide(program, counter)
  })
/** With a clock that only the case moves. */
const virtual = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, TestContext.TestContext)
/** As `virtual`, and on a wall clock that can be set: by milliseconds to what the clock that is waited by has gone. */
const onWallClock = <A, E, R>(run: (set: (by: number) => void) => Effect.Effect<A, E, R>) =>
  virtual(
    Effect.clockWith((inner) => {
      let offset = Date.UTC(2026, 0)
      const unsafeCurrentTimeMillis = () => inner.unsafeCurrentTimeMillis() + offset
      const wall: Clock.Clock = Object.assign(Object.create(inner), {
        unsafeCurrentTimeMillis,
        unsafeCurrentTimeNanos: () => inner.unsafeCurrentTimeNanos(),
        currentTimeMillis: Effect.sync(unsafeCurrentTimeMillis)
      })
      const set = (by: number): void => {
        offset += by
      }
      return Effect.withClock(run(set), wall)
    })
  )
const counter = (id: string) => Effect.map(Counter, (counters) => counters(id))
const add = (id: string, by: number, options?: Aggregate.CommandOptions) =>
  Effect.flatMap(counter(id), (one) => one.Add({ by }, options))
const ask = (id: string, by: number, options?: Aggregate.CommandOptions) =>
  Effect.flatMap(counter(id), (one) => one.ask("Add", { by }, options))
const count = (id: string) =>
  Effect.map(
    Effect.flatMap(counter(id), (one) => one.state),
    ({ state }) => state.count
  )
const stored = (id: string) =>
  Effect.map(
    Effect.flatMap(EventStore, (store) => store.readStream(StreamId.make(`counter-${id}`))),
    ({ events }) => events
  )
const tagOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => (error as { readonly _tag?: string })._tag)
/** Lets every other fiber run until it is so; fails the case when that takes for ever. */
const until = <R>(what: string, condition: Effect.Effect<boolean, unknown, R>) =>
  Effect.gen(function* () {
    for (let turn = 0; turn < 100_000; turn++) {
      if (yield* condition) return
      yield* Effect.yieldNow()
    }
    throw new Error(`never: ${what}`)
  })
/** What another writer appends. */
const rival = (commandId: string): ProposedCommand => ({
  commandId,
  isNew: false,
  command: "Test",
  fingerprint: "",
  correlationId: commandId,
  causationId: null,
  traceparent: null,
  events: [{ type: "Added", schemaVersion: 1, data: '{"by":1}' }],
  outcome: "success",
  answer: () => ({ text: "{}", version: 1 })
})
const unavailable = new StoreUnavailable({ operation: "append", cause: new Error("injected") })
export const ActorSystemConformance: ReadonlyArray<ActorSystemCase> = [
  {
    name: "AC1 1,000 commands at once to one actor are decided one at a time and answered 1 to 1,000",
    run: Effect.gen(function* () {
      let inside = 0
      const decide: Decide = (payload, state, context) =>
        Effect.gen(function* () {
          strictEqual(++inside, 1)
          yield* Effect.yieldNow()
          inside--
          return yield* decideAdd(payload, state, context) as Effect.Effect<ReadonlyArray<Added>, TooMuch>
        })
      const program = Effect.forEach(Array.from({ length: 1_000 }), () => add("a", 1), { concurrency: "unbounded" })
      const replies = yield* running({ behaviour: behaviour(decide) }, program)
      deepStrictEqual(
        replies.map((reply) => reply.count).sort((left, right) => left - right),
        Array.from({ length: 1_000 }, (_, index) => index + 1)
      )
      ok(replies.every((reply) => reply.version === reply.count))
    })
  },
  {
    name: "AC2 the commands of one sender are done in its order",
    run: running(
      {},
      Effect.gen(function* () {
        const fibers = yield* Effect.forEach(Array.from({ length: 100 }), (_, index) =>
          Effect.fork(add("a", index + 100))
        )
        yield* Fiber.joinAll(fibers)
        const data = (yield* stored("a")).map((event) => JSON.parse(event.data).by)
        deepStrictEqual(
          data,
          Array.from({ length: 100 }, (_, index) => index + 100)
        )
      })
    )
  },
  {
    name: "AC3 a decision that waits holds up no other actor",
    run: Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const decide: Decide = (payload, state, context) =>
        context.id === "slow"
          ? Effect.as(Deferred.await(latch), [Added.make(payload)])
          : decideAdd(payload, state, context)
      yield* running(
        { behaviour: behaviour(decide) },
        Effect.gen(function* () {
          const slow = yield* Effect.fork(add("slow", 1))
          for (let round = 1; round <= 3; round++) strictEqual((yield* add("fast", 1)).count, round)
          yield* Deferred.succeed(latch, undefined)
          strictEqual((yield* Fiber.join(slow)).count, 1)
        })
      )
    })
  },
  {
    name: "AC4 no answer, be it a refusal or a mismatch, leaves before the commit of its batch, and reads see what is committed",
    run: Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const appending = yield* Deferred.make<void>()
      yield* running(
        {
          store: (store) => ({
            append: (requests) =>
              Effect.zipRight(
                Deferred.succeed(appending, undefined),
                Effect.zipRight(Deferred.await(latch), store.append(requests))
              )
          })
        },
        Effect.gen(function* () {
          strictEqual(yield* count("a"), 0)
          const asked = [add("a", 1), add("a", 13), add("a", 14), add("a", 1, { expectedVersion: 7 })]
          const fibers = yield* Effect.forEach(asked, (one) => Effect.fork(Effect.either(one)))
          yield* Deferred.await(appending)
          for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow()
          for (const fiber of fibers) ok(Option.isNone(yield* Fiber.poll(fiber)))
          strictEqual(yield* count("a"), 0)
          yield* Deferred.succeed(latch, undefined)
          const tags = (yield* Effect.forEach(fibers, Fiber.join)).map((answer) =>
            Either.isLeft(answer) ? answer.left._tag : answer.right.count
          )
          deepStrictEqual(tags, [1, "TooMuch", "NotYet", "VersionMismatch"])
          strictEqual(yield* count("a"), 1)
        })
      )
    })
  },
  {
    name: "AC5 an append that fails is a typed error and leaves the state as it was",
    run: Effect.gen(function* () {
      let broken = true
      yield* running(
        { store: (store) => ({ append: (requests) => (broken ? unavailable : store.append(requests)) }) },
        Effect.gen(function* () {
          strictEqual(yield* tagOf(add("a", 5)), "StoreUnavailable")
          strictEqual(yield* count("a"), 0)
          broken = false
          strictEqual((yield* add("a", 1)).count, 1)
        })
      )
    })
  },
  {
    name: "AC6 an event that cannot be stored is a typed error to its sender alone",
    run: running(
      {},
      Effect.gen(function* () {
        const asked = [add("a", 1), add("a", 15), add("a", 1)].map(Effect.either)
        const answers = yield* Effect.all(asked, { concurrency: "unbounded" })
        deepStrictEqual(
          answers.map((answer) => (Either.isLeft(answer) ? answer.left._tag : answer.right.count)),
          [1, "UnencodableEvent", 2]
        )
      })
    )
  },
  {
    name: "AC7 after an unknown outcome the actor reloads, and the same command id finds what was stored",
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
    name: "AC7 an append that never answers is given up as unknown, and the commands behind it are done",
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
    name: "AC8 an event that evolve throws on is not stored, and its sender gets the defect",
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
    name: "AC9 after another writer's events the actor reads them and decides again",
    run: running(
      {},
      Effect.gen(function* () {
        yield* add("a", 1)
        yield* running({}, add("a", 10))
        strictEqual((yield* add("a", 1)).count, 12)
        strictEqual((yield* stored("a")).length, 3)
        yield* running({}, add("a", 10))
        // Reads, refusals and expected versions see the other writer too.
        strictEqual(yield* count("a"), 22)
        const error = yield* Effect.flip(add("a", 13))
        ok(error._tag === "TooMuch" && error.count === 22)
        yield* running({}, add("a", 10))
        strictEqual((yield* add("a", 1, { expectedVersion: 5 })).count, 33)
      })
    )
  },
  {
    name: "AC9 who loses to another writer each time gets a typed conflict after 3 retries",
    run: virtual(
      Effect.gen(function* () {
        let appends = 0
        const program = Effect.gen(function* () {
          const fiber = yield* Effect.fork(Effect.flip(add("a", 1)))
          yield* until(
            "a conflict",
            Effect.zipRight(TestClock.adjust("1 second"), Effect.map(Fiber.poll(fiber), Option.isSome))
          )
          strictEqual((yield* Fiber.join(fiber))._tag, "VersionConflict")
        })
        yield* running(
          {
            store: (store) => ({
              append: (requests) =>
                Effect.suspend(() => {
                  appends++
                  const streamId = StreamId.make("counter-a")
                  const first = store.append([
                    { streamId, expectedVersion: "any", commands: [rival(`rival-${appends}`)] }
                  ])
                  return Effect.zipRight(first, store.append(requests))
                })
            })
          },
          program
        )
        strictEqual(appends, 4)
      })
    )
  },
  {
    name: "AC9 AC2 commands that are decided again keep their order before those that came later",
    run: Effect.gen(function* () {
      let rivals = 1
      yield* running(
        {
          limits: { maxBatch: 2 },
          store: (store) => ({
            append: (requests) =>
              Effect.suspend(() => {
                if (rivals-- <= 0) return store.append(requests)
                const streamId = StreamId.make("counter-a")
                return Effect.zipRight(
                  store.append([{ streamId, expectedVersion: "any", commands: [rival("rival")] }]),
                  store.append(requests)
                )
              })
          })
        },
        Effect.gen(function* () {
          const asked = [101, 102, 103, 104, 105].map((by) => add("a", by))
          yield* Effect.all(asked, { concurrency: "unbounded" })
          deepStrictEqual(
            (yield* stored("a")).map((event) => JSON.parse(event.data).by),
            [1, 101, 102, 103, 104, 105]
          )
        })
      )
    })
  },
  {
    name: "AC6 a command that the store refuses fails alone",
    run: running(
      {},
      Effect.gen(function* () {
        const wrong = [{ commandId: "a\0b" }, { commandId: "x".repeat(256) }, { fingerprint: "\ud800" }]
        const asked = [add("a", 1), ...wrong.map((options) => add("a", 1, options)), add("a", 1)].map(Effect.either)
        const answers = yield* Effect.all(asked, { concurrency: "unbounded" })
        deepStrictEqual(
          answers.map((answer) => (Either.isLeft(answer) ? answer.left._tag : answer.right.count)),
          [1, "InvalidArgument", "InvalidArgument", "InvalidArgument", 2]
        )
      })
    )
  },
  {
    name: "AC6 an expected version that is none fails its sender alone, and nobody waits for ever",
    run: running(
      {},
      Effect.gen(function* () {
        for (const expectedVersion of [1.5, Number.NaN, -1, 2 ** 60]) {
          const asked = [add("a", 1, { expectedVersion }), add("a", 1)].map(Effect.either)
          const [wrong, right] = yield* Effect.timeout(Effect.all(asked, { concurrency: "unbounded" }), "10 seconds")
          ok(wrong && Either.isLeft(wrong) && wrong.left._tag === "InvalidArgument")
          ok(right && Either.isRight(right))
        }
      })
    )
  },
  {
    name: "AC16 a batch is bounded by the size of its events too, and no command is split or lost",
    run: Effect.gen(function* () {
      const sizes: Array<number> = []
      yield* running(
        {
          // The data of each event is 8 characters.
          limits: { maxBatchCharacters: 12 },
          store: (store) => ({
            append: (requests) => {
              sizes.push(requests[0]?.commands.length ?? 0)
              return store.append(requests)
            }
          })
        },
        Effect.gen(function* () {
          yield* add("a", 1)
          const asked = Array.from({ length: 5 }, () => Effect.map(add("a", 1), ({ count }) => count))
          deepStrictEqual(yield* Effect.all(asked, { concurrency: "unbounded" }), [2, 3, 4, 5, 6])
        })
      )
      deepStrictEqual(sizes, [1, 2, 2, 1])
    })
  },
  {
    name: "neither actors nor snapshots get anything of whoever builds the system or sends a command",
    run: Effect.gen(function* () {
      class Open extends Context.Tag("daybook/testing/Open")<Open, true>() {}
      let saved = 0
      const found: Array<string> = []
      const note = (what: string) =>
        Effect.contextWith((context: Context.Context<never>) => {
          if (Option.isSome(Context.getOption(context, Open))) found.push(what)
        })
      const program = Effect.gen(function* () {
        yield* Effect.forEach([1, 2, 3], (by) => add("a", by))
        yield* until(
          "a snapshot",
          Effect.sync(() => saved > 0)
        )
      })
      yield* running(
        {
          limits: { snapshotEvery: 1 },
          behaviour: behaviour((payload) => Effect.as(note("decide"), [Added.make(payload)])),
          store: (store) => ({
            append: (requests) => Effect.zipRight(note("append"), store.append(requests)),
            readStream: (id, options) => Effect.zipRight(note("recover"), store.readStream(id, options))
          }),
          snapshots: (store) => ({
            save: (snapshots, keep) => {
              saved++
              return Effect.zipRight(note("save"), store.save(snapshots, keep))
            }
          })
        },
        program
      ).pipe(Effect.provideService(Open, true))
      deepStrictEqual(found, [])
    })
  },
  {
    name: "AC17 a logger that throws keeps no idle actor in memory",
    run: virtual(
      Effect.gen(function* () {
        let hang = true
        let reads = 0
        const throwing = Logger.replace(
          Logger.defaultLogger,
          Logger.make(() => {
            throw new Error("injected")
          })
        )
        const program = Effect.gen(function* () {
          yield* add("a", 1)
          const hangs = yield* Effect.fork(Effect.flip(add("b", 1)))
          const done = Effect.map(Fiber.poll(hangs), Option.isSome)
          yield* until("the end of the append", Effect.zipRight(TestClock.adjust("1 second"), done))
          reads = 0
          yield* TestClock.adjust("10 minutes")
          strictEqual((yield* add("a", 1)).count, 2)
          ok(reads > 0)
        })
        yield* running(
          {
            store: (store) => ({
              readStream: (id, options) => {
                reads++
                return store.readStream(id, options)
              },
              append: (requests) => {
                if (requests[0]?.streamId !== "counter-b" || !hang) return store.append(requests)
                hang = false
                return Effect.never
              }
            })
          },
          program
        ).pipe(Effect.provide(throwing))
      })
    )
  },
  {
    name: "AC17 limits of zero events make no snapshot of a stream without any",
    run: virtual(
      running(
        { limits: { snapshotMinEvents: 0, snapshotEvery: 0, idleTimeout: Duration.seconds(1) } },
        Effect.gen(function* () {
          strictEqual(yield* count("a"), 0)
          yield* TestClock.adjust("10 seconds")
          for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow()
          strictEqual((yield* add("a", 1)).count, 1)
        })
      )
    )
  },
  {
    name: "AC10 two systems over one store lose no update and write no version twice",
    run: Effect.gen(function* () {
      const adds = Effect.forEach(Array.from({ length: 200 }), () => Effect.retry(add("a", 1), { times: 100 }), {
        concurrency: 5
      })
      yield* Effect.all([running({}, adds), running({}, adds)], { concurrency: 2 })
      const events = yield* stored("a")
      deepStrictEqual(
        events.map(({ version }) => version),
        Array.from({ length: 400 }, (_, index) => index + 1)
      )
      strictEqual(yield* running({}, count("a")), 400)
    })
  },
  {
    name: "AC11 commands that arrive during a recovery are done after it, in order, and one that fails fails alone",
    run: Effect.gen(function* () {
      yield* running(
        { limits: { snapshotEvery: 10 } },
        Effect.forEach(Array.from({ length: 25 }), () => add("a", 1))
      )
      const latch = yield* Deferred.make<void>()
      yield* running(
        {
          store: (store) => ({
            readStream: (id, options) => Effect.zipRight(Deferred.await(latch), store.readStream(id, options))
          })
        },
        Effect.gen(function* () {
          const asked = [add("a", 1), add("a", 13), add("a", 100)]
          const fibers = yield* Effect.forEach(asked, (one) => Effect.fork(Effect.either(one)))
          const empty = yield* Effect.fork(count("empty"))
          for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
          yield* Deferred.succeed(latch, undefined)
          const answers = (yield* Effect.forEach(fibers, Fiber.join)).map((answer) =>
            Either.isLeft(answer) ? answer.left._tag : answer.right.count
          )
          deepStrictEqual(answers, [26, "TooMuch", 126])
          strictEqual(yield* Fiber.join(empty), 0)
        })
      )
    })
  },
  {
    name: "AC12 a recovery that fails once is tried again after its backoff",
    run: virtual(
      Effect.gen(function* () {
        let reads = 0
        yield* running(
          {
            store: (store) => {
              const fault = new StoreUnavailable({ operation: "read", cause: new Error("injected") })
              return {
                readStream: (id, options) =>
                  Effect.suspend(() => (++reads === 1 ? Effect.fail(fault) : store.readStream(id, options)))
              }
            }
          },
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(add("a", 1))
            yield* until(
              "the first read",
              Effect.sync(() => reads === 1)
            )
            yield* TestClock.adjust("1 second")
            strictEqual((yield* Fiber.join(fiber)).count, 1)
          })
        )
      })
    )
  },
  {
    name: "AC12 a recovery that always fails is a typed error to all that wait, does not spin, and is tried again later",
    run: virtual(
      Effect.gen(function* () {
        let reads = 0
        let broken = true
        const fault = new StoreUnavailable({ operation: "read", cause: new Error("injected") })
        yield* running(
          {
            limits: { recoveryAttempts: 3 },
            store: (store) => ({
              readStream: (id, options) =>
                Effect.suspend(() => {
                  reads++
                  return broken ? fault : store.readStream(id, options)
                })
            })
          },
          Effect.gen(function* () {
            const fibers = yield* Effect.forEach([1, 2], () => Effect.fork(Effect.flip(add("a", 1))))
            const done = Effect.map(Fiber.poll(Fiber.all(fibers)), Option.isSome)
            yield* until("the failure", Effect.zipRight(TestClock.adjust("100 millis"), done))
            for (const error of yield* Effect.forEach(fibers, Fiber.join)) strictEqual(error._tag, "RecoveryFailed")
            strictEqual(reads, 3)
            strictEqual(yield* tagOf(add("a", 1)), "RecoveryFailed")
            strictEqual(yield* tagOf(count("a")), "RecoveryFailed")
            strictEqual(reads, 3)
            broken = false
            yield* TestClock.adjust("1 minute")
            strictEqual((yield* add("a", 1)).count, 1)
          })
        )
      })
    )
  },
  {
    name: "AC13 a recovery that does not answer ends in a typed error",
    run: virtual(
      running(
        { limits: { recoveryTimeout: Duration.seconds(3) }, store: () => ({ readStream: () => Effect.never }) },
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Effect.flip(add("a", 1)))
          const done = Effect.map(Fiber.poll(fiber), Option.isSome)
          yield* until("the time-out", Effect.zipRight(TestClock.adjust("1 second"), done))
          strictEqual((yield* Fiber.join(fiber))._tag, "RecoveryFailed")
        })
      )
    )
  },
  {
    name: "AC14 recoveries that hang hold up no actor that runs, no more than allowed run at once, and each gives its place back",
    run: virtual(
      Effect.gen(function* () {
        let recovering = 0
        let most = 0
        yield* running(
          {
            limits: { maxRecoveries: 3, recoveryTimeout: Duration.seconds(10) },
            store: (store) => ({
              readStream: (id, options) =>
                id.startsWith("counter-hangs")
                  ? Effect.acquireUseRelease(
                      Effect.sync(() => {
                        most = Math.max(most, ++recovering)
                      }),
                      () => Effect.never,
                      () => Effect.sync(() => recovering--)
                    )
                  : id === "counter-dies"
                    ? Effect.die(new Error("injected"))
                    : store.readStream(id, options)
            })
          },
          Effect.gen(function* () {
            const warm = Array.from({ length: 10 }, (_, index) => `warm-${index}`)
            yield* Effect.forEach(warm, (id) => add(id, 1), { concurrency: "unbounded" })
            strictEqual(yield* tagOf(add("dies", 1)), "RecoveryFailed")
            const cold = Array.from({ length: 100 }, (_, index) => `hangs-${index}`)
            const fibers = yield* Effect.forEach(cold, (id) => Effect.fork(Effect.flip(add(id, 1))))
            yield* until(
              "3 recoveries",
              Effect.sync(() => recovering === 3)
            )
            for (const reply of yield* Effect.forEach(warm, (id) => add(id, 1))) strictEqual(reply.count, 2)
            const done = Effect.map(Fiber.poll(Fiber.all(fibers)), Option.isSome)
            yield* until("the last time-out", Effect.zipRight(TestClock.adjust("10 seconds"), done))
            deepStrictEqual([most, recovering], [3, 0])
            strictEqual((yield* add("fresh", 1)).count, 1)
          })
        )
      })
    )
  },
  {
    name: "AC14 a cold start of many answers the first while the last wait for their recovery",
    run: Effect.gen(function* () {
      const ids = Array.from({ length: 500 }, (_, number) => `cold-${number}`)
      yield* running(
        {},
        Effect.forEach(ids, (id) => add(id, 1), { concurrency: "unbounded", discard: true })
      )
      const read = new Set<string>()
      let readBeforeFirst = 0
      yield* running(
        {
          limits: { maxRecoveries: 4 },
          store: (store) => ({
            readStream: (id, options) => {
              read.add(id)
              return store.readStream(id, options)
            }
          })
        },
        Effect.forEach(
          ids,
          (id) =>
            Effect.map(add(id, 1), ({ count }) => {
              strictEqual(count, 2)
              if (readBeforeFirst === 0) readBeforeFirst = read.size
            }),
          { concurrency: "unbounded", discard: true }
        )
      )
      ok(readBeforeFirst < ids.length / 2, `${readBeforeFirst} of ${ids.length}`)
    })
  },
  {
    name: "AC15 20,000 commands that wait for a recovery are done in order",
    run: running(
      { limits: { mailboxCapacity: 20_000 } },
      Effect.gen(function* () {
        const counts = yield* Effect.forEach(
          Array.from({ length: 20_000 }),
          () => Effect.map(add("a", 1), (reply) => reply.count),
          { concurrency: "unbounded" }
        )
        deepStrictEqual(
          counts,
          Array.from({ length: 20_000 }, (_, index) => index + 1)
        )
      })
    )
  },
  {
    name: "AC16 a full mailbox refuses at once with a typed error, and what it accepted is done",
    run: Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const decide: Decide = ({ by }) => Effect.as(Deferred.await(latch), [Added.make({ by })])
      yield* running(
        { limits: { mailboxCapacity: 100 }, behaviour: behaviour(decide) },
        Effect.gen(function* () {
          const asked = Array.from({ length: 1_000 }, () => Effect.fork(Effect.either(add("a", 1))))
          const fibers = yield* Effect.all(asked)
          yield* until(
            "900 refusals",
            Effect.map(Effect.forEach(fibers, Fiber.poll), (polls) => polls.filter(Option.isSome).length === 900)
          )
          yield* Deferred.succeed(latch, undefined)
          const answers = yield* Effect.forEach(fibers, Fiber.join)
          const full = answers.filter((answer) => Either.isLeft(answer) && answer.left._tag === "MailboxFull")
          deepStrictEqual([full.length, answers.filter(Either.isRight).length], [900, 100])
          strictEqual(yield* count("a"), 100)
        })
      )
    })
  },
  {
    name: "AC16 reads that wait for a recovery have room for so many, and one more is a typed error",
    run: Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      yield* running(
        {
          limits: { mailboxCapacity: 3 },
          store: (store) => ({
            readStream: (id, options) => Effect.zipRight(Deferred.await(latch), store.readStream(id, options))
          })
        },
        Effect.gen(function* () {
          const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(count("a")))
          for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
          strictEqual(yield* tagOf(count("a")), "MailboxFull")
          yield* Deferred.succeed(latch, undefined)
          deepStrictEqual(yield* Effect.forEach(fibers, Fiber.join), [0, 0, 0])
        })
      )
    })
  },
  {
    name: "AC9 a read folds what another process wrote once, and the next command goes on from there",
    run: Effect.gen(function* () {
      const reads: Array<number | undefined> = []
      let appends = 0
      yield* running(
        {
          store: (store) => ({
            readStream: (id, options) => {
              reads.push(options?.from)
              return store.readStream(id, options)
            },
            append: (requests) => {
              appends++
              return store.append(requests)
            }
          })
        },
        Effect.gen(function* () {
          strictEqual(yield* count("a"), 0)
          yield* running(
            {},
            Effect.forEach([1, 2, 3], (by) => add("a", by))
          )
          for (let round = 0; round < 3; round++) strictEqual(yield* count("a"), 6)
          strictEqual((yield* add("a", 1)).count, 7)
        })
      )
      deepStrictEqual([reads, appends], [[1, 1], 1])
    })
  },
  {
    name: "a stream that is shorter than the actor knows it, as of a restored backup, is loaded anew",
    run: Effect.gen(function* () {
      yield* running({}, add("restored", 100))
      let isRestored = false
      const swapped = (id: StreamId) => (isRestored ? StreamId.make("counter-restored") : id)
      yield* running(
        {
          store: (store) => ({
            append: (requests) =>
              store.append(requests.map((request) => ({ ...request, streamId: swapped(request.streamId) }))),
            readStream: (id, options) => store.readStream(swapped(id), options),
            head: (id) => store.head(swapped(id)),
            lastEntry: (id) => store.lastEntry(swapped(id))
          }),
          snapshots: () => ({ load: () => Effect.succeedNone })
        },
        Effect.gen(function* () {
          for (const by of [1, 2, 3]) yield* add("a", by)
          isRestored = true
          strictEqual((yield* add("a", 1)).count, 101)
          isRestored = false
          strictEqual(yield* count("a"), 6)
          isRestored = true
          strictEqual(yield* count("a"), 101)
        })
      )
    })
  },
  {
    name: "a stream that was cut and rewritten under its actor is noticed at the next append or read, and loaded anew (JR8)",
    run: Effect.gen(function* () {
      // Of the same length as the actor's, shorter, and longer with another past.
      const pasts = { same: [100, 200, 300], shorter: [100], longer: [100, 200, 300, 400] }
      for (const [past, amounts] of Object.entries(pasts)) {
        yield* running(
          {},
          Effect.forEach(amounts, (by) => add(past, by))
        )
        const sum = amounts.reduce((total, by) => total + by, 0)
        for (const how of ["append", "read", "refusal"]) {
          let isRewritten = false
          const swapped = (id: StreamId) => (isRewritten ? StreamId.make(`counter-${past}`) : id)
          const saved: Array<Snapshot> = []
          yield* running(
            {
              limits: { snapshotEvery: 1 },
              store: (store) => ({
                append: (requests) =>
                  store.append(requests.map((request) => ({ ...request, streamId: swapped(request.streamId) }))),
                readStream: (id, options) => store.readStream(swapped(id), options),
                head: (id) => store.head(swapped(id)),
                lastEntry: (id) => store.lastEntry(swapped(id))
              }),
              snapshots: () => ({
                load: () => Effect.succeedNone,
                save: (snapshots) => Effect.sync(() => void saved.push(...snapshots))
              })
            },
            Effect.gen(function* () {
              const id = `${past}-${how}`
              for (const by of [1, 2, 3]) yield* add(id, by)
              yield* until(
                "three snapshots",
                Effect.sync(() => saved.some(({ version }) => version === 3))
              )
              saved.length = 0
              isRewritten = true
              if (how === "append") {
                const answer = yield* add(id, 0)
                deepStrictEqual([answer.count, answer.version], [sum, amounts.length + 1])
                amounts.push(0)
              } else if (how === "read") {
                strictEqual(yield* count(id), sum)
              } else {
                // A refusal is of the real stream too.
                const error = yield* Effect.flip(add(id, 13))
                ok((error as { readonly count?: number }).count === sum)
              }
              strictEqual(yield* count(id), sum)
            })
          )
          // What was saved since is of the stream that is there.
          const real = new Set((yield* stored(past)).map(({ hash }) => hash))
          for (const { eventHash } of saved) ok(real.has(eventHash), `${past} ${how}`)
        }
      }
    })
  },
  {
    name: "a snapshot that waits when its stream is cut and rewritten is not stored (JR8)",
    run: Effect.gen(function* () {
      yield* running(
        {},
        Effect.forEach([100, 200, 300], (by) => add("other", by))
      )
      const latch = yield* Deferred.make<void>()
      let isRewritten = false
      const swapped = (id: StreamId) => (isRewritten ? StreamId.make("counter-other") : id)
      const saved: Array<readonly [string, number]> = []
      yield* running(
        {
          limits: { snapshotEvery: 3 },
          store: (store) => ({
            append: (requests) =>
              store.append(requests.map((request) => ({ ...request, streamId: swapped(request.streamId) }))),
            readStream: (id, options) => store.readStream(swapped(id), options),
            head: (id) => store.head(swapped(id)),
            lastEntry: (id) => store.lastEntry(swapped(id))
          }),
          snapshots: () => ({
            load: () => Effect.succeedNone,
            save: (snapshots) =>
              Effect.zipRight(
                Effect.sync(() => void saved.push(...snapshots.map((one) => [one.streamId, one.version] as const))),
                Deferred.await(latch)
              )
          })
        },
        Effect.gen(function* () {
          // The saver is at work on one, so that the other one waits.
          for (const by of [1, 2, 3]) yield* add("first", by)
          yield* until(
            "the first is being saved",
            Effect.sync(() => saved.length === 1)
          )
          for (const by of [1, 2, 3]) yield* add("a", by)
          isRewritten = true
          yield* Deferred.succeed(latch, undefined)
          strictEqual(yield* count("a"), 600)
        })
      )
      deepStrictEqual(saved, [["counter-first", 3]])
    })
  },
  {
    name: "AC7 a store that fails in a way of its own leaves nobody without an answer",
    run: running(
      { store: () => ({ append: () => Effect.fail({ _tag: "Odd" } as never) }) },
      Effect.gen(function* () {
        strictEqual(yield* Effect.timeout(tagOf(add("a", 1)), "10 seconds"), "OutcomeUnknown")
      })
    )
  },
  {
    name: "live changes of a damaged stream end in StreamDamaged, and give nothing from there on",
    run: Effect.gen(function* () {
      yield* running(
        {},
        Effect.forEach([1, 2, 3], (by) => add("a", by))
      )
      type Tamper = (event: StoredEvent) => StoredEvent | undefined
      const tampered: ReadonlyArray<Tamper> = [(event) => ({ ...event, data: '{"by":3}' }), () => undefined]
      for (const tamper of tampered) {
        const store: Setting["store"] = (inner) =>
          changedBy(inner, (event) => (event.version === 2 ? tamper(event) : event))
        const seen: Array<number> = []
        const changes = Effect.flatMap(counter("a"), (one) =>
          Stream.runForEach(one.changes(), ({ stored }) => Effect.sync(() => seen.push(stored.version)))
        )
        strictEqual(yield* running({ store }, Effect.timeout(tagOf(changes), "10 seconds")), "StreamDamaged")
        ok(!seen.includes(2) && !seen.includes(3))
      }
      const rest = Effect.flatMap(counter("a"), (one) => Stream.runCollect(Stream.take(one.changes(1), 2)))
      strictEqual((yield* running({}, rest)).length, 2)
    })
  },
  {
    name: "AC17 an idle actor leaves memory, its snapshot is kept, and the next command recovers it",
    run: virtual(
      Effect.gen(function* () {
        const reads: Array<number | undefined> = []
        yield* running(
          {
            limits: { idleTimeout: Duration.minutes(1), snapshotMinEvents: 2 },
            store: (store) => ({
              readStream: (id, options) => {
                reads.push(options?.from)
                return store.readStream(id, options)
              }
            })
          },
          Effect.gen(function* () {
            for (const by of [1, 2, 3]) yield* add("a", by)
            deepStrictEqual(reads, [1])
            yield* TestClock.adjust("2 minutes")
            const snapshots = yield* SnapshotStore
            const saved = snapshots.load(StreamId.make("counter-a"))
            yield* until("a snapshot", Effect.map(saved, Option.isSome))
            strictEqual((yield* add("a", 1)).count, 7)
            // From the start; whether the log has the snapshot's event, before it is saved and when it is used; and what follows.
            deepStrictEqual(reads, [1, 3, 3, 4])
          })
        )
      })
    )
  },
  {
    name: "AC17 no command is lost while actors come and go",
    run: running(
      { limits: { maxLiveActors: 3 } },
      Effect.gen(function* () {
        const ids = Array.from({ length: 20 }, (_, index) => `c-${index}`)
        const sends = Array.from({ length: 1_000 }, (_, index) => ids[(index * 7) % ids.length] ?? "")
        yield* Effect.forEach(sends, (id) => add(id, 1), { concurrency: 50 })
        for (const id of ids) strictEqual(yield* count(id), 50)
      })
    )
  },
  {
    name: "AC17 actors that are never idle keep no place for ever from those that wait for one",
    run: virtual(
      running(
        {
          limits: { maxLiveActors: 2, maxBatch: 1 },
          // Slow enough for who was answered to come again: so there is always one more command.
          store: (store) => ({
            append: (requests) => Effect.zipRight(Effect.repeatN(Effect.yieldNow(), 10), store.append(requests))
          })
        },
        Effect.gen(function* () {
          const hot = ["hot-1", "hot-2"].flatMap((id) => [1, 2, 3].map(() => Effect.forever(add(id, 1))))
          const busy = yield* Effect.forEach(hot, (one) => Effect.fork(one))
          yield* until(
            "both to be busy",
            Effect.map(Effect.all([stored("hot-1"), stored("hot-2")]), (all) => all.every(({ length }) => length > 3))
          )
          const cold = yield* Effect.forEach(["a", "b", "c"], (id) => Effect.fork(add(id, 1)))
          const done = Effect.map(Fiber.poll(Fiber.all(cold)), Option.isSome)
          yield* until("a place for each", Effect.zipRight(TestClock.adjust("1 second"), done))
          for (const { count } of yield* Effect.forEach(cold, Fiber.join)) strictEqual(count, 1)
          yield* Fiber.interruptAll(busy)
          for (const id of ["hot-1", "hot-2"]) {
            const settled = Effect.zipWith(count(id), stored(id), (sum, events) => sum === events.length)
            yield* until("what was stored", settled)
          }
        })
      )
    )
  },
  {
    name: "AC17 when every place is taken, as many actors wait as may, and one more is a typed error",
    run: Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const decide: Decide = ({ by }) => Effect.as(Deferred.await(latch), [Added.make({ by })])
      yield* running(
        { limits: { maxLiveActors: 2, maxWaitingActors: 3 }, behaviour: behaviour(decide) },
        Effect.gen(function* () {
          const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], (id) => Effect.fork(add(`c-${id}`, id)))
          for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
          strictEqual(yield* tagOf(add("c-6", 6)), "TooManyActors")
          yield* Deferred.succeed(latch, undefined)
          const counts = (yield* Effect.forEach(fibers, Fiber.join)).map((reply) => reply.count)
          deepStrictEqual(counts, [1, 2, 3, 4, 5])
          strictEqual((yield* add("c-6", 6)).count, 6)
        })
      )
    })
  },
  {
    name: "AC19 a defect reaches its sender alone; only where evolve threw the actor reloads, and nobody waits for it",
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
    name: "AC19 a decision that dies as an effect, and a reply that throws, reach their sender alone",
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
    name: "AC19 a decision that does not end is given up, even one that cannot be interrupted, and its neighbours are done",
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
              yield* until("the answers", Effect.zipRight(TestClock.adjust("1 second"), done))
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
    name: "AC19 a decision that interrupts itself, or the fiber it runs in, or is none, is a defect to its sender alone",
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
          const exits = yield* Effect.timeout(Effect.all(asked, { concurrency: "unbounded" }), "10 seconds")
          deepStrictEqual(
            exits.map((exit) => (Exit.isSuccess(exit) ? exit.value.count : Cause.isDie(exit.cause))),
            [1, true, 2, true, 3, true, 4]
          )
        })
      )
    })
  },
  {
    name: "AC19 a decision that dies while the store is down is a defect all the same, and its neighbours are told of the store",
    run: running(
      { store: () => ({ append: () => unavailable }), limits: { minBackoff: Duration.zero } },
      Effect.gen(function* () {
        const asked = [1, 16].map((by) => Effect.exit(add("a", by)))
        const [plain, poison] = yield* Effect.all(asked, { concurrency: "unbounded" })
        ok(plain && Exit.isFailure(plain) && Cause.isFailure(plain.cause))
        ok(poison && Exit.isFailure(poison) && Cause.isDie(poison.cause))
      })
    )
  },
  {
    name: "AC9 AC13 reading what another writer stored does not hold the actor for ever",
    run: virtual(
      Effect.gen(function* () {
        let hang = false
        yield* running(
          {
            limits: { recoveryTimeout: Duration.seconds(3) },
            store: (store) => ({
              readStream: (id, options) => {
                if (!hang) return store.readStream(id, options)
                hang = false
                return Effect.uninterruptible(Effect.never)
              }
            })
          },
          Effect.gen(function* () {
            yield* add("a", 1)
            yield* running({}, add("a", 10))
            hang = true
            const fiber = yield* Effect.fork(add("a", 1))
            const done = Effect.map(Fiber.poll(fiber), Option.isSome)
            yield* until("the answer", Effect.zipRight(TestClock.adjust("1 second"), done))
            strictEqual((yield* Fiber.join(fiber)).count, 12)
          })
        )
      })
    )
  },
  {
    name: "AC13 the time limit of a recovery holds for all its attempts together",
    run: virtual(
      Effect.gen(function* () {
        let reads = 0
        const fault = new StoreUnavailable({ operation: "read", cause: new Error("injected") })
        const second = Duration.seconds(1)
        const limits = { recoveryTimeout: Duration.seconds(5), recoveryAttempts: 100 }
        yield* running(
          {
            limits: { ...limits, minBackoff: second, maxBackoff: second },
            store: () => ({
              readStream: () =>
                Effect.suspend(() => {
                  reads++
                  return fault
                })
            })
          },
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(Effect.flip(add("a", 1)))
            const done = Effect.map(Fiber.poll(fiber), Option.isSome)
            yield* until("the failure", Effect.zipRight(TestClock.adjust("100 millis"), done))
            strictEqual((yield* Fiber.join(fiber))._tag, "RecoveryFailed")
            ok(reads >= 4 && reads <= 7, `${reads} attempts`)
          })
        )
      })
    )
  },
  {
    name: "a wall clock that is set back by a day holds up no backoff, no refusal, no append and no idle actor",
    run: onWallClock((set) =>
      Effect.gen(function* () {
        const day = 24 * 3_600_000
        let reads = 0
        let broken = true
        let hanging = false
        const fault = new StoreUnavailable({ operation: "read", cause: new Error("injected") })
        const answered = <A, E>(fiber: Fiber.Fiber<A, E>) =>
          Effect.zipRight(TestClock.adjust("1 second"), Effect.map(Fiber.poll(fiber), Option.isSome))
        yield* running(
          {
            limits: { minBackoff: Duration.seconds(1), recoveryAttempts: 1, idleTimeout: Duration.minutes(1) },
            store: (store) => ({
              readStream: (id, options) => {
                reads++
                return broken ? fault : store.readStream(id, options)
              },
              append: (requests) => (hanging ? Effect.never : store.append(requests))
            })
          },
          Effect.gen(function* () {
            strictEqual(yield* tagOf(add("a", 1)), "RecoveryFailed")
            broken = false
            set(-day)
            yield* TestClock.adjust("2 seconds")
            strictEqual((yield* add("a", 1)).count, 1)

            yield* Effect.exit(add("a", 16))
            set(-day)
            const afterPoison = yield* Effect.fork(add("a", 1))
            yield* until("the reload", answered(afterPoison))
            strictEqual((yield* Fiber.join(afterPoison)).count, 2)

            reads = 0
            set(-day)
            yield* TestClock.adjust("2 minutes")
            strictEqual((yield* add("a", 1)).count, 3)
            ok(reads > 0)

            hanging = true
            const hangs = yield* Effect.fork(Effect.flip(add("a", 1)))
            for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow()
            set(-day)
            yield* TestClock.adjust("1 minute")
            yield* until("the end of the append", answered(hangs))
            strictEqual((yield* Fiber.join(hangs))._tag, "OutcomeUnknown")
          })
        )
      })
    )
  },
  {
    name: "AC20 a caller that goes away leaves its command to be done, once",
    run: Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const started = yield* Deferred.make<void>()
      const decide: Decide = ({ by }) =>
        Deferred.succeed(started, undefined).pipe(
          Effect.zipRight(Deferred.await(latch)),
          Effect.as([Added.make({ by })])
        )
      yield* running(
        { limits: { mailboxCapacity: 2 }, behaviour: behaviour(decide) },
        Effect.gen(function* () {
          const deciding = yield* Effect.fork(add("a", 1))
          yield* Deferred.await(started)
          const waiting = yield* Effect.fork(add("a", 1))
          yield* Effect.yieldNow()
          // A command that is still on its way may be overtaken by its caller's leave; this one finds no room behind it.
          strictEqual(yield* tagOf(add("a", 1)), "MailboxFull")
          yield* Fiber.interrupt(deciding)
          yield* Fiber.interrupt(waiting)
          yield* Deferred.succeed(latch, undefined)
          const isFull = ({ _tag }: { readonly _tag: string }) => _tag === "MailboxFull"
          const last = Effect.retry(add("a", 1), { schedule: Schedule.spaced("2 millis"), while: isFull })
          strictEqual((yield* last).count, 3)
        })
      )
    })
  },
  {
    name: "AC21 a system that stops does what it accepted and refuses what comes after",
    run: Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const started = yield* Deferred.make<void>()
      const decide: Decide = ({ by }) =>
        Deferred.succeed(started, undefined).pipe(
          Effect.zipRight(Deferred.await(latch)),
          Effect.as([Added.make({ by })])
        )
      const leaked = yield* Deferred.make<Effect.Effect<unknown, unknown>>()
      const accepted = yield* Deferred.make<Fiber.Fiber<{ readonly count: number }, unknown>>()
      const system = yield* Effect.fork(
        running(
          { behaviour: behaviour(decide) },
          Effect.gen(function* () {
            const one = yield* counter("a")
            const fiber = yield* Effect.forkDaemon(one.Add({ by: 1 }))
            yield* Deferred.await(started)
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
      yield* Deferred.succeed(latch, undefined)
      strictEqual((yield* Fiber.join(yield* Deferred.await(accepted))).count, 1)
      yield* Fiber.join(system)
      strictEqual(yield* tagOf(late), "ShuttingDown")
    })
  },
  {
    name: "AC21 what does not end within the deadline is answered too",
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
        yield* until("the deadline", Effect.zipRight(TestClock.adjust("1 second"), done))
        const tags = yield* Effect.forEach(asked, (fiber) => tagOf(Fiber.join(fiber)))
        deepStrictEqual(tags, ["OutcomeUnknown", "ShuttingDown"])
      })
    )
  },
  {
    name: "AC21 an aggregate whose layer was closed refuses; a new layer's behaviour holds at once, but not beside the old one's",
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
  },
  {
    name: "ES24 a command id is answered once and for all, across lives of the actor, with its refusals",
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
    name: "ES24 ES25 a fingerprint of the caller's own says what is the same command, to the same aggregate only",
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
    name: "ES24 the same command sent twice at once has one effect, and both get its answer",
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
    name: "an unkept refusal is decided anew when the command comes again",
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
  },
  {
    name: "SS12 a state from a snapshot and the events after it is the state from all events, for any snapshot policy",
    run: Effect.gen(function* () {
      for (const every of [1, 2, 3, 7]) {
        for (let round = 0; round < 6; round++) {
          yield* running(
            { limits: { snapshotEvery: every } },
            Effect.forEach([1, 2, 3], (by) => add(`s-${every}`, by))
          )
          const expected = (round + 1) * 6
          strictEqual(yield* running({}, count(`s-${every}`)), expected)
          const bare = { snapshots: () => ({ load: () => Effect.succeedNone }) }
          strictEqual(yield* running(bare, count(`s-${every}`)), expected)
        }
      }
    })
  },
  {
    name: "SS8 SS13 a snapshot that is damaged or of another form is passed over",
    run: Effect.gen(function* () {
      yield* running(
        { limits: { snapshotEvery: 2 } },
        Effect.forEach([1, 2, 3, 4], (by) => add("a", by))
      )
      const damaged: Setting["snapshots"] = (store) => ({
        load: (id, max) =>
          Effect.map(
            store.load(id, max),
            Option.map((snapshot) => ({ ...snapshot, data: '{"count":999}' }))
          )
      })
      strictEqual(yield* running({ snapshots: damaged }, count("a")), 10)
      const foreign: Setting["snapshots"] = (store) => ({
        load: (id, max) =>
          Effect.map(
            store.load(id, max),
            Option.map((snapshot) => {
              const older = { ...snapshot, fingerprint: "older", data: '{"count":999}' }
              return { ...older, checksum: checksum(older) }
            })
          )
      })
      strictEqual(yield* running({ snapshots: foreign }, count("a")), 10)
    })
  },
  {
    name: "a snapshot ahead of its stream is reported, not served",
    run: Effect.gen(function* () {
      yield* running(
        { limits: { snapshotEvery: 2 } },
        Effect.forEach([1, 2, 3, 4], (by) => add("a", by))
      )
      const short: Setting["store"] = (store) => ({
        readStream: (id, options) => store.readStream(id, { ...options, to: Math.min(options?.to ?? 1, 1) }),
        head: (id) =>
          Effect.map(store.readStream(id, { to: 1 }), ({ events: [event] }) => event ?? noHead).pipe(
            Effect.catchTag("StreamDamaged", Effect.die)
          )
      })
      const error = yield* running({ store: short }, Effect.flip(count("a")))
      ok((error as Error).message.includes("ahead of its stream"))
    })
  },
  {
    name: "a stream with a changed, a missing or a foreign event is StreamDamaged at that version, and others are served",
    run: Effect.gen(function* () {
      yield* running(
        {},
        Effect.forEach([1, 2, 3], (by) => add("a", by))
      )
      yield* running({}, add("b", 1))
      type Tamper = (event: StoredEvent) => StoredEvent | undefined
      const tampered: ReadonlyArray<Tamper> = [
        (event) => ({ ...event, data: '{"by":3}' }),
        () => undefined,
        (event) => {
          const forged = { ...event, previousHash: "0".repeat(64) }
          return { ...forged, hash: EventHash.compute(forged) }
        }
      ]
      for (const tamper of tampered) {
        const store: Setting["store"] = (inner) =>
          changedBy(inner, (event) => (event.streamId === "counter-a" && event.version === 2 ? tamper(event) : event))
        yield* running(
          { store },
          Effect.gen(function* () {
            const error = yield* Effect.flip(add("a", 1))
            ok(error._tag === "RecoveryFailed" && /counter-a version [23] is damaged/.test(error.message))
            strictEqual((yield* add("b", 1)).version > 1, true)
          })
        )
      }
    })
  }
]
