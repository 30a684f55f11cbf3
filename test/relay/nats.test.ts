/** A relay to a real NATS server: in order and without a gap, over restarts and kills; what comes twice has one id. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import { EventStore } from "../../src/core/EventStore.ts"
import * as NatsStore from "../../src/nats/NatsStore.ts"
import { CheckpointStore } from "../../src/projection/CheckpointStore.ts"
import * as NatsOutlet from "../../src/relay/NatsOutlet.ts"
import { MessageRefused } from "../../src/relay/Outlet.ts"
import * as Notes from "../../src/testing/Notes.ts"
import * as NatsServer from "../NatsServer.ts"
import * as Nats from "../nats/Nats.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as NatsStream from "./NatsStream.ts"
import * as Relays from "./Relays.ts"

describe.skipIf(NatsServer.found === undefined)("a relay to NATS", () => {
  let server: NatsServer.NatsServer
  beforeAll(async () => {
    server = await NatsServer.start()
  })
  afterAll(() => server.stop())

  const outletOf = (topic: string, duplicateWindow: number) =>
    NatsOutlet.make({ servers: [server.url.replace("nats://", "")], topic, duplicateWindow })
  const sender = { relay: "main", logId: "0".repeat(32), epoch: 1, generation: 1 }
  const again = (name: string, position: number) =>
    Effect.gen(function* () {
      const { live } = yield* Relays.until(name, () => true)
      yield* (yield* CheckpointStore).advance(live, { to: position, events: 0, rate: 0 }, Effect.void)
    })

  it.scopedLive("sends each event in the order of its stream; within the window what is sent again is kept once", () =>
    Effect.gen(function* () {
      const last = yield* Relays.write(7, 30)
      const outlet = outletOf("once", 120)
      yield* Effect.scoped(Effect.zipRight(Relays.run("once", outlet), Relays.untilAt("once", last)))
      // As after a crash before the checkpoint was written.
      yield* again("once", 10)
      yield* Effect.scoped(Effect.zipRight(Relays.run("once", outlet), Relays.untilAt("once", last)))
      Relays.assertOnce(yield* NatsStream.read(server.url, "ONCE"), Relays.range(1, last))
    }).pipe(Effect.provide(Relays.store(":memory:")))
  )

  it.scopedLive("after the window what is sent again comes again, with the same id, and goes by its position", () =>
    Effect.gen(function* () {
      const last = yield* Relays.write(3, 5)
      // The shortest window that the server takes.
      const outlet = outletOf("twice", 0.1)
      yield* Effect.scoped(Effect.zipRight(Relays.run("twice", outlet), Relays.untilAt("twice", last)))
      yield* again("twice", 9)
      // The window is time, and nothing tells when the server has forgotten.
      yield* Effect.sleep("500 millis")
      yield* Effect.scoped(Effect.zipRight(Relays.run("twice", outlet), Relays.untilAt("twice", last)))
      const arrived = yield* NatsStream.read(server.url, "TWICE")
      assert.sameMembers(
        arrived.slice(last).map(({ id }) => id),
        arrived.slice(0, last).flatMap(({ id, sequence }) => (Number(sequence) > 9 ? [id] : []))
      )
      const seen = new Map<string, number>()
      const kept = arrived.filter(({ sequence, subject }) => {
        const isNew = Number(sequence) > (seen.get(subject) ?? 0)
        if (isNew) seen.set(subject, Number(sequence))
        return isNew
      })
      Relays.assertOnce(kept, Relays.range(1, last))
    }).pipe(Effect.provide(Relays.store(":memory:")))
  )

  it.scopedLive("says what it waits for while the server is gone, and goes on when it is back", () =>
    Effect.gen(function* () {
      const first = yield* Relays.write(2, 5)
      yield* Relays.run("gone", outletOf("gone", 120))
      yield* Relays.untilAt("gone", first)
      yield* Effect.promise(() => server.kill())
      const last = yield* Notes.note("note-0", "later")
      const { live } = yield* Relays.until("gone", (row) => (row.live.failure?.attempts ?? 0) > 1)
      assert.deepInclude(live.failure, { position: last, halted: false })
      assert.include(live.failure?.error, "OutletUnavailable")
      yield* Effect.promise(() => server.restart())
      yield* Relays.untilAt("gone", last)
      Relays.assertOnce(yield* NatsStream.read(server.url, "GONE"), Relays.range(1, last))
    }).pipe(Effect.provide(Relays.store(":memory:")))
  )

  it.scopedLive("takes a log that is on JetStream itself, whose positions have gaps", () =>
    Effect.gen(function* () {
      const events = yield* EventStore
      const positions: Array<number> = []
      for (let index = 0; index < 5; index++) {
        positions.push(yield* Notes.note(`note-${index % 2}`, "a"))
        yield* events.record({ kind: "operation", name: "test", detail: "{}", principal: null })
      }
      yield* Relays.run("gaps", outletOf("gaps", 120))
      yield* Relays.untilAt("gaps", positions.at(-1) ?? 0)
      assert.isAbove(positions.at(-1) ?? 0, positions.length)
      Relays.assertOnce(yield* NatsStream.read(server.url, "GAPS"), positions)
    }).pipe(Effect.provide(Relays.on(Nats.natsStore())))
  )

  it.scopedLive("sends nothing to subjects that are a log's own, and says which stream that is", () =>
    Effect.gen(function* () {
      const url = `${server.url}/ledger?monitor=${server.monitorUrl}&local=${join(yield* temporaryFolder, "a.db")}`
      yield* Effect.provide(Notes.note("note-1", "a"), NatsStore.layer({ url }))
      const opened = yield* Effect.flip(outletOf("ledger", 120).open(sender))
      assert.include(opened.message, "the stream ledger is itself a log")
    })
  )

  it.scopedLive("refuses an event whose stream makes too long a subject, so that it alone waits", () =>
    Effect.gen(function* () {
      const session = yield* outletOf("long", 120).open(sender)
      const messageOf = (streamId: string, position: number) => ({
        id: `${position}`,
        streamId,
        position,
        traceparent: null,
        body: JSON.stringify({ subject: streamId, sequence: `${position}` })
      })
      const send = (streamId: string, position: number) =>
        session.send([messageOf(streamId, position)], { position, hash: null, parked: new Map() })
      assert.instanceOf(yield* Effect.flip(send(`note-${"\u6f22".repeat(507)}`, 1)), MessageRefused)
      // Of the longest that are taken.
      yield* send(`note-${"\u6f22".repeat(430)}`, 2)
      assert.strictEqual((yield* NatsStream.read(server.url, "LONG")).length, 1)
    })
  )

  it("names a subject that a server takes, whatever the stream is called", () => {
    assert.strictEqual(NatsOutlet.subjectOf("daybook", "account-42"), "daybook.account.42")
    assert.strictEqual(NatsOutlet.subjectOf("daybook", "account-a.b *>"), "daybook.account.a%2Eb%20%2A%3E")
    assert.strictEqual(NatsOutlet.subjectOf("daybook", "plain"), "daybook.plain")
    assert.strictEqual(NatsOutlet.subjectOf("daybook", "note-"), "daybook.note._")
  })
})
