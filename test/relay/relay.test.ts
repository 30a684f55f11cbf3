/**
 * What a relay promises whatever its destination is, on a real log and a destination in memory; and how its address is
 * read.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import { StreamId } from "../../src/core/StreamId.ts"
import type * as EventFilter from "../../src/projection/EventFilter.ts"
import type * as CloudEvent from "../../src/relay/CloudEvent.ts"
import type { Outlet } from "../../src/relay/Outlet.ts"
import * as Relay from "../../src/relay/Relay.ts"
import * as RelayAddress from "../../src/relay/RelayAddress.ts"
import * as Rewind from "../../src/relay/Rewind.ts"
import * as Notes from "../../src/testing/Notes.ts"
import { proposed } from "../../src/testing/ProposedCommand.ts"
import { Tampering } from "../../src/testing/Tampering.ts"
import * as SqlTampering from "../sql/Tampering.ts"
import * as Relays from "./Relays.ts"

/** Keeps what it is sent, and no progress. */
const inMemory = () => {
  const messages: Array<CloudEvent.Message> = []
  const outlet: Outlet = {
    name: "memory",
    open: () =>
      Effect.succeed({
        committed: undefined,
        send: (sent) => Effect.sync(() => void messages.push(...sent))
      })
  }
  return { outlet, messages, positions: () => messages.map(({ position }) => position) }
}

const filtered = (outlet: Outlet, filter: EventFilter.EventFilter) =>
  Layer.build(
    Relay.layer({ ofStream: () => undefined }, Relay.make({ name: "main", outlet, filter, startFrom: "beginning" }))
  )

const store = Relays.store(":memory:")

const filters: ReadonlyArray<
  readonly [what: string, filter: EventFilter.EventFilter, expected: ReadonlyArray<number>]
> = [
  ["a type", { types: new Set(["Renamed"]) }, [2, 4]],
  ["an aggregate", { aggregates: new Set(["order"]) }, [3, 4]],
  ["the beginning of a stream's id", { streamPrefix: "note-1" }, [1, 2, 5]],
  ["a type of an aggregate", { types: new Set(["Renamed"]), aggregates: new Set(["order"]) }, [4]],
  ["what no event is", { types: new Set(["Nothing"]) }, []]
]

