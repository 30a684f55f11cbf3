/**
 * The events of earlier releases (`test/fixtures/events`) through every reader there is, from every store. A reader
 * that is added to the package is added here.
 */
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Clock, Deferred, Effect, Either, Layer, Logger, Schema, Stream } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import { Transfer } from "../../src/bank/transfer/Transfer.ts"
import * as ActorConfig from "../../src/core/ActorConfig.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import type * as Event from "../../src/core/Event.ts"
import * as EventOwner from "../../src/core/EventOwner.ts"
import { appendOrFail, EventStore } from "../../src/core/EventStore.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as Replay from "../../src/core/Replay.ts"
import * as SnapshotQueue from "../../src/core/SnapshotQueue.ts"
import { SnapshotStore } from "../../src/core/SnapshotStore.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import { StreamId } from "../../src/core/StreamId.ts"
import * as TimeTravel from "../../src/core/TimeTravel.ts"
import * as Projection from "../../src/projection/Projection.ts"
import type { ProjectionStore } from "../../src/projection/ProjectionStore.ts"
import { Projections } from "../../src/projection/Projections.ts"
import * as ProjectionsLocal from "../../src/projection/ProjectionsLocal.ts"
import * as Reaction from "../../src/projection/Reaction.ts"
import * as Subscription from "../../src/projection/Subscription.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { AgedAccount, behaviour as agedBehaviour } from "../../src/testing/AgedAccount.ts"
import * as EventFixtures from "../../src/testing/EventFixtures.ts"
import * as Cli from "../cli/Cli.ts"
import * as Service from "../http/Service.ts"
import { postgresStore } from "../sql/Postgres.ts"
import { temporaryStore } from "../sql/TemporaryFolder.ts"

type Stores = EventStore | SnapshotStore
/** What a reader may know of a fixture: its events' types, and where it is stored. */
interface Stored {
  readonly events: ReadonlyArray<Event.Any>
  readonly codec: (typeof AgedAccount)["codec"]
  readonly streamId: StreamId
  /** How many are stored, and how many events that is today. */
  readonly count: number
  readonly pieces: number
}
/** Returns the events as `EventFixtures` writes them, in their order. */
type Reader<R> = (stored: Stored) => Effect.Effect<ReadonlyArray<unknown>, unknown, R>

const aggregates = [AgedAccount, Account, Transfer] as unknown as ReadonlyArray<
  Pick<typeof AgedAccount, "aggregate" | "codec"> & { readonly events: ReadonlyArray<Event.Any> }
>
const agedAccount = AgedAccount.define(agedBehaviour)
const fixtures = [...EventFixtures.read(join(import.meta.dirname, "../fixtures/events"))]

/** The clock by which the stores note when an event was stored; what waits, waits as ever. */
let now = 0
const clock: Clock.Clock = Object.assign(Object.create(Clock.make()), {
  unsafeCurrentTimeMillis: () => now,
  currentTimeMillis: Effect.sync(() => now)
})

/** Projections say when they were built. */
const quiet = Logger.remove(Logger.defaultLogger)

/** Stores the rows of a fixture as they are, each by a command of its own. */
const store = (fixture: EventFixtures.EventFixture, streamId: StreamId) =>
  Effect.gen(function* () {
    const events = yield* EventStore
    for (const { commandId, data, recordedAt, schemaVersion, type, version } of EventFixtures.rows(fixture, streamId)) {
      now = recordedAt
      const command = {
        commandId,
        correlationId: commandId,
        causationId: null,
        traceparent: null,
        command: "Test",
        fingerprint: ""
      }
      const answer = { isNew: true, outcome: "success", answer: () => ({ text: "{}", version: 1 }) } as const
      const commands = [{ ...command, ...answer, events: [{ type, schemaVersion, data }] }]
      yield* appendOrFail(events, [{ streamId, expectedVersion: version - 1, commands }])
    }
  })

