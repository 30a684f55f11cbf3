/** What an append writes: all of it or nothing, at the expected version, in order, and never again changed. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Effect } from "effect"
import { noHead } from "../../core/AppendPlan.ts"
import * as EventHash from "../../core/EventHash.ts"
import { EventStore, type ExpectedVersion, storedOf } from "../../core/EventStore.ts"
import type { Case } from "../Conformance.ts"
import { append, at, command, events, fullHead, head, log, read, request, tagOf, verdicts } from "./Requests.ts"

export const Appends: ReadonlyArray<Case<EventStore>> = [
  {
    name: "appends 3 events to an empty stream and reads them in order, versions 1 to 3 (ES1)",
    run: Effect.gen(function* () {
      const result = yield* append(request("a", "noStream", events("c", 3)))
      const stored = yield* read("a")
      deepStrictEqual(
        stored.map(({ version, data }) => [version, data]),
        [
          [1, "1"],
          [2, "2"],
          [3, "3"]
        ]
      )
      strictEqual(storedOf(result)[0]?.version, 3)
      ok(result[0]?.head.hash === stored[2]?.hash && result[0]?.head.version === 3)
      const { hash, position, version } = stored[2] ?? noHead
      deepStrictEqual(yield* fullHead("a"), { version, position, hash })
      deepStrictEqual(yield* fullHead("unknown"), noHead)
    })
  },
  {
    name: "a stale or too high expected version is a typed conflict and writes nothing (ES2 ES3)",
    run: Effect.gen(function* () {
      yield* append(request("a", 0, events("c", 3)))
      for (const expected of [2, 4, 1000]) {
        const error = yield* Effect.flip(append(request("a", expected, events(`late-${expected}`, 1))))
        ok(error._tag === "VersionConflict" && error.expected === expected && error.actual === 3)
      }
      strictEqual((yield* log()).length, 3)
      yield* append(request("a", 3, events("next", 1)))
      strictEqual(yield* head("a"), 4)
      strictEqual(yield* Effect.flatMap(EventStore, (store) => store.lastPosition), (yield* log()).at(-1)?.position)
    })
  },
  {
    name: "each expectation holds or conflicts on a missing and on a present stream (ES4)",
    run: Effect.gen(function* () {
      yield* append(request("present", 0, events("c", 1)))
      const table: ReadonlyArray<readonly [string, ExpectedVersion, boolean]> = [
        ["missing", "any", true],
        ["missing", "noStream", true],
        ["missing", "exists", false],
        ["missing", 0, true],
        ["missing", 1, false],
        ["present", "any", true],
        ["present", "noStream", false],
        ["present", "exists", true],
        ["present", 0, false],
        ["present", 1, true]
      ]
      for (const [id, expected, holds] of table) {
        const result = yield* Effect.either(append(request(id, expected)))
        strictEqual(result._tag, holds ? "Right" : "Left", `${id} ${expected}`)
      }
    })
  },
  {
    name: "another event at the expected version is a typed conflict and writes nothing (JR8)",
    run: Effect.gen(function* () {
      yield* append(request("a", 0, events("c", 2)))
      const [first, second] = yield* read("a")
      const expecting = (version: ExpectedVersion, expectedHash?: string) =>
        append({ ...request("a", version, events(`after ${version}`, 1)), ...(expectedHash && { expectedHash }) })
      const error = yield* Effect.flip(expecting(2, first?.hash))
      ok(error._tag === "VersionConflict" && error.expected === 2 && error.actual === 2)
      strictEqual(yield* tagOf(expecting(1, first?.hash)), "VersionConflict")
      strictEqual(yield* tagOf(expecting("any", second?.hash)), "InvalidArgument")
      strictEqual((yield* log()).length, 2)
      yield* expecting(2, second?.hash)
      const other = request("b", 0, events("first of b", 1))
      strictEqual(yield* tagOf(append({ ...other, expectedHash: second?.hash ?? "" })), "VersionConflict")
      yield* append({ ...other, expectedHash: EventHash.genesis })
    })
  },
  {
    name: "an append without events succeeds, keeps its answer and takes no position (ES5)",
    run: Effect.gen(function* () {
      yield* append(request("a", "any"), request("a", "any", events("empty", 0)))
      deepStrictEqual(yield* log(), [])
      const stored = storedOf(yield* append(request("a", "any", events("c", 1))))
      strictEqual(stored[0]?.version, 1)
      deepStrictEqual(yield* verdicts(events("empty", 0)), ["StoredBefore"])
    })
  },
  {
    name: "a batch whose fourth event is refused is wholly absent (ES6)",
    run: Effect.gen(function* () {
      const batch = command("c", ["1", "2", "3", '"\0"', "5"])
      strictEqual(yield* tagOf(append(request("a", 0, batch))), "InvalidArgument")
      deepStrictEqual(yield* log(), [])
    })
  },
  {
    name: "an append to two streams is written to both or to neither (ES7)",
    run: Effect.gen(function* () {
      const first = request("a", 0, events("c-1", 1))
      strictEqual(yield* tagOf(append(first, request("b", 5, events("c-2", 1)))), "VersionConflict")
      strictEqual(yield* tagOf(append(request("a", 0), request("b", 1))), "VersionConflict")
      deepStrictEqual(yield* log(), [])
      yield* append(first, request("b", 0, events("c-2", 1)))
      strictEqual((yield* log()).length, 2)
    })
  },
  {
    name: "100 appends of 10 fibers that expect any version give versions 1 to 100 (ES10)",
    run: Effect.gen(function* () {
      const appends = Array.from({ length: 100 }, (_, index) => append(request("a", "any", events(`c-${index}`, 1))))
      yield* Effect.all(appends, { concurrency: 10 })
      deepStrictEqual(
        (yield* read("a")).map(({ version }) => version),
        Array.from({ length: 100 }, (_, index) => index + 1)
      )
    })
  },
  {
    name: "what is stored does not change with the caller's objects, nor with the reader's (ES11)",
    run: Effect.gen(function* () {
      const proposed = { type: "Noted", schemaVersion: 1, data: "1" }
      yield* append(request("a", 0, { ...command("c", []), events: [proposed] }))
      proposed.data = "2"
      const [first] = yield* read("a")
      yield* Effect.sync(() => Object.assign(first ?? {}, { data: "3" })).pipe(Effect.catchAllDefect(() => Effect.void))
      strictEqual((yield* read("a"))[0]?.data, "1")
      const [answer] = storedOf(yield* append(request("a", 1, command("d", ["1"]))))
      const kept = answer?.answer
      yield* Effect.ignore(Effect.try(() => Object.assign(answer ?? {}, { answer: "spoilt" })))
      const again = yield* append(request("a", 1, command("d", ["1"])))
      strictEqual(storedOf(again)[0]?.answer, kept)
    })
  },
  {
    name: "recordedAt is in whole milliseconds and never decreases along the log when the clock goes back (ES18)",
    run: Effect.gen(function* () {
      yield* at(2_000)(append(request("a", 0, events("c-1", 1))))
      yield* at(1_000)(append(request("b", 0, events("c-2", 1))))
      yield* at(3_000.7)(append(request("a", 1, events("c-3", 1))))
      deepStrictEqual(
        (yield* log()).map(({ recordedAt }) => recordedAt),
        [2_000, 2_000, 3_000]
      )
    })
  },
  {
    name: "after an event further ahead of the clock than the bound, recordedAt is the clock's time again (ES18)",
    run: Effect.gen(function* () {
      const { maxClockLead } = yield* EventStore
      const year = 365 * 86_400_000
      yield* at(1_000)(append(request("a", 0, events("c-1", 1))))
      // As far ahead as it may be: later ones have its time.
      yield* at(1_000 + maxClockLead)(append(request("b", 0, events("c-2", 1))))
      yield* at(1_000)(append(request("a", 1, events("c-3", 1))))
      yield* at(1_000 + year)(append(request("b", 1, events("c-4", 2))))
      yield* at(2_000 + year)(append(request("c", 0, events("c-5", 1))))
      yield* at(3_000 + maxClockLead)(append(request("a", 2, events("c-6", 1))))
      yield* at(3_000)(append(request("c", 1, events("c-7", 1))))
      const behind = (yield* log()).map(({ recordedAt }) => recordedAt)
      const held = 1_000 + maxClockLead
      const [ahead, after] = [1_000 + year, 3_000 + maxClockLead]
      deepStrictEqual(behind, [1_000, held, held, ahead, ahead, 2_000 + year, after, after])
    })
  }
]
