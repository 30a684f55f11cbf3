/** What stands in the log when things go wrong: kinds and places, and nothing of what was stored or sent. */

import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Either, Exit, Layer, Logger, Option, Schema } from "effect"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import { RecoveryFailed } from "../../src/core/ActorError.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as FaultLog from "../../src/core/FaultLog.ts"
import { SnapshotStore } from "../../src/core/SnapshotStore.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import { StoreUnavailable } from "../../src/core/StoreError.ts"
import { StreamId } from "../../src/core/StreamId.ts"

const secret = "Ada-Secret-Lovelace"
const Short = Schema.String.pipe(Schema.maxLength(5))
class Refused extends Schema.TaggedError<Refused>()("Refused", { why: Short }) {}
const Named = Event.make("Named", { owner: Schema.String, how: Schema.String })

class Person extends Aggregate.make("Person", {
  id: Schema.String,
  state: Schema.Struct({ owner: Short, how: Schema.String }),
  initial: { owner: "", how: "" },
  events: [Named],
  commands: [
    Rpc.make("Name", {
      payload: { owner: Schema.String, how: Schema.String },
      success: Schema.Struct({ owner: Short }),
      error: Refused
    })
  ],
  snapshot: { every: 1 }
}) {}

/** Each way of its own to go wrong with the owner in hand. */
const PersonLive = Person.toLayer({
  decide: {
    Name: ({ how, owner }) => {
      if (how === "refusal") return Either.left(new Refused({ why: owner }, { disableValidation: true }))
      if (how === "throw") throw new Error(`cannot name ${owner}`)
      if (how === "throw text") throw `cannot name ${owner}`
      if (how === "die") return Effect.die(new Error(`cannot name ${owner}`, { cause: new Error(owner) }))
      if (how === "JSON") JSON.parse(owner)
      return Either.right([Named.make({ owner, how })])
    }
  },
  evolve: {
    Named: (state, { how, owner }) => {
      if (how === "evolve" || state.how === "not again") throw new Error(`cannot be ${owner}`)
      return { owner, how }
    }
  },
  reply: {
    Name: ({ how, owner }) => {
      if (how === "reply") throw new Error(`cannot answer ${owner}`)
      return { owner: how === "answer" ? owner : "fine" }
    }
  }
})

describe("the log of the actor runtime", () => {
  it.live("holds neither owners nor state, whatever fails", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logged = Logger.replace(
        Logger.defaultLogger,
        Logger.map(Logger.logfmtLogger, (line) => {
          lines.push(line)
        })
      )
      const live = PersonLive.pipe(
        Layer.provideMerge(ActorSystemLocal.layer),
        Layer.provideMerge(Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer)),
        Layer.provide(ActorConfig.layer({ minBackoff: Duration.zero })),
        Layer.provideMerge(logged)
      )
      yield* Effect.gen(function* () {
        const people = yield* Person
        for (const how of ["refusal", "throw", "throw text", "die", "JSON", "evolve", "reply", "answer"]) {
          const before = lines.length
          const exit = yield* Effect.exit(
            people(how.replace(" ", "-")).Name({ owner: secret, how }, { commandId: how })
          )
          assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause), how)
          assert.isAbove(lines.length, before, how)
          // What the contract's own code threw quotes nothing either; what the decision threw is its sender's.
          if (how === "refusal" || how === "answer") assert.notInclude(String(exit), secret)
        }
        // Its state does not encode: the snapshot is given up.
        yield* people("long").Name({ owner: secret, how: "fine" })
        yield* Effect.eventually(
          Effect.suspend(() => (lines.some((line) => line.includes("given up")) ? Effect.void : Effect.fail("not yet")))
        )
        const snapshots = yield* SnapshotStore
        assert.isTrue(Option.isNone(yield* snapshots.load(StreamId.make("person-long"))))
      }).pipe(Effect.provide(live))
      assert.isTrue(lines.some((line) => line.includes("a snapshot cannot hold the state of Person at owner")))
      assert.isTrue(lines.some((line) => line.includes("FaultLog.test.ts")))
      assert.deepStrictEqual(
        lines.filter((line) => line.includes(secret)),
        []
      )
    })
  )
})

describe("FaultLog.describe", () => {
  it("tells what our own errors say, and of others the kind and the place", () => {
    const down = new StoreUnavailable({ operation: "append", cause: new Error("disk full") })
    assert.include(FaultLog.describe(Cause.fail(down)), "the event store cannot append: disk full")
    const failed = new RecoveryFailed({ streamId: "person-1", cause: new Error(secret) })
    const text = FaultLog.describe(Cause.parallel(Cause.fail(failed), Cause.die(new TypeError(secret))))
    assert.notInclude(text, secret)
    for (const part of ["RecoveryFailed", "TypeError", "FaultLog.test.ts"]) assert.include(text, part)
    assert.strictEqual(FaultLog.describe(Cause.empty), "an interruption")
  })
})
