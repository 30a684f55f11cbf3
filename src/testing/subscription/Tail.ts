/**
 * The promises of following the log at its end, as cases: many followers, filters, and a log that is read once for all
 * of them. A store author runs each with fresh, empty stores.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Chunk, Deferred, Effect, Fiber, Queue, Stream } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import { StreamId } from "../../core/StreamId.ts"
import * as ProjectionConfig from "../../projection/ProjectionConfig.ts"
import * as Subscription from "../../projection/Subscription.ts"
import type { Case } from "../Conformance.ts"
import { appendRaw, note } from "../Notes.ts"

export type SubscriptionCase = Case<EventStore>

const quietOnes = 256
const never: Subscription.Options = { types: new Set(["Never"]) }

/** The store, and how often the log was read since the count was taken. */
const counting = Effect.map(EventStore, (store) => {
  let reads = 0
  const counted = EventStore.of({
    ...store,
    readAll: (after, limit) =>
      Effect.suspend(() => {
        reads++
        return store.readAll(after, limit)
      })
  })
  return { counted, reads: () => reads }
})

/** Follows the log, and hands on each event that comes. */
const following = Effect.fnUntraced(function* (after: number, options: Subscription.Options = {}) {
  const seen = yield* Queue.unbounded<StoredEvent>()
  const fiber = yield* Effect.fork(
    Stream.runForEach(Subscription.log(after, options), (event) => Queue.offer(seen, event))
  )
  return { fiber, next: Queue.take(seen), seen: Effect.map(Queue.takeAll(seen), Chunk.toReadonlyArray) }
})

const positionsOf = (events: ReadonlyArray<StoredEvent>) => events.map(({ position }) => position)

