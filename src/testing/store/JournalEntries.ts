/**
 * The promises of `core/Journal.ts` as cases, for every event store. A store author runs each with a fresh, empty
 * store.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Buffer } from "node:buffer"
import { Effect } from "effect"
import * as EventHash from "../../core/EventHash.ts"
import { appendOrFail, EventStore, type ProposedCommand } from "../../core/EventStore.ts"
import * as Journal from "../../core/Journal.ts"
import * as JournalCheck from "../../core/JournalCheck.ts"
import { StreamId } from "../../core/StreamId.ts"
import type { Case } from "../Conformance.ts"
import { proposed } from "../ProposedCommand.ts"
import { append, at, request } from "./Requests.ts"

const command = (commandId: string, count: number, more: Partial<ProposedCommand> = {}) =>
  proposed(commandId, {
    command: "Note",
    fingerprint: `2:${Buffer.from(commandId).toString("hex")}`,
    events: Array.from({ length: count }, (_, index) => ({ type: "Noted", schemaVersion: 1, data: String(index) })),
    answer: (at) => ({ text: JSON.stringify(at), version: 3 }),
    ...more
  })
const operation = { kind: "operation", name: "pause", detail: '{"projection":"p"}', principal: "ops" } as const
const nextEpoch = { kind: "epoch", name: "restore", detail: "{}", principal: null } as const
const record = (what: Journal.ProposedOperation) => Effect.flatMap(EventStore, (store) => store.record(what))
const head = Effect.flatMap(EventStore, (store) => store.journalHead)
const identity = Effect.flatMap(EventStore, (store) => store.identity)
const journal = Effect.gen(function* () {
  const store = yield* EventStore
  const all: Array<Journal.JournalEntry> = []
  for (;;) {
    const { entries, more } = yield* store.readJournal(all.length, 7)
    all.push(...entries)
    if (!more) return all
  }
})

/** What a check of the whole log says, as it would for `verify`. */
const problems = (against?: Journal.JournalHead) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const found: Array<JournalCheck.Problem> = []
    yield* JournalCheck.run({
      identity: yield* store.identity,
      maxClockLead: store.maxClockLead,
      readEntries: (after) => Effect.map(store.readJournal(after, 5), ({ entries }) => entries),
      readEvents: (after) => Effect.map(store.readAll(after, 3), ({ events }) => events),
      onEvent: (event) => ok(EventHash.isIntact(event)),
      found: (problem) => found.push(problem),
      against
    })
    return found
  })

/** Where the events of the log are: a store may leave places between them. */
const positions = Effect.flatMap(EventStore, (store) =>
  Effect.map(store.readAll(0), ({ events }) => events.map(({ position }) => position))
)