/** An aggregate whose state is all that happened. */
const diary = ({ codec, events }: Stored) => {
  const Diary = Aggregate.make("Fixture", {
    id: Schema.String,
    state: Schema.Array(Schema.Unknown),
    initial: [],
    events,
    commands: []
  })
  const write = (state: ReadonlyArray<unknown>, event: never) => [...state, EventFixtures.encode(codec, event)]
  const behaviour: Parameters<typeof Diary.define>[0] = {
    decide: {},
    evolve: Object.fromEntries(events.map(({ tag }) => [tag, write])) as never,
    reply: {}
  }
  return { Diary, behaviour, definition: Diary.define(behaviour) }
}
const withActor = <A>(stored: Stored, read: (ref: Ref) => Effect.Effect<A, unknown>) => {
  const { Diary, behaviour } = diary(stored)
  const live = Diary.toLayer(behaviour).pipe(
    Layer.provide(ActorSystemLocal.layer),
    Layer.provide(ActorConfig.layer({}))
  )
  return Effect.provide(
    Effect.flatMap(Diary, (diaries) => read(diaries("1"))),
    live
  )
}
type Ref = Aggregate.Ref<ReadonlyArray<unknown>, { readonly _tag: string }, never>

const readers: Record<string, Reader<Stores>> = {
  replay: (stored) =>
    Effect.gen(function* () {
      const { definition } = diary(stored)
      return (yield* Replay.catchUp(yield* EventStore, definition, stored.streamId, Replay.initial(definition))).state
    }),
  "snapshot and tail": (stored) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { definition } = diary(stored)
        const [events, snapshots] = [yield* EventStore, yield* SnapshotStore]
        const middle = Math.ceil(stored.count / 2)
        const half = yield* TimeTravel.stateAt(definition, "1", { version: middle })
        const saver = yield* SnapshotQueue.make(events, snapshots, ActorConfig.defaults)
        saver.offer(stored.streamId, definition, half)
        yield* saver.flush
        const { committed, snapshotVersion } = yield* Replay.recover(events, snapshots, definition, stored.streamId)
        assert.strictEqual(snapshotVersion, middle)
        return committed.state
      })
    ),
  actor: (stored) => withActor(stored, (ref) => Effect.map(ref.state, ({ state }) => state)),
  "an actor's changes": (stored) =>
    withActor(stored, (ref) =>
      Effect.map(Stream.runCollect(Stream.take(ref.changes(), stored.count)), (steps) =>
        Chunk.toReadonlyArray(steps).flatMap(({ events }) =>
          events.map((event) => EventFixtures.encode(stored.codec, event as never))
        )
      )
    ),
  subscription: ({ codec, count, streamId }) =>
    Effect.map(Stream.runCollect(Stream.take(Subscription.stream(streamId, 0), count)), (events) =>
      Chunk.toReadonlyArray(events).flatMap((stored) =>
        Either.getOrThrow(codec.decode(stored)).map((event) => EventFixtures.encode(codec, event))
      )
    )
}
/** Those that keep a place in the log. */
const followers: Record<string, Reader<Stores | ProjectionStore>> = {
  projection: ({ codec, events }) =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const projection = Projection.make({
        name: "diary",
        version: 1,
        events,
        tables: [],
        create: () => [],
        apply: (batch) =>
          Effect.sync(() => {
            for (const { event } of batch) seen.push(EventFixtures.encode(codec, event as never))
          })
      })
      const end = yield* Effect.flatMap(EventStore, ({ lastPosition }) => lastPosition)
      yield* Effect.flatMap(Projections, (projections) => projections.awaitPosition("diary", end, "100 seconds")).pipe(
        Effect.provide(ProjectionsLocal.layer([projection]))
      )
      return seen
    }),
  reaction: ({ codec, events, pieces }) =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const done = yield* Deferred.make<void>()
      const reaction = Reaction.make({
        name: "diary_reaction",
        startFrom: "beginning",
        events,
        react: ({ event }) =>
          Effect.suspend(() => {
            seen.push(EventFixtures.encode(codec, event as never))
            return seen.length === pieces ? Deferred.succeed(done, undefined) : Effect.void
          })
      })
      yield* Effect.provide(Deferred.await(done), Reaction.layer(reaction))
      return seen
    })
}

const stores = {
  sqlite: temporaryStore,
  "sqlite::memory:": SqliteStore.layer({ filename: ":memory:" }),
  postgres: postgresStore()
}