export const Tail: ReadonlyArray<SubscriptionCase> = [
  {
    name: "the log is read once for all who follow, however many wait whom nothing concerns (RD6)",
    run: Effect.gen(function* () {
      const { counted, reads } = yield* counting
      yield* Effect.gen(function* () {
        const first = yield* note("a", "one")
        const quiet = yield* Effect.replicateEffect(following(first, never), quietOnes)
        const readers = yield* Effect.replicateEffect(following(0), 8)
        for (const { next } of readers) strictEqual((yield* next).position, first)
        const one = yield* note("a", "two")
        for (const { next } of readers) strictEqual((yield* next).position, one)
        const before = reads()
        const start = performance.now()
        const rounds = 20
        for (let round = 0; round < rounds; round++) {
          const position = yield* note(`a-${round}`, "more")
          for (const { next } of readers) strictEqual((yield* next).position, position)
        }
        // Two for each commit, where another is announced while one is read; and one each second by the clock.
        const polls = Math.ceil((performance.now() - start) / 1_000)
        ok(reads() - before <= 2 * rounds + 10 + polls, `${reads() - before} reads for ${rounds} commits`)
        // They were there all the time.
        const position = yield* appendRaw("b", [{ type: "Never", data: "{}" }])
        for (const { next } of quiet) strictEqual((yield* next).position, position)
        yield* Fiber.interruptAll([...quiet, ...readers].map(({ fiber }) => fiber))
      }).pipe(Effect.provideService(EventStore, counted))
    })
  },
  {
    name: "slow ones, one that never reads, and those that are quick: nobody misses or doubles (RD6)",
    run: Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const count = 200
      const expected = Array.from({ length: count }, (_, index) => index + 1)
      const slowly = Subscription.log(0).pipe(
        Stream.rechunk(1),
        // The first event keeps them until all are stored: the ring is far ahead of them then.
        Stream.tap(({ position }) => (position === 1 ? Deferred.await(gate) : Effect.void)),
        Stream.take(count),
        Stream.runCollect
      )
      const slow = yield* Effect.replicateEffect(Effect.fork(slowly), quietOnes)
      const stuck = yield* Effect.fork(Stream.runForEach(Subscription.log(0), () => Effect.never))
      const quick = yield* following(0)
      for (const position of expected) {
        yield* note(`s-${position % 7}`, "live")
        strictEqual((yield* quick.next).position, position)
      }
      yield* Deferred.succeed(gate, undefined)
      for (const fiber of slow) {
        deepStrictEqual(positionsOf(Chunk.toReadonlyArray(yield* Fiber.join(fiber))), expected)
      }
      yield* Fiber.interruptAll([stuck, quick.fiber])
    }).pipe(Effect.provide(ProjectionConfig.layer({ tailEvents: 8 })))
  },
  {
    name: "filters by type, aggregate and beginning of the stream give what is stored and what comes, and all of it (RD6)",
    run: Effect.gen(function* () {
      const streams = ["order-1", "order-17", "orders-1", "invoice-1"]
      const types = ["Noted", "Other"]
      const store = Effect.forEach(streams, (stream) =>
        Effect.forEach(types, (type) => appendRaw(stream, [{ type, data: '{"text":"x"}' }]))
      )
      const filters: ReadonlyArray<readonly [Subscription.Options, (event: StoredEvent) => boolean]> = [
        [{ types: new Set(["Other"]) }, ({ type }) => type === "Other"],
        [{ aggregates: new Set(["order"]) }, ({ streamId }) => streamId.startsWith("order-")],
        [{ aggregates: new Set(["order", "invoice"]) }, ({ streamId }) => !streamId.startsWith("orders-")],
        [{ streamPrefix: "order-1" }, ({ streamId }) => streamId.startsWith("order-1")],
        [{ streamPrefix: "ord" }, ({ streamId }) => streamId.startsWith("ord")],
        [
          { aggregates: new Set(["order"]), streamPrefix: "ord", types: new Set(["Noted"]) },
          ({ streamId, type }) => streamId.startsWith("order-") && type === "Noted"
        ],
        [{ aggregates: new Set(["order"]), streamPrefix: "invoice-" }, () => false],
        [
          { streams: new Set(["order-1", "invoice-1", "order-2"]) },
          ({ streamId }) => streamId === "order-1" || streamId === "invoice-1"
        ],
        [
          { streams: new Set(["order-1", "invoice-1"]), aggregates: new Set(["order"]) },
          ({ streamId }) => streamId === "order-1"
        ],
        [{ types: new Set() }, () => false],
        [{}, () => true]
      ]
      yield* store
      const { events: before } = yield* Effect.flatMap(EventStore, (events) => events.readAll(0))
      const followers = yield* Effect.forEach(filters, ([options]) => following(0, options))
      // Those that take anything say when what is stored has been given.
      for (const _ of before) yield* followers.at(-1)?.next ?? Effect.void
      yield* store
      yield* store
      const { events: all } = yield* Effect.flatMap(EventStore, (events) => events.readAll(0))
      for (const [index, [options, isWanted]] of filters.entries()) {
        const wanted = all.filter(isWanted).slice(index === filters.length - 1 ? before.length : 0)
        const found: Array<number> = []
        for (const _ of wanted) found.push((yield* followers[index]?.next ?? Effect.never).position)
        deepStrictEqual(
          found,
          positionsOf(wanted),
          JSON.stringify(options, (_, value) => (value instanceof Set ? [...value] : value))
        )
        deepStrictEqual(yield* followers[index]?.seen ?? Effect.succeed([]), [])
      }
      yield* Fiber.interruptAll(followers.map(({ fiber }) => fiber))
    })
  },
  {
    name: "of one stream among others that are as busy each version comes once, also where the ring has gone on (RD6)",
    run: Effect.gen(function* () {
      const versions: Array<number> = []
      const count = 60
      const taken = yield* Subscription.stream(StreamId.make("a-1"), 0).pipe(
        Stream.take(count),
        Stream.runForEach(({ streamId, version }) => {
          strictEqual(streamId, "a-1")
          versions.push(version)
          return Effect.void
        }),
        Effect.fork
      )
      for (let round = 0; round < count; round++) {
        yield* note("a-1", "own")
        yield* note("a-10", "of another whose name begins so")
        for (let other = 0; other < round % 5; other++) yield* note(`b-${other}`, "between")
      }
      yield* Fiber.join(taken)
      deepStrictEqual(
        versions,
        Array.from({ length: count }, (_, index) => index + 1)
      )
    }).pipe(Effect.provide(ProjectionConfig.layer({ tailEvents: 3 })))
  },
  {
    name: "where the store does not answer each follower is told, and one that comes again goes on (RD6)",
    run: Effect.gen(function* () {
      const store = yield* EventStore
      let isDown = false
      const failing = EventStore.of({
        ...store,
        readAll: (after, limit) => Effect.suspend(() => (isDown ? Effect.fail(down) : store.readAll(after, limit)))
      })
      const down = yield* Effect.flip(store.readAll(-1))
      yield* Effect.gen(function* () {
        const first = yield* note("a", "one")
        const followers = yield* Effect.replicateEffect(following(0), 4)
        for (const { next } of followers) strictEqual((yield* next).position, first)
        isDown = true
        const second = yield* note("a", "two")
        for (const { fiber } of followers) strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, down._tag)
        isDown = false
        const again = yield* following(first)
        strictEqual((yield* again.next).position, second)
        const third = yield* note("a", "three")
        strictEqual((yield* again.next).position, third)
        yield* Fiber.interrupt(again.fiber)
      }).pipe(Effect.provideService(EventStore, failing))
    })
  }
]
