/** Short ways to write and read a log in tests. */
import { Effect } from "effect"
import { assert } from "vitest"
import { noHead } from "../../src/core/AppendPlan.ts"
import * as Damage from "../../src/core/Damage.ts"
import { genesis, isIntact } from "../../src/core/EventHash.ts"
import {
  type AppendRequest,
  type AppendResult,
  appendOrFail,
  type EventPage,
  EventStore,
  type ExpectedVersion,
  type Verdict
} from "../../src/core/EventStore.ts"
import type { JournalHead } from "../../src/core/Journal.ts"
import * as JournalCheck from "../../src/core/JournalCheck.ts"
import type { StoredEvent } from "../../src/core/StoredEvent.ts"
import { StreamId } from "../../src/core/StreamId.ts"
import * as UnverifiedLog from "../../src/sql/UnverifiedLog.ts"
import { proposed } from "../../src/testing/ProposedCommand.ts"

/** One command with one event. */
export const request = (id: string, commandId: string, expectedVersion: ExpectedVersion = "any"): AppendRequest => ({
  streamId: StreamId.make(id),
  expectedVersion,
  commands: [
    proposed(commandId, {
      events: [{ type: "Noted", schemaVersion: 1, data: "{}" }],
      answer: (at) => ({ text: JSON.stringify(at), version: 1 })
    })
  ]
})

/** What became of an append's one command. */
const verdictOf = (result: AppendResult): Verdict => result[0]?.verdicts[0] ?? { _tag: "Dropped" }

export const append = (id: string, commandId: string, expectedVersion: ExpectedVersion = "any") =>
  Effect.flatMap(EventStore, (store) =>
    Effect.map(appendOrFail(store, [request(id, commandId, expectedVersion)]), verdictOf)
  )

/**
 * Every event, each proven sound, chained to the one before it in its stream, and after the one before it in the log.
 */
export const log = Effect.gen(function* () {
  const store = yield* EventStore
  const events: Array<StoredEvent> = []
  const heads = new Map<string, StoredEvent>()
  for (;;) {
    const page: EventPage = yield* store.readAll(events.at(-1)?.position ?? 0)
    for (const event of page.events) {
      const head = heads.get(event.streamId)
      assert.isTrue(isIntact(event))
      assert.strictEqual(event.version, (head?.version ?? 0) + 1)
      assert.strictEqual(event.previousHash, head?.hash ?? genesis)
      assert.isAbove(event.position, events.at(-1)?.position ?? 0)
      heads.set(event.streamId, event)
      events.push(event)
    }
    if (!page.more) return events
  }
})

/** What is wrong with the whole log: its journal, and each event by its hash and its stream's chain. */
export const problems = (against?: JournalHead) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const found: Array<JournalCheck.Problem> = []
    const heads = new Map<string, { readonly version: number; readonly hash: string }>()
    yield* JournalCheck.run({
      identity: yield* store.identity,
      maxClockLead: store.maxClockLead,
      readEntries: (after) => Effect.map(store.readJournal(after), ({ entries }) => entries),
      readEvents: (after) => Effect.map(UnverifiedLog.readAll(after), ({ events }) => events),
      onEvent: (event) => {
        const damage = Damage.ofRow(heads.get(event.streamId) ?? noHead, event)
        const { sequence, streamId, version } = event
        if (damage !== undefined) found.push({ streamId, version, sequence, problem: damage.reason })
        heads.set(event.streamId, event)
      },
      found: (problem) => found.push(problem),
      against
    })
    return found
  })
