/**
 * Payloads beside the journal: kept of commands with an id of the caller's, vouched for, and removed by an operation of
 * its own.
 */
import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Either, Layer, Logger, Schema } from "effect"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as Journal from "../../src/core/Journal.ts"
import * as KeptPayload from "../../src/core/KeptPayload.ts"
import * as PayloadRetention from "../../src/core/PayloadRetention.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { postgresStore } from "../sql/Postgres.ts"

const Filled = Event.make("Filled", { litres: Schema.Int })
class Full extends Schema.TaggedError<Full>()("Full", { room: Schema.Int }) {}

class Tank extends Aggregate.make("Tank", {
  id: Schema.String,
  state: Schema.Struct({ litres: Schema.Int }),
  initial: { litres: 0 },
  events: [Filled],
  commands: [
    Rpc.make("Fill", {
      payload: Schema.Struct({
        litres: Schema.Int,
        note: Schema.optionalWith(Schema.String, { default: () => "" })
      }),
      success: Schema.Int,
      error: Full
    }),
    Rpc.make("Empty", { success: Schema.Int })
  ]
}) {}

const TankLive = Tank.toLayer({
  decide: {
    Fill: ({ litres }, tank) =>
      tank.litres + litres > 10
        ? Either.left(new Full({ room: 10 - tank.litres }))
        : Either.right([Filled.make({ litres })]),
    Empty: (_, tank) => Either.right([Filled.make({ litres: -tank.litres })])
  },
  evolve: { Filled: ({ litres }, event) => ({ litres: litres + event.litres }) },
  reply: { Fill: ({ litres }) => litres, Empty: ({ litres }) => litres }
})

const stores = {
  memory: Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer),
  "sqlite::memory:": SqliteStore.layer({ filename: ":memory:" }),
  postgres: postgresStore()
}
const on = (store: (typeof stores)[keyof typeof stores], limits: Partial<ActorConfig.ActorLimits> = {}) =>
  TankLive.pipe(
    Layer.provideMerge(ActorSystemLocal.layer),
    Layer.provide(ActorConfig.layer(limits)),
    Layer.provideMerge(store),
    Layer.provideMerge(Logger.remove(Logger.defaultLogger))
  )

const formOf = (payload: string | null | undefined, digest: string | null | undefined) =>
  KeptPayload.read(payload ?? "", digest ?? null)

for (const [name, store] of Object.entries(stores)) {
  describe(`payloads on ${name}`, () => {
    it.scopedLive("are kept of commands with an id, of refusals too, in their stored form with its version", () =>
      Effect.gen(function* () {
        const tank = (yield* Tank)("a")
        yield* tank.Fill({ litres: 4 }, { commandId: "first" })
        yield* Effect.flip(tank.Fill({ litres: 9, note: "too much" }, { commandId: "second" }))
        yield* tank.Empty(undefined, { commandId: "third" })
        yield* tank.Fill({ litres: 1 })
        const log = yield* EventStore
        const { decided } = yield* log.readDecided(Tank.streamId("a"), 0)
        assert.isTrue(decided.every(({ entry }) => Journal.isIntact(entry)))
        assert.deepStrictEqual(
          decided.map(({ entry, payload }) =>
            payload === null ? null : Either.getOrThrow(formOf(payload, entry.payloadDigest))
          ),
          [
            { text: '{"litres":4,"note":""}', version: 1 },
            { text: '{"litres":9,"note":"too much"}', version: 1 },
            { text: "", version: 1 },
            null
          ]
        )
        const found = yield* log.findDecided("second")
        assert.deepStrictEqual([found?.entry.outcome, found?.payload], ["refusal", decided[1]?.payload ?? ""])
        assert.isUndefined(yield* log.findDecided("never sent"))
        assert.isUndefined(yield* log.findDecided(""))
        const page = yield* log.readDecided(Tank.streamId("a"), decided[1]?.entry.sequence ?? 0, 1)
        assert.deepStrictEqual([page.decided.map(({ entry }) => entry.commandId), page.more], [["third"], true])
      }).pipe(Effect.provide(on(store)))
    )

    it.scopedLive("are removed by age, each time as an operation, and their entries stay whole", () =>
      Effect.gen(function* () {
        const tank = (yield* Tank)("a")
        for (const commandId of ["1", "2", "3"]) yield* tank.Fill({ litres: 1 }, { commandId })
        const log = yield* EventStore
        assert.strictEqual(yield* PayloadRetention.removeOlder("1 hour"), 0)
        const { recordedAt } = yield* log.journalHead
        assert.strictEqual(yield* log.removePayloads(recordedAt + 1, 2), 2)
        assert.strictEqual(yield* log.removePayloads(recordedAt + 1, 2), 1)
        assert.strictEqual(yield* log.removePayloads(recordedAt + 1, 2), 0)
        const { decided } = yield* log.readDecided(Tank.streamId("a"), 0)
        assert.isTrue(decided.every(({ entry, payload }) => payload === null && entry.payloadDigest !== null))
        const { entries } = yield* log.readOperations(0)
        const before = new Date(recordedAt + 1).toISOString()
        assert.deepStrictEqual(
          entries.map(({ answer, command }) => [command, JSON.parse(answer)]),
          [
            ["payloads.remove", { before, removed: 2 }],
            ["payloads.remove", { before, removed: 1 }]
          ]
        )
        const journal = yield* log.readJournal(0)
        assert.isTrue(journal.entries.every(Journal.isIntact))
      }).pipe(Effect.provide(on(store)))
    )

    it.scopedLive("are not kept where none are to be, nor where one is too long", () =>
      Effect.gen(function* () {
        const tank = (yield* Tank)("a")
        yield* tank.Fill({ litres: 1 }, { commandId: "off" })
        const log = yield* EventStore
        const off = yield* log.findDecided("off")
        assert.deepStrictEqual([off?.payload, off?.entry.payloadDigest], [null, null])
      }).pipe(Effect.provide(on(store, { payloadRetention: Duration.zero })))
    )
  })
}

describe("a kept payload", () => {
  it("is none where the form is too long, and damaged where it is not what the entry vouches for", () => {
    const long = JSON.stringify({ text: "x".repeat(KeptPayload.maxLength) })
    assert.isUndefined(KeptPayload.write({ text: long, version: 1 }))
    const kept = KeptPayload.write({ text: '{"litres":1}', version: 3 }) ?? ""
    assert.deepStrictEqual(Either.getOrThrow(KeptPayload.read(kept, KeptPayload.digest(kept))), {
      text: '{"litres":1}',
      version: 3
    })
    assert.isTrue(Either.isLeft(KeptPayload.read(kept.replace("1", "2"), KeptPayload.digest(kept))))
    assert.isTrue(Either.isLeft(KeptPayload.read(kept, null)))
  })
})