export const JournalEntries: ReadonlyArray<Case<EventStore>> = [
  {
    name: "a success, a kept refusal and a success without events are one entry each, chained from the log's id; what is not kept is none (JR1)",
    run: Effect.gen(function* () {
      yield* append(request("a", 0, command("c-1", 2), command("c-2", 1, { correlationId: "c-0", causationId: "a@1" })))
      yield* append(request("b", 0, command("c-3", 0, { outcome: "refusal" })))
      yield* append(request("b", 0, command("c-4", 0)), request("a", 3, command("c-5", 1, { traceparent: "t" })))
      yield* append(request("a", 4, command("c-6", 0, { outcome: "unstored" })))
      yield* Effect.flip(append(request("a", 1, command("c-7", 1))))
      yield* append(request("a", 4, command("c-1", 2)))
      const entries = yield* journal
      const places = yield* positions
      deepStrictEqual(
        entries.map(({ commandId, events, outcome, position, sequence, streamId, version }) => [
          sequence,
          commandId,
          streamId,
          outcome,
          events,
          version,
          position
        ]),
        [
          [1, "c-1", "a", "success", 2, 2, places[1]],
          [2, "c-2", "a", "success", 1, 3, places[2]],
          [3, "c-3", "b", "refusal", 0, 0, 0],
          [4, "c-4", "b", "success", 0, 0, 0],
          [5, "c-5", "a", "success", 1, 4, places[3]]
        ]
      )
      let end: Journal.JournalEnd = { sequence: 0, hash: Journal.genesis((yield* identity).logId) }
      for (const entry of entries) {
        strictEqual(Journal.damage(end, entry), undefined)
        end = entry
      }
      const [first, second, third, , last] = entries
      ok(first?.rule === Journal.rules.decided && first.kind === "command" && first.command === "Note")
      deepStrictEqual([first.answer, first.answerVersion], [JSON.stringify({ version: 2, position: 2 }), 3])
      deepStrictEqual([first.correlationId, second?.correlationId, second?.causationId], [null, "c-0", "a@1"])
      deepStrictEqual([third?.eventHash, last?.traceparent], [EventHash.genesis, "t"])
      for (const name of ["principal", "metadata", "payloadDigest"] as const) strictEqual(first[name], null)
      const { events } = yield* Effect.flatMap(EventStore, (store) => store.readAll(0))
      deepStrictEqual(
        events.map(({ correlationId, sequence }) => [sequence, correlationId]),
        [
          [1, "c-1"],
          [1, "c-1"],
          [2, "c-0"],
          [5, "c-5"]
        ]
      )
      for (const entry of entries.filter(({ events }) => events > 0)) {
        strictEqual(entry.eventHash, events.find(({ position }) => position === entry.position)?.hash)
      }
      deepStrictEqual(yield* problems(), [])
    })
  },
  {
    name: "an operation and an epoch are entries of their kind, and an epoch raises the log's (JR1)",
    run: Effect.gen(function* () {
      const before = yield* identity
      strictEqual(before.epoch, 1)
      ok(/^[0-9a-f]{32}$/.test(before.logId))
      yield* record(operation)
      yield* append(request("a", 0, command("c-1", 1)))
      const raised = yield* record(nextEpoch)
      deepStrictEqual(yield* identity, { logId: before.logId, epoch: 2 })
      yield* append(request("a", 1, command("c-2", 1)))
      const entries = yield* journal
      const [first, second] = yield* positions
      deepStrictEqual(
        entries.map(({ command, kind, position, version }) => [kind, command, version, position]),
        [
          ["operation", "pause", 0, 0],
          ["command", "Note", 1, first],
          ["epoch", "restore", 2, first],
          ["command", "Note", 2, second]
        ]
      )
      deepStrictEqual(raised, entries[2])
      deepStrictEqual([entries[0]?.principal, entries[0]?.answer], ["ops", operation.detail])
      deepStrictEqual(yield* problems(), [])
      const error = yield* Effect.flip(record({ ...operation, detail: "\0" }))
      strictEqual(error._tag, "InvalidArgument")
    })
  },
  {
    name: "the head is where the log ends, and a log that goes on extends it; another one does not (JR4)",
    run: Effect.gen(function* () {
      const { logId } = yield* identity
      const none = { sequence: 0, position: 0, hash: Journal.genesis(logId), recordedAt: 0 }
      deepStrictEqual(yield* head, { logId, epoch: 1, ...none })
      yield* append(request("a", 0, command("c-1", 2)))
      yield* append(request("b", 0, command("c-2", 0, { outcome: "refusal" })))
      const noted = yield* head
      const last = (yield* journal).at(-1)
      deepStrictEqual(noted, {
        logId,
        epoch: 1,
        sequence: 2,
        position: 2,
        hash: last?.hash,
        recordedAt: last?.recordedAt
      })
      yield* append(request("a", 2, command("c-3", 1)))
      deepStrictEqual(yield* problems(noted), [])
      deepStrictEqual(yield* problems({ ...none, logId, epoch: 1 }), [])
      const later = yield* head
      for (const [other, sequence] of [
        [{ ...noted, hash: later.hash }, 2],
        [{ ...noted, position: 1 }, 2],
        [{ ...noted, recordedAt: noted.recordedAt + 1 }, 2],
        [{ ...later, sequence: 9 }, 4],
        [{ ...later, logId: "0".repeat(32) }, 1],
        [{ ...later, epoch: 2 }, 3]
      ] as const) {
        const found = yield* problems(other)
        deepStrictEqual(
          found.map((problem) => problem.sequence),
          [sequence]
        )
      }
    })
  },
  {
    name: "appends of many fibers, with conflicts and retries, leave the journal gapless and chained (JR6)",
    run: Effect.gen(function* () {
      const store = yield* EventStore
      const one = (index: number) => {
        const streamId = StreamId.make(`s-${index % 5}`)
        const commands = [command(`c-${index}`, index % 3)]
        return Effect.retry(
          Effect.flatMap(store.head(streamId), ({ version: expectedVersion }) =>
            appendOrFail(store, [{ streamId, expectedVersion, commands }])
          ),
          { while: (error) => error._tag === "VersionConflict" }
        )
      }
      const all = Array.from({ length: 120 }, (_, index) => index)
      yield* Effect.forEach([...all, ...all.slice(0, 30)], one, { concurrency: 10, discard: true })
      strictEqual((yield* journal).length, 120)
      deepStrictEqual(yield* problems(), [])
    })
  },
  {
    name: "the last entry of a stream says where the stream ends, a refusal's too (JR8)",
    run: Effect.gen(function* () {
      const store = yield* EventStore
      const [a, b] = [StreamId.make("a"), StreamId.make("b")]
      strictEqual(yield* store.lastEntry(a), undefined)
      yield* append(request("a", 0, command("c-1", 2)), request("b", 0, command("c-2", 1)))
      yield* append(request("a", 2, command("c-3", 0, { outcome: "refusal" })))
      const [last] = (yield* store.readStream(a, { direction: "backwards", limit: 1 })).events
      const entry = yield* store.lastEntry(a)
      deepStrictEqual([entry?.commandId, entry?.version, entry?.eventHash], ["c-3", 2, last?.hash])
      ok(entry !== undefined && Journal.isIntact(entry))
      strictEqual((yield* store.lastEntry(b))?.commandId, "c-2")
    })
  },
  {
    name: "the time of entries does not decrease by a clock that is set back a little, a refusal's included, and events take it (JR1)",
    run: Effect.gen(function* () {
      yield* at(3_000)(append(request("a", 0, command("c-1", 0, { outcome: "refusal" }))))
      yield* at(1_000)(append(request("a", 0, command("c-2", 1))))
      yield* at(4_000.9)(record(operation))
      yield* at(2_000)(append(request("a", 1, command("c-3", 1))))
      deepStrictEqual(
        (yield* journal).map(({ recordedAt }) => recordedAt),
        [3_000, 3_000, 4_000, 4_000]
      )
      const { events } = yield* Effect.flatMap(EventStore, (store) => store.readAll(0))
      deepStrictEqual(
        events.map(({ recordedAt }) => recordedAt),
        [3_000, 4_000]
      )
    })
  },
  {
    name: "after an entry further ahead of the clock than the bound, be it a refusal or an operation, entries have the clock's time again (JR1)",
    run: Effect.gen(function* () {
      const { maxClockLead } = yield* EventStore
      const [little, far] = [0.6 * maxClockLead, 1.2 * maxClockLead]
      const start = 1_000_000
      yield* at(start + little)(append(request("a", 0, command("c-1", 1))))
      yield* at(start + far)(append(request("a", 1, command("c-2", 0, { outcome: "refusal" }))))
      // Behind the event before it by less than the bound, for the sake of the refusal.
      yield* at(start)(append(request("a", 1, command("c-3", 1))))
      yield* at(start + far)(record(operation))
      yield* at(start)(record(operation))
      yield* at(start + far)(record(operation))
      yield* at(start)(append(request("b", 0, command("c-4", 0, { outcome: "refusal" }))))
      deepStrictEqual(
        (yield* journal).map(({ recordedAt }) => recordedAt - start),
        [little, far, 0, far, 0, far, 0]
      )
      deepStrictEqual(yield* problems(), [])
    })
  }
]
