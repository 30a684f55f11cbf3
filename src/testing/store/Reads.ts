/**
 * What a store reads: pages with bounds, both directions, the whole log, its end, the names of streams, and wake-ups.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Chunk, Deferred, Effect, Fiber, Queue, Stream } from "effect"
import * as EventHash from "../../core/EventHash.ts"
import { EventStore, type ListStreamsOptions, type ReadStreamOptions } from "../../core/EventStore.ts"
import { compare, type StreamId } from "../../core/StreamId.ts"
import type { Case } from "../Conformance.ts"
import { append, command, events, fullHead, head, log, logPage, page, read, request, tagOf } from "./Requests.ts"

const streamPage = (options: ListStreamsOptions) => Effect.flatMap(EventStore, (store) => store.listStreams(options))

export const Reads: ReadonlyArray<Case<EventStore>> = [
  {
    name: "pages have the bounds, the limit and the direction that were asked for (ES12 ES13)",
    run: Effect.gen(function* () {
      yield* append(request("a", 0, events("c", 5)))
      const table: ReadonlyArray<readonly [ReadStreamOptions, ReadonlyArray<number>, more: boolean]> = [
        [{ from: 3 }, [3, 4, 5], false],
        [{ to: 3 }, [1, 2, 3], false],
        [{ from: 2, to: 3 }, [2, 3], false],
        [{ from: 2, to: 2 }, [2], false],
        [{ limit: 3 }, [1, 2, 3], true],
        [{ limit: 5 }, [1, 2, 3, 4, 5], false],
        [{ from: 2, to: 5, limit: 2 }, [2, 3], true],
        [{ from: 2, to: 3, limit: 2 }, [2, 3], false],
        [{ limit: 1 }, [1], true],
        [{ limit: 0 }, [], true],
        [{ from: 6, limit: 0 }, [], false],
        [{ from: 4, to: 2 }, [], false],
        [{ to: 0 }, [], false],
        [{ from: 6 }, [], false],
        [{ direction: "backwards" }, [5, 4, 3, 2, 1], false],
        [{ to: 4, limit: 2, direction: "backwards" }, [4, 3], true],
        [{ to: 4, limit: 4, direction: "backwards" }, [4, 3, 2, 1], false]
      ]
      for (const [options, versions, more] of table) {
        const found = yield* page("a", options)
        const seen = [found.events.map(({ version }) => version), found.more]
        deepStrictEqual(seen, [versions, more], JSON.stringify(options))
      }
      deepStrictEqual(yield* read("unknown"), [])
      strictEqual(yield* head("unknown"), 0)
    })
  },
  {
    name: "bounds that are not integers from 0 are a typed error (ES14)",
    run: Effect.gen(function* () {
      for (const bad of [-1, 1.5, Number.NaN, 2 ** 53]) {
        strictEqual(yield* tagOf(read("a", { from: bad })), "InvalidArgument")
        strictEqual(yield* tagOf(read("a", { to: bad })), "InvalidArgument")
        strictEqual(yield* tagOf(read("a", { limit: bad })), "InvalidArgument")
        strictEqual(yield* tagOf(log(bad)), "InvalidArgument")
        strictEqual(yield* tagOf(append(request("a", bad, events("c", 1)))), "InvalidArgument")
      }
    })
  },
  {
    name: "pages of the log and of streams join without gap or double, in order, hashes chained (ES15 ES18)",
    run: Effect.gen(function* () {
      for (let round = 0; round < 50; round++) {
        for (const id of ["a", "b"]) yield* append(request(id, "any", events(`${id}-${round}`, 20)))
      }
      const positions: Array<number> = []
      let pages = 0
      for (let more = true; more; pages++) {
        const found = yield* logPage(positions.at(-1), 1000)
        positions.push(...found.events.map(({ position }) => position))
        more = found.more
      }
      // A multiple of the page: no empty page at the end.
      deepStrictEqual([positions.length, pages], [2000, 2])
      deepStrictEqual(yield* logPage(positions.at(-1)), { events: [], more: false })
      ok(positions.every((position, index) => index === 0 || position > (positions[index - 1] ?? 0)))
      const { events: stream, more } = yield* page("b")
      deepStrictEqual([stream.length, more], [1000, false])
      let previousHash = EventHash.genesis
      for (const [index, event] of stream.entries()) {
        ok(event.version === index + 1 && event.previousHash === previousHash && EventHash.isIntact(event))
        previousHash = event.hash
      }
      deepStrictEqual(yield* read("b", { from: 1001 }), [])
    })
  },
  {
    name: "a store that is written through says where its log ends, at once after each append (JR7)",
    run: Effect.gen(function* () {
      const store = yield* EventStore
      strictEqual(yield* store.writtenEnd, 0)
      for (let round = 1; round <= 20; round++) {
        yield* append(request("a", "any", events(`c-${round}`, 2)))
        strictEqual(yield* store.writtenEnd, (yield* fullHead("a")).position)
      }
    })
  },
  {
    name: "text comes back byte for byte or is refused, and two forms of one letter are two streams (ES28)",
    run: Effect.gen(function* () {
      const data = JSON.stringify("😀 e\u0301 ‏שלום \u2028\u2029 \u0000 \ud800")
      yield* append(request("é", 0, command("c", [data])))
      strictEqual((yield* read("é"))[0]?.data, data)
      strictEqual(yield* head("e\u0301"), 0)
      strictEqual(yield* tagOf(append(request("a", 0, command("raw", ['"\ud800"'])))), "InvalidArgument")
    })
  },
  {
    name: "streams with special characters and with one name inside another stay apart, also when listed by prefix (ES29)",
    run: Effect.gen(function* () {
      const ids = ["acc-1", "acc-10", "acc-2", "a%", "a_", "a'", "a/b", " ", "\uffee", "😀", "x".repeat(512)]
      for (const [index, id] of ids.entries()) {
        yield* append(request(id, 0, command(`c-${index}`, [JSON.stringify(id)])))
      }
      const forged = request("a", 0, events("c", 1))
      for (const id of ["", "a\0b", "x".repeat(513)]) {
        strictEqual(yield* tagOf(append({ ...forged, streamId: id as StreamId })), "InvalidArgument")
      }
      for (const id of ids)
        deepStrictEqual(
          (yield* read(id)).map(({ data }) => data),
          [JSON.stringify(id)]
        )
      const list = (options: ListStreamsOptions) =>
        Effect.map(streamPage(options), ({ streams }) => streams.map(({ streamId }) => streamId))
      deepStrictEqual(yield* list({ prefix: "acc-1" }), ["acc-1", "acc-10"])
      deepStrictEqual(yield* list({ prefix: "acc-1", after: "acc-1" }), ["acc-10"])
      for (const prefix of ["a%", "a_", "a'", "\uffee", "😀"]) deepStrictEqual(yield* list({ prefix }), [prefix])
      deepStrictEqual(yield* list({ prefix: "none" }), [])
      const all: Array<string> = []
      for (
        let page = yield* list({ limit: 3 });
        page.length > 0;
        page = yield* list({ limit: 3, after: all.at(-1) ?? "" })
      ) {
        all.push(...page)
      }
      deepStrictEqual(all, [...ids].sort(compare))
      strictEqual(yield* tagOf(list({ limit: 1.5 })), "InvalidArgument")
    })
  },
  {
    name: "commits wake their reader once for all that was stored while it was busy",
    run: Effect.gen(function* () {
      const { commits } = yield* EventStore
      const woken = yield* Queue.unbounded<void>()
      const go = yield* Deferred.make<void>()
      const reader = yield* commits.pipe(
        Stream.runForEach(() => Effect.zipRight(woken.offer(), Deferred.await(go))),
        Effect.fork
      )
      // The subscription is there once a commit was heard.
      for (let index = 0; (yield* woken.size) === 0; index++) {
        yield* append(request("ping", "any", events(`ping-${index}`, 1)))
        yield* Effect.yieldNow()
      }
      for (let index = 0; index < 10; index++) yield* append(request("a", "any", events(`c-${index}`, 1)))
      yield* Deferred.succeed(go, undefined)
      yield* Effect.zipRight(woken.take, woken.take)
      for (let times = 0; times < 100; times++) yield* Effect.yieldNow()
      // One more where the first was heard late.
      ok((yield* woken.takeAll).pipe(Chunk.size) <= 1)
      yield* append(request("a", "any", events("after", 1)))
      yield* woken.take
      yield* Fiber.interrupt(reader)
    })
  }
]
