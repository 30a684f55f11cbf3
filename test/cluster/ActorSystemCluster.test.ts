/** What becomes of a command whose node does not answer, over shards that answer as a case wants. */
import { Sharding } from "@effect/cluster/Sharding"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Either, Exit, Fiber, Layer, TestClock } from "effect"
import * as ActorSystemCluster from "../../src/cluster/ActorSystemCluster.ts"
import { ActorSystem, type Ask } from "../../src/core/ActorSystem.ts"
import type { AnyDefinition } from "../../src/core/Definition.ts"
import type { KeptAnswer } from "../../src/core/EventStore.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import { StoreUnavailable } from "../../src/core/StoreError.ts"

/** Only what a system asks of a definition on the node that sends. */
const definition = {
  name: "Counter",
  streamId: (id: string) => `counter-${id}`,
  commands: {
    writePayload: () => Either.right({ text: "{}", version: 1 }),
    readAnswer: (_: string, __: string, { text }: KeptAnswer) => Either.right(JSON.parse(text))
  }
} as unknown as AnyDefinition

const command: Ask = {
  aggregate: "Counter",
  id: "a",
  command: "Add",
  payload: {},
  commandId: "one",
  retryable: false,
  fingerprint: "f",
  earlier: { given: {}, form: {}, defaulted: [], fingerprints: [], orders: [] },
  expectedVersion: undefined,
  correlationId: "one",
  causationId: null,
  traceparent: null,
  principal: null,
  isPersonal: false,
  metadata: null
}

const answer = { outcome: "success", value: "7", replayed: false, version: 1, position: 1 } as const
const answered = Effect.succeed({ moving: false, exit: Exit.succeed({ ...answer, valueVersion: 1 }) })
const unavailable = Effect.succeed({
  moving: false,
  exit: Exit.fail(new StoreUnavailable({ operation: "append", cause: "down" }))
})
const lost = Effect.die(new Error("the connection broke"))

/** A system whose messages are answered one after the other as given, and the last way from then on. */
const systemOf = Effect.fnUntraced(function* (
  answers: ReadonlyArray<Effect.Effect<unknown>>,
  options: ActorSystemCluster.ClusterOptions = {}
) {
  const sent: Array<string> = []
  const shards = {
    registerEntity: () => Effect.void,
    getShardId: () => "one",
    hasShardId: () => true,
    makeClient: () =>
      Effect.succeed(() => ({
        Ask: ({ commandId }: Ask) =>
          Effect.suspend(() => {
            sent.push(commandId)
            return answers[Math.min(sent.length, answers.length) - 1] ?? Effect.never
          })
      }))
  } as unknown as Sharding["Type"]
  const layer = ActorSystemCluster.layer(options).pipe(
    Layer.provide(Layer.succeed(Sharding, shards)),
    Layer.provide(Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer))
  )
  const system = Context.get(yield* Layer.build(layer), ActorSystem)
  yield* system.register(definition)
  /** The answer, once all waits are over, each of which begins when the one before it ended. */
  const ask = Effect.gen(function* () {
    const fiber = yield* Effect.fork(Effect.either(system.ask(command)))
    yield* Effect.repeatN(TestClock.adjust("250 millis"), 240)
    return Either.mapLeft(yield* Fiber.join(fiber), ({ _tag }) => _tag)
  })
  return { ask, sent, system }
})

describe("ActorSystemCluster", () => {
  it.scoped("asks again under the same id, and takes no failure to work for the end of what may have been done", () =>
    Effect.gen(function* () {
      const { ask, sent } = yield* systemOf([lost, unavailable, Effect.never, unavailable, answered])
      assert.deepStrictEqual(yield* ask, Either.right({ ...answer, value: 7 }))
      assert.deepStrictEqual(
        sent,
        Array.from({ length: 5 }, () => "one")
      )
    })
  )

  it.scoped("passes on what the first node that was asked says", () =>
    Effect.gen(function* () {
      const { ask, sent } = yield* systemOf([unavailable, answered])
      assert.deepStrictEqual(yield* ask, Either.left("StoreUnavailable"))
      assert.strictEqual(sent.length, 1)
    })
  )

  it.scoped("ends at its deadline with an outcome that is not known, whether nobody answers or all fail", () =>
    Effect.gen(function* () {
      for (const answers of [[Effect.never], [lost], [lost, unavailable]]) {
        const { ask } = yield* systemOf(answers)
        assert.deepStrictEqual(yield* ask, Either.left("OutcomeUnknown"))
      }
    })
  )

  it.scoped("lets no more commands wait than it may, and others again when they went away", () =>
    Effect.gen(function* () {
      const { ask, system } = yield* systemOf([Effect.never, Effect.never, answered], { maxWaiting: 2 })
      const fibers = [yield* Effect.fork(system.ask(command)), yield* Effect.fork(system.ask(command))]
      yield* Effect.yieldNow()
      const refused = yield* Effect.flip(system.ask(command))
      assert.deepInclude(refused, { _tag: "MailboxFull", streamId: "counter-a", capacity: 2 })
      yield* Fiber.interruptAll(fibers)
      assert.isTrue(Either.isRight(yield* ask))
    })
  )
})