/** A case for each reader: it reads each fixture, on stores of its own. */
const cases = <R>(name: string, layer: Layer.Layer<Stores | R, unknown>, table: Record<string, Reader<Stores | R>>) =>
  describe(`events of earlier releases on ${name}`, () => {
    for (const [reader, read] of Object.entries(table)) {
      it.live(`${reader} (UP11)`, () =>
        Effect.forEach(fixtures, ([file, fixture]) => {
          const aggregate = aggregates.find((one) => one.aggregate === fixture.aggregate)
          if (aggregate === undefined) throw new Error(`${file} is of no aggregate that is known here`)
          const { codec } = aggregate
          // They are stored as those of the diary.
          const events = aggregate.events.map((event) => EventOwner.only("Fixture", event))
          const count = { count: fixture.stored.length, pieces: fixture.current.length }
          const streamId = StreamId.make("fixture-1")
          const found = Effect.zipRight(store(fixture, streamId), read({ codec, events, ...count, streamId }))
          return Effect.map(Effect.provide(found, layer), (read) => {
            assert.deepStrictEqual(read, fixture.current, file)
          })
        }).pipe(Effect.withClock(clock), Effect.provide(quiet))
      )
    }
  })

cases<never>("memory", Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer), readers)
for (const [name, layer] of Object.entries(stores)) cases<ProjectionStore>(name, layer, { ...readers, ...followers })

describe("a database with every stored form that ever was", () => {
  it.scoped("reads as the fixtures that were stored in it (UP11)", () =>
    Effect.gen(function* () {
      const filename = join(yield* Cli.folder, "daybook.db")
      copyFileSync(join(import.meta.dirname, "../fixtures/databases/0004-versions.db"), filename)
      yield* Effect.gen(function* () {
        const events = yield* EventStore
        const aged = fixtures.filter(([, { aggregate }]) => aggregate === AgedAccount.aggregate)
        for (const [file, { current }] of aged) {
          const streamId = StreamId.make(`agedAccount-${file.replace(".json", "")}`)
          const { committed } = yield* Replay.recover(events, yield* SnapshotStore, agedAccount, streamId)
          assert.strictEqual(committed.state.events, current.length, file)
          const read = (yield* events.readStream(streamId)).events.flatMap((row) =>
            Either.getOrThrow(AgedAccount.codec.decode(row))
          )
          assert.deepStrictEqual(
            read.map((event) => EventFixtures.encode(AgedAccount.codec, event)),
            current,
            file
          )
        }
      }).pipe(Effect.provide(SqliteStore.layer({ filename })))
    })
  )
})

describe("events of earlier releases of the account", () => {
  const own = fixtures.filter(([, { aggregate }]) => aggregate === "Account")
  const dataOf = (event: unknown) => (event as { readonly data: unknown }).data

  it.scopedLive("HTTP and inspect (UP11)", () =>
    Effect.gen(function* () {
      const filename = join(yield* Cli.folder, "daybook.db")
      for (const [index, [file, fixture]] of own.entries()) {
        const streamId = StreamId.make(`account-fixture-${index}`)
        yield* store(fixture, streamId).pipe(Effect.provide(SqliteStore.layer({ filename })), Effect.withClock(clock))

        const page = yield* Effect.flatMap(Service.Url, (url) =>
          Service.ask(`${url}/accounts/fixture-${index}/events?limit=1000`)
        ).pipe(Effect.provide(Service.layer({ filename })))
        assert.deepStrictEqual(page.json.events.map(dataOf), fixture.current.map(dataOf), file)

        const { stdout } = yield* Cli.run(["inspect", streamId, "--json", "--db", `sqlite:${filename}`])
        const shown = stdout
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line))
        assert.deepStrictEqual(
          shown.flatMap(({ current }) => current.map(({ _tag }: { readonly _tag: string }) => _tag)),
          fixture.current.map((event) => (event as { readonly type: string }).type),
          file
        )
        assert.deepStrictEqual(
          shown.map(({ data }) => JSON.parse(data)),
          fixture.stored.map(dataOf),
          file
        )
      }
    })
  )
})
