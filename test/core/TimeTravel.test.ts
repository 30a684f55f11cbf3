/** An account as it was, whether or not a snapshot is near. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, TestClock, TestContext } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import * as AccountBehaviour from "../../src/bank/account/AccountBehaviour.ts"
import { AccountId } from "../../src/bank/account/AccountSchemas.ts"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import { SnapshotStore } from "../../src/core/SnapshotStore.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import * as TimeTravel from "../../src/core/TimeTravel.ts"

const definition = Account.define(AccountBehaviour.behaviour)
const layer = AccountBehaviour.layer.pipe(
  Layer.provide(ActorSystemLocal.layer),
  Layer.provide(ActorConfig.layer({ snapshotEvery: 5 })),
  Layer.provideMerge(Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer)),
  Layer.provideMerge(TestContext.TestContext)
)

/** Opened at 10 s, and one unit more each ten seconds: after version n, at n × 10 s, the balance is n − 1. */
const fill = Effect.gen(function* () {
  const account = (yield* Account)(AccountId.make("1"))
  yield* TestClock.setTime(10_000)
  yield* account.Open({ owner: "Ada", currency: "JPY" })
  for (let version = 2; version <= 23; version++) {
    yield* TestClock.setTime(version * 10_000)
    yield* account.Deposit({ amount: "1" })
  }
})
const balanceAt = (when: TimeTravel.When) =>
  Effect.map(TimeTravel.stateAt(definition, "1", when), ({ state, version }) => [version, Number(state.balance)])

describe("time travel", () => {
  it("gives each version, with and without snapshots", () =>
    Effect.gen(function* () {
      yield* fill
      for (let round = 0; round < 2; round++) {
        for (let version = 1; version <= 23; version++) {
          assert.deepStrictEqual(yield* balanceAt({ version }), [version, version - 1])
        }
        yield* Effect.flatMap(SnapshotStore, (snapshots) => snapshots.remove(definition.streamId("1")))
      }
    }).pipe(Effect.provide(layer), Effect.runPromise))

  it("gives the last version up to a time, and the initial state before the first", () =>
    Effect.gen(function* () {
      yield* fill
      assert.deepStrictEqual(yield* balanceAt({ at: new Date(9_999) }), [0, 0])
      for (let version = 1; version <= 23; version++) {
        assert.deepStrictEqual(yield* balanceAt({ at: new Date(version * 10_000) }), [version, version - 1])
        assert.deepStrictEqual(yield* balanceAt({ at: new Date(version * 10_000 + 9_999) }), [version, version - 1])
      }
    }).pipe(Effect.provide(layer), Effect.runPromise))

  it("refuses a version that is not there, and what is neither a version nor a time", () =>
    Effect.gen(function* () {
      yield* fill
      const error = yield* Effect.flip(balanceAt({ version: 24 }))
      assert.deepInclude(error, { _tag: "NoSuchVersion", version: 24, head: 23 })
      for (const when of [{ version: 0 }, { version: 1.5 }, { at: new Date(Number.NaN) }]) {
        assert.strictEqual((yield* Effect.flip(balanceAt(when)))._tag, "InvalidArgument")
      }
    }).pipe(Effect.provide(layer), Effect.runPromise))
})