describe("a relay", () => {
  for (const [what, filter, expected] of filters) {
    it.scopedLive(`that is filtered by ${what} sends that alone, and comes to the end of the log`, () =>
      Effect.gen(function* () {
        const { outlet, positions } = inMemory()
        const data = '{"text":"a"}'
        yield* Notes.appendRaw("note-1", [{ data }, { type: "Renamed", data }])
        yield* Notes.appendRaw("order-1", [{ data }, { type: "Renamed", data }])
        yield* Notes.appendRaw("note-12", [{ data }])
        yield* filtered(outlet, filter)
        yield* Relays.untilAt("main", 5)
        assert.deepStrictEqual(positions(), expected)
      }).pipe(Effect.provide(store))
    )
  }

  it.scopedLive("hands on the trace of a command, in the event and beside it", () =>
    Effect.gen(function* () {
      const { messages, outlet } = inMemory()
      const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
      const events = yield* EventStore
      const command = (commandId: string, traceparent: string | null) =>
        proposed(commandId, {
          isNew: true,
          correlationId: "conversation",
          causationId: "cause",
          traceparent,
          events: [{ type: "Noted", schemaVersion: 1, data: "{}" }]
        })
      const streamId = StreamId.make("note-1")
      const commands = [command("traced", traceparent), command("untraced", null)]
      yield* events.append([{ streamId, expectedVersion: "any", commands }])
      yield* Relays.run("main", outlet)
      yield* Relays.untilAt("main", 2)
      const [traced, untraced] = messages
      assert.deepInclude(JSON.parse(traced?.body ?? ""), {
        traceparent,
        correlationid: "conversation",
        causationid: "cause"
      })
      assert.strictEqual(traced?.traceparent, traceparent)
      assert.notProperty(JSON.parse(untraced?.body ?? ""), "traceparent")
      assert.isNull(untraced?.traceparent)
    }).pipe(Effect.provide(store))
  )

  it.scopedLive(
    "never sends what is damaged: its stream waits, or the relay, and the others go on as far as they may",
    () =>
      Effect.gen(function* () {
        const { outlet, positions } = inMemory()
        yield* Notes.note("note-1", "sound", "damaged", "behind")
        const last = yield* Notes.note("note-2", "another")
        const { edit } = yield* Tampering
        yield* edit(2, { data: '{"text":"changed"}' })
        yield* Relays.run("main", outlet)
        const row = yield* Relays.until(
          "main",
          ({ letters, live }) => letters.length > 0 || live.failure?.halted === true || live.position >= last
        )
        const isHalted = row.live.failure?.halted === true
        const waiting = isHalted ? row.live.failure?.position : row.letters[0]?.position
        assert.strictEqual(waiting, 2)
        if (!isHalted) yield* Relays.untilAt("main", last)
        assert.deepStrictEqual(positions(), isHalted ? [1] : [1, 4])
      }).pipe(Effect.provide(Layer.provideMerge(SqlTampering.layer, store)))
  )

  it.scopedLive("sends again from where an operator rewinds it, each under the id that it had", () =>
    Effect.gen(function* () {
      const { messages, outlet, positions } = inMemory()
      const last = yield* Relays.write(2, 3)
      yield* Relays.run("main", outlet)
      yield* Relays.untilAt("main", last)
      yield* Rewind.to("main", 2, { reason: "the reader has lost them" })
      yield* Relays.until(
        "main",
        ({ live, rebuildRequested }) => live.generation === 2 && live.position >= last && !rebuildRequested
      )
      assert.deepStrictEqual(positions(), [...Relays.range(1, last), ...Relays.range(3, last)])
      assert.strictEqual(new Set(messages.map(({ id }) => id)).size, last)
    }).pipe(Effect.provide(store))
  )

  it.scopedLive("goes on where it was when it is started again", () =>
    Effect.gen(function* () {
      const { outlet, positions } = inMemory()
      for (const each of [3, 2]) {
        const last = yield* Relays.write(1, each)
        yield* Effect.scoped(Effect.zipRight(Relays.run("main", outlet), Relays.untilAt("main", last)))
        assert.deepStrictEqual(positions(), Relays.range(1, last))
      }
    }).pipe(Effect.provide(store))
  )
})

describe("the address of a relay", () => {
  it.each([
    ["nats://127.0.0.1", "nats://127.0.0.1:4222"],
    ["nats://one:1,two:2/bank?stream=BANK&replicas=3", "nats://one:1,two:2"],
    ["tls://user:p%40ss@host/bank", "tls://host:4222"],
    ["kafka://host/log?partitions=4", "kafka://host:9092/log"],
    ["kafka://user:secret@a:1,b:2/log?sasl=scram-sha-512&tls=true", "kafka://a:1,b:2/log"]
  ])("%s is one, and is named without its password", (text, name) => {
    const outlet = RelayAddress.parse(text)
    assert(typeof outlet !== "string", String(outlet))
    assert.strictEqual(outlet.name, name)
  })

  it.each([
    ["", "nats://HOST:PORT/TOPIC"],
    ["http://host/topic", "nats://HOST:PORT/TOPIC"],
    ["nats://", "nats://HOST:PORT/TOPIC"],
    ["nats://host/a/b", "nats://HOST:PORT/TOPIC"],
    ["nats://host/topic?partitions=1", "stream, replicas"],
    ["nats://host/topic?replicas=0", "replicas is a number"],
    ["nats://user:secret%@host/topic", "is written %25"],
    ["kafka://host/topic?replicas=1", "partitions, checkpoints"],
    ["kafka://host/topic?partitions=many", "partitions is a number"],
    ["kafka://user:secret@host/topic?sasl=magic", "sasl is plain"]
  ])("%s is none, and why is said without repeating it", (text, reason) => {
    const found = RelayAddress.parse(text)
    assert(typeof found === "string")
    assert.include(found, reason)
    assert.notInclude(found, "secret")
  })
})
