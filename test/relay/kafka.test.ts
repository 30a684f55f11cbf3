/**
 * A relay to a real broker: each position once and in order, over restarts, beside a second one, with streams that
 * wait, and rewound.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import kafkajs from "kafkajs"
import { afterAll, beforeAll } from "vitest"
import { CheckpointStore } from "../../src/projection/CheckpointStore.ts"
import * as KafkaOutlet from "../../src/relay/KafkaOutlet.ts"
import { RelayFenced } from "../../src/relay/Outlet.ts"
import * as Rewind from "../../src/relay/Rewind.ts"
import * as Notes from "../../src/testing/Notes.ts"
import * as KafkaServer from "../KafkaServer.ts"
import * as KafkaTopic from "./KafkaTopic.ts"
import * as Relays from "./Relays.ts"

describe.skipIf(KafkaServer.found === undefined)("a relay to Kafka", () => {
  let server: KafkaServer.KafkaServer
  beforeAll(async () => {
    server = await KafkaServer.start()
  })
  afterAll(() => server.stop())

  const outletOf = (topic: string) =>
    KafkaOutlet.make({ brokers: [server.broker], topic, partitions: 2, checkpoints: `${topic}-relays` })
  const read = (topic: string) => Effect.promise(() => KafkaTopic.read(server.broker, topic))

  it.scopedLive("sends each event once, in the order of its stream, and goes on where it was", () =>
    Effect.gen(function* () {
      const first = yield* Relays.write(7, 90)
      yield* Effect.scoped(Effect.zipRight(Relays.run("once", outletOf("once")), Relays.untilAt("once", first)))
      const last = yield* Relays.write(7, 10)
      // What the database says is behind: what is committed at Kafka counts.
      const row = yield* Relays.until("once", () => true)
      const checkpoints = yield* CheckpointStore
      yield* checkpoints.advance(row.live, { to: 3, events: 0, rate: 0 }, Effect.void)
      yield* Effect.scoped(Effect.zipRight(Relays.run("once", outletOf("once")), Relays.untilAt("once", last)))
      const arrived = yield* read("once")
      Relays.assertOnce(arrived, Relays.range(1, last))
      const [one] = arrived
      assert.include(one, { specversion: "1.0", type: "Noted", datacontenttype: "application/json", epoch: 1 })
      assert.deepStrictEqual(one?.data, { text: "0" })
    }).pipe(Effect.provide(Relays.store(":memory:")))
  )

  it.scopedLive("keeps how far it is in one partition, however many its topic was made with", () =>
    Effect.gen(function* () {
      const admin = new kafkajs.Kafka({ brokers: [server.broker], logLevel: kafkajs.logLevel.NOTHING }).admin()
      yield* Effect.acquireRelease(
        Effect.promise(() => admin.connect()),
        () => Effect.promise(() => admin.disconnect())
      )
      const topic = "many-relays"
      yield* Effect.promise(() => admin.createTopics({ topics: [{ topic, numPartitions: 8 }], waitForLeaders: true }))
      const first = yield* Relays.write(3, 2)
      yield* Effect.scoped(Effect.zipRight(Relays.run("many", outletOf("many")), Relays.untilAt("many", first)))
      const last = yield* Notes.note("note-0", "later")
      yield* Effect.scoped(Effect.zipRight(Relays.run("many", outletOf("many")), Relays.untilAt("many", last)))
      const used = (yield* Effect.promise(() => admin.fetchTopicOffsets(topic))).filter(({ high }) => high !== "0")
      assert.deepStrictEqual(
        used.map(({ partition }) => partition),
        [0]
      )
      Relays.assertOnce(yield* read("many"), Relays.range(1, last))
    }).pipe(Effect.provide(Relays.store(":memory:")))
  )

  it.scopedLive("fences out the former of two that have one name", () =>
    Effect.gen(function* () {
      const outlet = outletOf("fenced")
      const sender = { relay: "fenced", logId: "0".repeat(32), epoch: 1, generation: 1 }
      const messageOf = (position: number) => ({
        id: `${position}`,
        streamId: "note-1",
        position,
        traceparent: null,
        body: JSON.stringify({ subject: "note-1", sequence: `${position}` })
      })
      const progress = (position: number) => ({ position, hash: null, parked: new Map() })
      const former = yield* outlet.open(sender)
      yield* former.send([messageOf(1)], progress(1))
      const later = yield* outlet.open(sender)
      assert.deepStrictEqual(later.committed, { position: 1, hash: null, parked: new Map() })
      assert.instanceOf(yield* Effect.flip(former.send([messageOf(2)], progress(2))), RelayFenced)
      yield* later.send([messageOf(2)], progress(2))
      Relays.assertOnce((yield* read("fenced")) as ReadonlyArray<Relays.Arrived>, [1, 2])
    })
  )

  it.scopedLive(
    "has a stream wait whose event is refused, until an operator passes over it; rewinds when it is told",
    () =>
      Effect.gen(function* () {
        yield* Notes.note("note-0", "before")
        // Larger than a broker takes that is set up as usual.
        yield* Notes.note("note-0", "x".repeat(1_048_500), "behind")
        const last = yield* Notes.note("note-1", "another")
        yield* Relays.run("waits", outletOf("waits"))
        const row = yield* Relays.until("waits", ({ letters, live }) => letters.length > 0 && live.position >= last)
        assert.deepStrictEqual(
          row.letters.map(({ streamId, version }) => [streamId, version]),
          [["note-0", 2]]
        )
        Relays.assertOnce(yield* read("waits"), [1, 4])
        const checkpoints = yield* CheckpointStore
        yield* checkpoints.release("relay:waits", "note-0", "skip")
        yield* Relays.until("waits", ({ letters }) => letters.length === 0)
        Relays.assertOnce(yield* read("waits"), [1, 3, 4])
        yield* Rewind.to("waits", 1, { reason: "the reader has lost them" })
        yield* Relays.until(
          "waits",
          ({ live, rebuildRequested }) => live.generation === 2 && live.position >= last && !rebuildRequested
        )
        const again = yield* read("waits")
        assert.sameMembers(
          again.map(({ sequence }) => Number(sequence)),
          [1, 3, 3, 4, 4]
        )
      }).pipe(Effect.provide(Relays.store(":memory:")))
  )
})
