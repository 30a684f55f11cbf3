/** What an older release says of events that a newer one has stored: that they are sound, and not for it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import * as StreamId from "../../src/core/StreamId.ts"
import { proposed } from "../../src/testing/ProposedCommand.ts"
import { follow, nextEvent, nextMessage } from "./Feed.ts"
import { assertProblem } from "./Problems.ts"
import * as Service from "./Service.ts"

const { ask, problem, Url } = Service

/** Stores an event as a newer release would; gives its position. */
const append = (id: string, type: string, schemaVersion: number) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    yield* store.append([
      {
        streamId: StreamId.StreamId.make(`account-${id}`),
        expectedVersion: 0,
        commands: [
          proposed(`by a newer release ${id}`, {
            isNew: true,
            command: "Open",
            events: [{ type, schemaVersion, data: "{}" }]
          })
        ]
      }
    ])
    return yield* store.lastPosition
  })

const kinds = [
  ["newer", "AccountOpened", 9],
  ["unknown", "AccountFrozen", 1]
] as const

describe("an event of a newer release", () => {
  for (const [id, type, schemaVersion] of kinds) {
    it.scopedLive(`is named as that by the older one, and not as damage: ${type} v${schemaVersion}`, () =>
      Effect.gen(function* () {
        const url = yield* Url
        yield* append(id, type, schemaVersion)
        for (const asked of [
          ask(`${url}/accounts/${id}`),
          ask(`${url}/accounts/${id}?version=1`),
          ask(`${url}/accounts/${id}/events`),
          ask(`${url}/accounts/${id}/statement`),
          ask(`${url}/aggregates/Account/${id}`),
          ask(`${url}/events`),
          ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
        ]) {
          const answer = yield* asked
          assertProblem(answer, "newer-release")
          assert.match(problem(answer).detail, /^account-\w+ version 1 \(position \d+\) is of a newer release$/)
        }
      }).pipe(Effect.provide(Service.layer()))
    )

    it.scopedLive(`ends the feed, which says which it is and leaves the client where it was: ${type}`, () =>
      Effect.gen(function* () {
        const url = yield* Url
        const known = yield* Service.open(url)
        const position = yield* append(id, type, schemaVersion)
        const later = yield* Service.open(url)
        const feeds = [
          follow(`${url}/events/stream`),
          // That is for damage, which no release fixes.
          follow(`${url}/events/stream?skipDamaged=true`),
          follow(`${url}/events/stream?type=${type}&type=AccountOpened`)
        ]
        for (const followed of feeds) {
          const feed = yield* followed
          assert.deepInclude(yield* nextMessage(feed), { id: String(position - 1), event: "AccountOpened" })
          const told = yield* nextMessage(feed)
          assert.deepStrictEqual(told, {
            event: "newer-release",
            data: JSON.stringify({ position, streamId: `account-${id}`, version: 1 })
          })
          yield* feed.ended
        }
        // A reader of others does not meet it.
        const others = yield* follow(`${url}/events/stream?stream=account-${later}`)
        assert.strictEqual((yield* nextEvent(others)).id, String(position + 1))
        assert.strictEqual((yield* ask(`${url}/accounts/${known}`)).status, 200)
      }).pipe(Effect.provide(Service.layer()))
    )
  }
})
