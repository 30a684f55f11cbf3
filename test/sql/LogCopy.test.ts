/** Out of one database and into another: the same rows, or none. */
import { Chunk, Deferred, Effect, Fiber, Stream } from "effect"
import { assert, describe, it } from "vitest"
import * as EventHash from "../../src/core/EventHash.ts"
import { EventStore, type StoredCommand } from "../../src/core/EventStore.ts"
import * as Journal from "../../src/core/Journal.ts"
import type { StoredEvent } from "../../src/core/StoredEvent.ts"
import { type LogRow, rows as logRows, restore } from "../../src/sql/LogCopy.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { append, log } from "./Log.ts"

const memory = SqliteStore.layer({ filename: ":memory:" })

interface Copy {
  readonly events: ReadonlyArray<StoredEvent>
  readonly commands: ReadonlyArray<StoredCommand>
}

const journal = Effect.flatMap(EventStore, (store) => store.readJournal(0))
const copy = Effect.all({
  events: log,
  commands: Effect.map(journal, ({ entries }) => entries.map((entry) => Journal.commandOf(entry) as StoredCommand))
})

/** A log of 700 events: more than one page of each table. */
const fill = Effect.forEach(Array.from({ length: 700 }), (_, index) => append(`s-${index % 10}`, `c-${index}`), {
  concurrency: "unbounded"
})
const source: Effect.Effect<Copy, unknown> = Effect.provide(Effect.zipRight(fill, copy), memory)

/** As an export of before the journal has them. */
const rowsOf = ({ events, commands }: Copy): ReadonlyArray<LogRow> => [
  ...events.map((event) => ({ _tag: "Event", event }) as const),
  ...commands.map((command) => ({ _tag: "Command", command }) as const)
]

/** The copy with one of its events changed and its hash recomputed. */
const forge = (original: Copy, index: number, change: Partial<StoredEvent>): Copy => ({
  ...original,
  events: original.events.map((event, at) => {
    if (at !== index) return event
    const changed = { ...event, ...change }
    return { ...changed, hash: change.hash ?? EventHash.compute(changed) }
  })
})

const rowsOfLog = Effect.map(Stream.runCollect(logRows), Chunk.toReadonlyArray)

/** As a log is copied that has a journal. */
const sourceRows: Effect.Effect<ReadonlyArray<LogRow>, unknown> = Effect.provide(
  Effect.zipRight(fill, rowsOfLog),
  memory
)

/**
 * The log with its last entry, and its event, earlier by this much, the event by a little more; their hashes
 * recomputed.
 */
const lastBehind = (original: ReadonlyArray<LogRow>, millis: number, apart = 0): ReadonlyArray<LogRow> => {
  const event = original.findLast((row) => row._tag === "Event")?.event
  const changed = event && { ...event, recordedAt: event.recordedAt - millis - apart }
  const eventHash = changed && EventHash.compute(changed)
  return original.map((row): LogRow => {
    if (changed === undefined || eventHash === undefined) return row
    if (row._tag === "Event" && row.event === event) return { _tag: "Event", event: { ...changed, hash: eventHash } }
    if (row._tag !== "Entry" || row.entry.sequence !== changed.sequence) return row
    const entry = { ...row.entry, eventHash, recordedAt: row.entry.recordedAt - millis }
    return { _tag: "Entry", entry: { ...entry, hash: Journal.compute(entry) } }
  })
}

