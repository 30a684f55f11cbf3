/**
 * BY1 to BY4: what is read, decided and stored is bounded in bytes, whatever asks for it. BY1, BY3 and BY4, of
 * recoveries and reads, are made in `actor/Recoveries.ts`; what of BY2 concerns the read side is in
 * `projection/Batches.ts`.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Buffer } from "node:buffer"
import * as Rpc from "@effect/rpc/Rpc"
import { Deferred, Effect, Either, Logger, Schema } from "effect"
import * as ActorConfig from "../../core/ActorConfig.ts"
import { LimitExceeded } from "../../core/ActorError.ts"
import * as Aggregate from "../../core/Aggregate.ts"
import * as Event from "../../core/Event.ts"
import { type EventPage, EventStore, maxPageBytes } from "../../core/EventStore.ts"
import type { JournalEntry } from "../../core/Journal.ts"
import { type Snapshot, SnapshotStore } from "../../core/SnapshotStore.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import { StreamId } from "../../core/StreamId.ts"
import { proposed } from "../ProposedCommand.ts"
import type { ActorSystemCase } from "../SystemUnderTest.ts"
import { end, release } from "./Release.ts"

/** Numbers from 0 to below 1, the same ones for a seed. */
const randomOf = (seed: number) => (): number => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
  return seed / 2_147_483_648
}

/** Around the sizes at which a store reads a text in another way, and the largest that there may be, in bytes. */
const sizes = [10, 4_000, 4_190, 4_200, 9_000, 300_000, 1_000_000, 1_048_576]

/** A JSON text of this many bytes, some of whose characters take three. */
const textOf = (bytes: number, random: () => number): string => {
  const wide = Math.floor(random() * 3)
  return JSON.stringify("€".repeat(wide) + "x".repeat(bytes - 2 - 3 * wide))
}

const command = (commandId: string, events: ReadonlyArray<string>, answer: string) =>
  proposed(commandId, {
    events: events.map((data) => ({ type: "Noted", schemaVersion: 1, data })),
    answer: () => ({ text: answer, version: 1 })
  })

/** All pages one after the other; each within the bound, or of one row alone. */
const allPages = Effect.fnUntraced(function* <A, E, R>(
  sizeOf: (row: A) => number,
  read: (last: A | undefined) => Effect.Effect<{ readonly rows: ReadonlyArray<A>; readonly more: boolean }, E, R>
) {
  const all: Array<A> = []
  let pages = 0
  for (;;) {
    const { more, rows } = yield* read(all.at(-1))
    const bytes = rows.reduce((sum, row) => sum + sizeOf(row), 0)
    ok(bytes <= maxPageBytes || rows.length === 1, `${rows.length} rows of ${bytes} bytes in one page`)
    ok(rows.length > 0 || !more, "a page without a row, and more behind it")
    all.push(...rows)
    pages++
    if (!more) return { all, pages }
  }
})

const Grown = Event.make("Grown", { to: Schema.Int, note: Schema.String })

/** Its state is as large as its last event says. */
class Heap extends Aggregate.make("Heap", {
  id: Schema.String,
  state: Schema.Struct({ text: Schema.String }),
  initial: { text: "" },
  events: [Grown],
  commands: [
    Rpc.make("Grow", {
      payload: { to: Schema.Int, times: Schema.Int, note: Schema.Int },
      success: Schema.Struct({ length: Schema.Int })
    })
  ],
  snapshot: { every: 1 }
}) {}
const heaps = Heap.toLayer({
  decide: {
    Grow: ({ note, times, to }) => Either.right(Array(times).fill(Grown.make({ to, note: "x".repeat(note) })))
  },
  evolve: { Grown: (_, { to }) => ({ text: "x".repeat(to) }) },
  reply: { Grow: ({ text }) => ({ length: text.length }) }
})
const grow = (to: number, times = 1, note = 0) => Effect.flatMap(Heap, (heap) => heap("a").Grow({ to, times, note }))

