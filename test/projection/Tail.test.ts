/**
 * What the tail is made of: the ring that it keeps, and those who wait, found by what they wait for. And a log that is
 * restored.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Stream } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import type { StoredEvent } from "../../src/core/StoredEvent.ts"
import * as EventFilter from "../../src/projection/EventFilter.ts"
import { EventRing } from "../../src/projection/EventRing.ts"
import * as Subscription from "../../src/projection/Subscription.ts"
import { Watchers } from "../../src/projection/Watchers.ts"
import { note } from "../../src/testing/Notes.ts"
import { sequence } from "../Random.ts"

const event = (position: number, streamId = "a-1", type = "Noted", data = ""): StoredEvent =>
  ({ position, streamId, type, data }) as StoredEvent

const positions = (events: ReadonlyArray<StoredEvent>) => events.map(({ position }) => position)

describe("the ring", () => {
  it("has all after a position that it covers, and lets go of the oldest by number and by bytes", () => {
    const ring = new EventRing({ events: 5, bytes: 1_000_000 })
    assert.isFalse(ring.covers(0))
    ring.reset(0)
    assert.isTrue(ring.covers(0))
    let last = 0
    for (let round = 0; round < 50; round++) {
      const page = Array.from({ length: (round % 4) + 1 }, (_, index) => event(last + (index + 1) * (1 + (round % 3))))
      last = page.at(-1)?.position ?? last
      ring.push(page)
      assert.strictEqual(ring.end, last)
      assert.isAtMost(ring.length, 5)
      assert.isFalse(ring.covers(ring.start - 1) || ring.covers(last + 1))
      const held = ring.after(ring.start)
      assert.strictEqual(held.length, ring.length)
      assert.strictEqual(held.at(-1)?.position, last)
      for (let after = ring.start; after <= last; after++) {
        assert.deepStrictEqual(ring.page(after, 2), held.filter(({ position }) => position > after).slice(0, 2))
      }
    }
    const heavy = new EventRing({ events: 1_000, bytes: 4_000 })
    heavy.reset(0)
    heavy.push(Array.from({ length: 10 }, (_, index) => event(index + 1, "a-1", "Noted", "x".repeat(500))))
    assert.deepStrictEqual([heavy.start, positions(heavy.after(heavy.start))], [8, [9, 10]])
    heavy.push([event(11, "a-1", "Noted", "x".repeat(50_000))])
    assert.deepStrictEqual([heavy.start, positions(heavy.after(heavy.start))], [10, [11]])
  })
})

describe("those who wait", () => {
  it("are told of the first event that fits what they want, as if each looked at all of them", () => {
    const draw = sequence("those who wait")
    const next = (count: number) => Math.floor(draw() * count)
    const pick = <A>(from: ReadonlyArray<A>): A => from[next(from.length)] as A
    const ids = ["a-1", "a-10", "a-2", "ab-1", "b-1"]
    const types = ["One", "Two", "Three"]
    for (let round = 0; round < 300; round++) {
      const watchers = new Watchers()
      const told = new Map<number, number | undefined>()
      const filters = Array.from({ length: 12 }, (_, index) => {
        const filter: EventFilter.EventFilter = {
          ...(next(2) === 0 && { types: new Set([pick(types), pick(types)]) }),
          ...(next(2) === 0 && { aggregates: new Set([pick(["a", "ab", "c"]), pick(["a", "b"])]) }),
          ...(next(2) === 0 && { streamPrefix: pick(["", "a", "a-", "a-1", "b-1", "x"]) })
        }
        const wanted = EventFilter.wantedOf(filter)
        const after = next(4)
        const watcher = { wanted, after, tell: (found: StoredEvent | undefined) => told.set(index, found?.position) }
        watchers.add(watcher)
        return { filter, after, watcher, isGone: next(5) === 0 }
      })
      for (const { isGone, watcher } of filters) if (isGone) watchers.remove(watcher)
      const log = Array.from({ length: 6 }, (_, index) => event(index + 1, pick(ids), pick(types)))
      for (const each of log) watchers.tell(each)
      for (const [index, { after, filter, isGone }] of filters.entries()) {
        const { aggregates, streamPrefix = "", types: named } = filter
        const first = log.find(
          ({ position, streamId, type }) =>
            position > after &&
            (named === undefined || named.has(type)) &&
            (aggregates === undefined || aggregates.has(streamId.split("-")[0] ?? "")) &&
            streamId.startsWith(streamPrefix)
        )
        assert.strictEqual(told.get(index), isGone ? undefined : first?.position, JSON.stringify(filter))
      }
      watchers.tellAll()
      assert.strictEqual(watchers.size, 0)
    }
  })
})

describe("the tail", () => {
  it("starts again where the log was restored to before what it had read", () =>
    Effect.gen(function* () {
      const [before, after] = yield* Effect.all([
        Effect.provide(EventStore, EventStoreMemory.layer),
        Effect.provide(EventStore, EventStoreMemory.layer)
      ])
      const into = (store: EventStore["Type"], ...texts: ReadonlyArray<string>) =>
        Effect.provideService(note("a-1", ...texts), EventStore, store)
      yield* into(before, "1", "2", "3", "4")
      yield* into(after, "other 1")
      let store = before
      /** Where the log ends is asked for when what was read is not there. */
      const looked = yield* Deferred.make<void>()
      const restored = EventStore.of({
        ...before,
        commits: Stream.merge(before.commits, after.commits),
        readAll: (position, limit) => Effect.suspend(() => store.readAll(position, limit)),
        lastPosition: Effect.suspend(() =>
          Effect.zipLeft(store.lastPosition, store === after ? Deferred.succeed(looked, undefined) : Effect.void)
        )
      })
      yield* Effect.gen(function* () {
        // It keeps the tail at work.
        const quiet = yield* Effect.fork(Stream.runDrain(Subscription.log(4, { types: new Set(["Never"]) })))
        const live = yield* Effect.fork(Stream.runCollect(Stream.take(Subscription.log(4), 1)))
        yield* into(before, "5")
        yield* live
        store = after
        yield* Deferred.await(looked)
        const fresh = yield* Effect.fork(Stream.runCollect(Stream.take(Subscription.log(1), 2)))
        yield* into(after, "other 2")
        yield* into(after, "other 3")
        const given = [...(yield* fresh)]
        assert.deepStrictEqual(
          given.map(({ data, position }) => [position, JSON.parse(data).text]),
          [
            [2, "other 2"],
            [3, "other 3"]
          ]
        )
        yield* quiet.interruptAsFork(quiet.id())
      }).pipe(Effect.provideService(EventStore, restored))
    }).pipe(Effect.scoped, Effect.runPromise))
})