describe("restore", () => {
  it("takes a log whose times go back after an entry that was ahead of the clock, as far as the store's bound says", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const original = yield* sourceRows
        const into = (rows: ReadonlyArray<LogRow>, maxClockLead: "1 minute" | "1 second") =>
          Effect.provide(
            restore(Stream.fromIterable(rows)).pipe(
              Effect.zipRight(Effect.map(rowsOfLog, (copied) => JSON.stringify(copied) === JSON.stringify(rows))),
              Effect.catchTag("RestoreRefused", ({ message }) => Effect.succeed(message))
            ),
            SqliteStore.layer({ filename: ":memory:", maxClockLead })
          )
        assert.isTrue(yield* into(lastBehind(original, 50_000), "1 second"))
        assert.isTrue(yield* into(lastBehind(original, 60_001), "1 minute"))
        assert.include(
          String(yield* into(lastBehind(original, 50_000), "1 minute")),
          "entry 700 of the journal: it was recorded before the entry before it"
        )
        assert.include(
          String(yield* into(lastBehind(original, 60_001, 1), "1 minute")),
          "it was not recorded at the time of its entry, 700"
        )
      })
    ))

  it("gives the same rows, and a log that goes on", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const original = yield* source
        yield* Effect.gen(function* () {
          const written = yield* restore(Stream.fromIterable(rowsOf(original)))
          assert.deepStrictEqual(written, { events: 700, commands: 700 })
          assert.deepStrictEqual(yield* copy, original)
          assert.strictEqual((yield* append("s-0", "c-0"))._tag, "StoredBefore")
          assert.strictEqual((yield* append("s-0", "next", 70))._tag, "Stored")
        }).pipe(Effect.provide(memory))
      })
    ))

  it("refuses a database that is not empty", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        yield* append("a", "c-1")
        const error = yield* Effect.flip(restore(Stream.empty))
        assert.strictEqual(error._tag, "RestoreRefused")
        assert.include(error.message, "not empty")
      }).pipe(Effect.provide(memory))
    ))

  const wrong: Record<string, readonly [reason: string, change: (original: Copy) => Copy]> = {
    "a changed byte": [
      "s-9 version 70: differs from its hash",
      (original) => forge(original, 699, { data: "[]", hash: original.events[699]?.hash ?? "" })
    ],
    "a broken chain": [
      "s-9 version 70: is not chained",
      (original) => forge(original, 699, { previousHash: EventHash.genesis })
    ],
    "a missing event": [
      "s-8 version 69: no event is where one of its commands ends",
      (original) => ({ ...original, events: original.events.filter((_, index) => index !== 688) })
    ],
    "a position that is taken": [
      "s-9 version 70: does not have a later position",
      (original) => forge(original, 699, { position: 699 })
    ],
    "a time that runs back": [
      "s-9 version 70: was recorded before",
      (original) => forge(original, 699, { recordedAt: 1 })
    ],
    "an event without its command": [
      "s-9 version 70: its command is missing",
      (original) => ({ ...original, commands: original.commands.filter(({ commandId }) => commandId !== "c-699") })
    ],
    "a command that ends nowhere": [
      "s-9 version 71: no event",
      (original) => ({
        ...original,
        commands: original.commands.map((command) =>
          command.commandId === "c-699" ? { ...command, version: 71 } : command
        )
      })
    ],
    "a command that stands twice": [
      "the database refuses a row",
      (original) => ({ ...original, commands: original.commands.concat(original.commands.slice(0, 1)) })
    ]
  }
  for (const [what, [reason, change]] of Object.entries(wrong)) {
    it(`refuses ${what} and leaves the database empty`, () =>
      Effect.runPromise(
        Effect.gen(function* () {
          const rows = rowsOf(change(yield* source))
          yield* Effect.gen(function* () {
            const error = yield* Effect.flip(restore(Stream.fromIterable(rows)))
            assert.strictEqual(error._tag, "RestoreRefused")
            assert.include(error.message, reason)
            assert.deepStrictEqual(yield* copy, { events: [], commands: [] })
          }).pipe(Effect.provide(memory))
        })
      ))
  }

  it("leaves the database empty when its rows end in an error or it is interrupted", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const rows = Stream.fromIterable(rowsOf(yield* source))
        yield* Effect.gen(function* () {
          assert.strictEqual(yield* Effect.flip(restore(Stream.concat(rows, Stream.fail("cut off")))), "cut off")
          const reached = yield* Deferred.make<void>()
          const endless = Stream.fromEffect(Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never))
          const restoring = yield* Effect.fork(restore(Stream.concat(rows, endless)))
          yield* Deferred.await(reached)
          yield* Fiber.interrupt(restoring)
          assert.deepStrictEqual(yield* copy, { events: [], commands: [] })
        }).pipe(Effect.provide(memory))
      })
    ))
})