export const Bytes: ReadonlyArray<ActorSystemCase> = [
  {
    name: "a page of large events or answers ends before it exceeds its bytes, and the pages together are all there is (BY2)",
    run: Effect.gen(function* () {
      const store = yield* EventStore
      const random = randomOf(18)
      const sizeOf = () => sizes[Math.floor(random() * sizes.length)] ?? 10
      const [large, other] = [StreamId.make("large"), StreamId.make("other")]
      const data: Array<string> = []
      const answers: Array<string> = []
      for (let number = 0; number < 12; number++) {
        const events = Array.from({ length: 1 + Math.floor(random() * 3) }, () => textOf(sizeOf(), random))
        const answer = textOf(sizeOf(), random)
        data.push(...events)
        answers.push(answer)
        yield* store.append([
          { streamId: large, expectedVersion: "any", commands: [command(`l-${number}`, events, answer)] }
        ])
        yield* store.append([
          { streamId: other, expectedVersion: "any", commands: [command(`o-${number}`, ["1"], "2")] }
        ])
      }
      const bytesOf = ({ data }: StoredEvent) => Buffer.byteLength(data)
      const asPage = Effect.map(({ events, more }: EventPage) => ({ rows: events, more }))

      const forwards = yield* allPages(bytesOf, (last) =>
        asPage(store.readStream(large, { from: (last?.version ?? 0) + 1 }))
      )
      deepStrictEqual(
        forwards.all.map((event) => event.data),
        data
      )
      ok(forwards.pages > 2, `${forwards.pages} pages`)
      const backwards = yield* allPages(bytesOf, (last) =>
        asPage(store.readStream(large, { direction: "backwards", ...(last && { to: last.version - 1 }) }))
      )
      deepStrictEqual(
        backwards.all.map((event) => event.data),
        data.toReversed()
      )
      const log = yield* allPages(bytesOf, (last) => asPage(store.readAll(last?.position ?? 0)))
      deepStrictEqual(
        log.all.filter(({ streamId }) => streamId === large).map((event) => event.data),
        data
      )
      const journal = yield* allPages(
        ({ answer }: JournalEntry) => Buffer.byteLength(answer ?? ""),
        (last) => Effect.map(store.readJournal(last?.sequence ?? 0), ({ entries, more }) => ({ rows: entries, more }))
      )
      deepStrictEqual(
        journal.all.filter(({ streamId }) => streamId === large).map(({ answer }) => answer),
        answers
      )

      // Bounds of the reader's own hold too, where what follows is large.
      const first = yield* store.readStream(large, { limit: 1 })
      deepStrictEqual([first.events.length, first.more], [1, true])
      deepStrictEqual(yield* store.readStream(large, { limit: 0 }), { events: [], more: true })
      const last = yield* store.readStream(large, { from: data.length, to: data.length })
      strictEqual(last.events[0]?.data, data.at(-1))
      strictEqual(last.more, false)
    })
  },
  {
    name: "a command of too many or too large events is refused by the limit's name, and its neighbours are not (BY2)",
    run: release(
      heaps,
      Effect.gen(function* () {
        const asked = [grow(1), grow(2, 100_000), grow(3, 9, 1_000_000), grow(4, 7, 1_000_000), grow(5)]
        const answers = yield* Effect.forEach(asked, Effect.either, { concurrency: "unbounded" })
        const told = answers.map(
          Either.match({
            onLeft: (error) => (error instanceof LimitExceeded ? [error.limit, error.most] : error._tag),
            onRight: ({ length }) => length
          })
        )
        const { maxCommandCharacters, maxCommandEvents } = ActorConfig.defaults
        const [events, characters] = [
          ["maxCommandEvents", maxCommandEvents],
          ["maxCommandCharacters", maxCommandCharacters]
        ]
        deepStrictEqual(told, [1, events, characters, 4, 5])
        strictEqual(yield* end, 9)
        const largest = yield* grow(6, maxCommandEvents)
        strictEqual(largest.length, 6)
      })
    )
  },
  {
    name: "a snapshot of 50 MB is given up by the limit's name before the store sees it, and one that is small again is saved (BY2)",
    run: Effect.gen(function* () {
      const store = yield* SnapshotStore
      const seen: Array<Snapshot> = []
      const gaveUp = yield* Deferred.make<string>()
      const saved = yield* Deferred.make<void>()
      const logger = Logger.make<unknown, void>(({ annotations, message }) => {
        if (!String(message).includes("too large")) return
        for (const [name, value] of annotations)
          if (name === "fault") Deferred.unsafeDone(gaveUp, Effect.succeed(String(value)))
      })
      const watched = SnapshotStore.of({
        ...store,
        save: (snapshots, keep) => {
          seen.push(...snapshots)
          return Effect.zipLeft(store.save(snapshots, keep), Deferred.succeed(saved, undefined))
        }
      })
      const program = Effect.gen(function* () {
        yield* grow(50_000_000)
        ok(/LimitExceeded: .*maxSnapshotCharacters/.test(yield* Deferred.await(gaveUp)))
        yield* grow(10)
        yield* Deferred.await(saved)
      })
      yield* release(heaps, program).pipe(
        Effect.provideService(SnapshotStore, watched),
        Effect.provide(Logger.add(logger))
      )
      deepStrictEqual(
        seen.map(({ version }) => version),
        [2]
      )
      yield* release(heaps, grow(50_000_000))
      const { text } = (yield* release(
        heaps,
        Effect.flatMap(Heap, (heap) => heap("a").state)
      )).state
      strictEqual(text.length, 50_000_000)
    })
  }
]
