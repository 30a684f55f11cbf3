/**
 * What a subscription gives: what is stored and then what comes, once and in order; a slow one is told where to resume.
 */
import { deepStrictEqual, ok } from "node:assert"
import { Chunk, Effect, Fiber, Queue, Stream } from "effect"
import * as Event from "../../core/Event.ts"
import { StreamId } from "../../core/StreamId.ts"
import * as Subscription from "../../projection/Subscription.ts"
import { appendRaw, note } from "../Notes.ts"
import type { SubscriptionCase } from "./Tail.ts"

export const Subscriptions: ReadonlyArray<SubscriptionCase> = [
  {
    name: "a subscription gives what is stored and then what comes, once and in order; by type and by stream",
    run: Effect.gen(function* () {
      yield* Effect.forEach(
        Array.from({ length: 600 }, (_, number) => number),
        (number) => note(`s-${number % 3}`, `n${number}`)
      )
      const seen = yield* Queue.unbounded<number>()
      const following = yield* Subscription.log(10).pipe(
        Stream.runForEach(({ position }) => Queue.offer(seen, position)),
        Effect.fork
      )
      const take = (count: number) => Effect.map(Queue.takeN(seen, count), Chunk.toReadonlyArray)
      deepStrictEqual(
        yield* take(590),
        Array.from({ length: 590 }, (_, index) => index + 11)
      )
      for (let round = 0; round < 5; round++) {
        const position = yield* note("s-1", "live")
        deepStrictEqual(yield* take(1), [position])
      }
      yield* Fiber.interrupt(following)

      yield* appendRaw("s-1", [{ type: "Other", data: "{}" }])
      const typed = yield* Subscription.log(0, { events: [Event.make("Other", {})] }).pipe(
        Stream.take(1),
        Stream.runCollect
      )
      deepStrictEqual(
        Chunk.toReadonlyArray(typed).map(({ type }) => type),
        ["Other"]
      )
      const own = yield* Subscription.stream(StreamId.make("s-1"), 3).pipe(Stream.take(4), Stream.runCollect)
      deepStrictEqual(
        Chunk.toReadonlyArray(own).map(({ streamId, version }) => [streamId, version]),
        [4, 5, 6, 7].map((version) => ["s-1", version])
      )
    })
  },
  {
    name: "a slow subscriber is cut off with the position to resume from, and misses nothing when it does",
    run: Effect.gen(function* () {
      for (let page = 0; page < 20; page++)
        yield* note("a", ...Array.from({ length: 256 }, (_, number) => `n${number}`))
      const seen: Array<number> = []
      const cut = yield* Subscription.log(0, { patience: "20 millis" }).pipe(
        Stream.rechunk(1),
        Stream.runForEach(({ position }) => {
          seen.push(position)
          return position === 100 ? Effect.sleep("200 millis") : Effect.void
        }),
        Effect.flip
      )
      ok(cut._tag === "SlowConsumer", cut._tag)
      deepStrictEqual([cut.streamId, cut.resumeAfter], [null, seen.at(-1)])
      ok(seen.length < 20 * 256)
      yield* Subscription.log(cut.resumeAfter).pipe(
        Stream.take(20 * 256 - seen.length),
        Stream.runForEach(({ position }) => Effect.sync(() => seen.push(position)))
      )
      deepStrictEqual(
        seen,
        Array.from({ length: 20 * 256 }, (_, index) => index + 1)
      )
    })
  },
  {
    name: "a slow subscriber of one stream is cut off with the version to resume from",
    run: Effect.gen(function* () {
      const [pages, size] = [12, 256]
      for (let page = 0; page < pages; page++) {
        yield* note("other", "between")
        yield* note("a", ...Array.from({ length: size }, (_, number) => `n${number}`))
      }
      const seen: Array<number> = []
      const take = (options: Subscription.Options) =>
        Subscription.stream(StreamId.make("a"), seen.at(-1) ?? 0, options).pipe(
          Stream.rechunk(1),
          Stream.tap(({ version }) => {
            seen.push(version)
            return version === 300 ? Effect.sleep("200 millis") : Effect.void
          })
        )
      const cut = yield* Effect.flip(Stream.runDrain(take({ patience: "20 millis" })))
      ok(cut._tag === "SlowConsumer", cut._tag)
      deepStrictEqual([cut.streamId, cut.resumeAfter], ["a", seen.at(-1)])
      yield* Stream.runDrain(Stream.take(take({}), pages * size - seen.length))
      deepStrictEqual(
        seen,
        Array.from({ length: pages * size }, (_, index) => index + 1)
      )
    })
  }
]
