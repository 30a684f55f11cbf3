/** What a log is made of, counted by each store, is what its events say one by one. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as LogShape from "../../src/core/LogShape.ts"
import type { Snapshot } from "../../src/core/SnapshotStore.ts"
import { checksum, SnapshotStore } from "../../src/core/SnapshotStore.ts"
import * as SnapshotStoreMemory from "../../src/core/SnapshotStoreMemory.ts"
import type { StreamId } from "../../src/core/StreamId.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { appendRaw } from "../../src/testing/Notes.ts"
import { postgresStore } from "../sql/Postgres.ts"

const stores = {
  memory: Layer.merge(EventStoreMemory.layer, SnapshotStoreMemory.layer),
  "sqlite::memory:": SqliteStore.layer({ filename: ":memory:" }),
  postgres: postgresStore()
}

const event = (type: string, size: number, schemaVersion = 1) => ({
  type,
  schemaVersion,
  data: JSON.stringify({ text: "é".repeat(size) })
})
const bytesOf = (size: number) => '{"text":""}'.length + 2 * size

/** More streams than are told, of which some are long and some have large events. */
const fill = Effect.gen(function* () {
  for (let index = 0; index < 13; index++) {
    yield* appendRaw(
      `order-${index}`,
      Array.from({ length: index + 1 }, () => event("Opened", index))
    )
  }
  yield* appendRaw("ticket-1", [event("Opened", 2), event("Closed", 100_000, 3)])
})

for (const [name, store] of Object.entries(stores)) {
  describe(`the shape of a log on ${name}`, () => {
    it.scopedLive("has every event once, by aggregate, type and version, and by day", () =>
      Effect.gen(function* () {
        const log = yield* EventStore
        assert.deepInclude(yield* LogShape.read(), { events: 0, bytes: 0, types: [], days: [], longest: [] })
        yield* fill
        const shape = yield* LogShape.read()
        const sizes = Array.from({ length: 13 }, (_, index) => (index + 1) * bytesOf(index))
        const bytes = sizes.reduce((sum, each) => sum + each, 0)
        assert.deepStrictEqual(shape.types, [
          { prefix: "order", type: "Opened", schemaVersion: 1, events: 91, bytes },
          { prefix: "ticket", type: "Closed", schemaVersion: 3, events: 1, bytes: bytesOf(100_000) },
          { prefix: "ticket", type: "Opened", schemaVersion: 1, events: 1, bytes: bytesOf(2) }
        ])
        assert.deepStrictEqual([shape.events, shape.position], [93, yield* log.lastPosition])
        const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((left, right) => left + right, 0)
        assert.deepStrictEqual(
          [sum(shape.days.map((day) => day.events)), sum(shape.days.map((day) => day.bytes))],
          [shape.events, shape.bytes]
        )
        assert.match(shape.days[0]?.day ?? "", /^\d{4}-\d\d-\d\d$/)
        assert.deepStrictEqual(
          shape.longest.map(({ streamId, version }) => `${streamId} ${version}`),
          Array.from({ length: 10 }, (_, index) => `order-${12 - index} ${13 - index}`)
        )
        assert.deepStrictEqual(shape.largest[0], {
          streamId: "ticket-1",
          version: 2,
          type: "Closed",
          bytes: bytesOf(100_000)
        })
        assert.strictEqual(shape.largest.length, 10)
      }).pipe(Effect.provide(store))
    )

    it.scopedLive("adds up whatever its parts are, each event in one of them", () =>
      Effect.gen(function* () {
        yield* fill
        const log = yield* EventStore
        let [after, events] = [0, 0]
        const ends = new Map<string, number>()
        for (;;) {
          const part = yield* log.shapeOf(after, 7, 3)
          if (part.to === 0) break
          const own = part.groups.reduce((sum, group) => sum + group.events, 0)
          assert.isAtMost(own, 7)
          events += own
          for (const { streamId, version } of part.longest) ends.set(streamId, version)
          after = part.to
        }
        assert.strictEqual(events, 93)
        assert.deepStrictEqual(yield* LogShape.read(undefined, 7), yield* LogShape.read())
        assert.strictEqual(ends.get("order-12"), 13)
      }).pipe(Effect.provide(store))
    )

    if (name === "memory") return
    it.scopedLive("tells how far snapshots are behind", () =>
      Effect.gen(function* () {
        yield* fill
        const snapshots = yield* SnapshotStore
        const of = (streamId: string, version: number): Snapshot => {
          const fields = { streamId: streamId as StreamId, version, position: version, fingerprint: "f", data: "{}" }
          const snapshot = { ...fields, eventHash: "0".repeat(64), recordedAt: 0 }
          return { ...snapshot, checksum: checksum(snapshot) }
        }
        yield* snapshots.save([of("order-12", 3), of("order-11", 12)], 2)
        yield* snapshots.save([of("order-12", 5)], 2)
        const { snapshots: told } = yield* LogShape.read()
        assert.deepStrictEqual(told, {
          streams: 2,
          meanDistance: 4,
          farthest: [
            { streamId: "order-12", version: 13, snapshot: 5 },
            { streamId: "order-11", version: 12, snapshot: 12 }
          ]
        })
      }).pipe(Effect.provide(store))
    )
  })
}
