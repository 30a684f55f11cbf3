/** What a store says of each command: its first answer again, its limits, and a verdict for each of an append. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Effect } from "effect"
import * as CommandId from "../../core/CommandId.ts"
import * as EventHash from "../../core/EventHash.ts"
import { EventStore, type ProposedCommand, storedOf } from "../../core/EventStore.ts"
import { maxAnswerBytes, maxBytes, maxPayloadBytes } from "../../core/StoredText.ts"
import type { Case } from "../Conformance.ts"
import { append, command, events, head, log, read, request, tagOf, verdicts } from "./Requests.ts"

export const Commands: ReadonlyArray<Case<EventStore>> = [
  {
    name: "a command id that was stored gives its first answer, whatever version is expected, and adds nothing (ES24)",
    run: Effect.gen(function* () {
      const first = yield* append(request("a", 0, events("c", 2)))
      const store = yield* EventStore
      const [again] = yield* store.append([request("a", 0, events("c", 2))])
      deepStrictEqual(again?.verdicts, [{ _tag: "StoredBefore", command: storedOf(first)[0] }])
      const mixed = yield* append(request("a", 2, events("new", 1), events("c", 2)))
      deepStrictEqual(
        mixed[0]?.verdicts.map(({ _tag }) => _tag),
        ["Stored", "StoredBefore"]
      )
      deepStrictEqual(storedOf(mixed)[1], storedOf(first)[0])
      strictEqual((yield* log()).length, 3)
    })
  },
  {
    name: "an unstored command is looked up by its id and otherwise leaves nothing (ES24)",
    run: Effect.gen(function* () {
      const unstored: ProposedCommand = { ...events("c", 0), outcome: "unstored" }
      deepStrictEqual(yield* append(request("a", 0, unstored)), [
        {
          verdicts: [{ _tag: "Unstored" }],
          head: { version: 0, position: 0, hash: EventHash.genesis },
          conflict: undefined
        }
      ])
      strictEqual(yield* tagOf(append(request("a", 1, unstored))), "VersionConflict")
      const first = yield* append(request("a", 0, events("c", 1)))
      const [again] = yield* append(request("a", 1, { ...events("c", 1), outcome: "unstored" }))
      deepStrictEqual(again?.verdicts, [{ _tag: "StoredBefore", command: storedOf(first)[0] }])
    })
  },
  {
    name: "a command id with another body or for another stream is a typed error and the original stays (ES25)",
    run: Effect.gen(function* () {
      yield* append(request("a", 0, events("c", 1)))
      strictEqual(yield* tagOf(append(request("b", 0, events("c", 1)))), "CommandIdReused")
      strictEqual(yield* tagOf(append(request("a", 1, events("c", 2)))), "CommandIdReused")
      strictEqual(yield* tagOf(append(request("b", 0, events("c", 2)))), "CommandIdReused")
      strictEqual((yield* log()).length, 1)
    })
  },
  {
    name: "ids, fingerprints and answers have their limits too, and one over them is refused with nothing written (ES30)",
    run: Effect.gen(function* () {
      const long = "x".repeat(CommandId.maxLength)
      const own = `\u0001${"x".repeat(CommandId.maxOwnLength - 1)}`
      for (const [index, id] of [long, own].entries()) yield* append(request("a", index, command(id, [String(index)])))
      const fits = command("fits", ["1"])
      const answer = `"${"é".repeat(maxAnswerBytes / 2 - 1)}"`
      yield* append(request("a", 2, { ...fits, answer: () => ({ text: answer, version: 1 }) }))
      const refused: ReadonlyArray<Partial<ProposedCommand>> = [
        { commandId: "" },
        { commandId: `${long}x` },
        { commandId: `${own}x` },
        { fingerprint: "a\0b" },
        { fingerprint: "\ud800" },
        { fingerprint: "x".repeat(1_025) },
        { fingerprint: "\u6c34".repeat(maxBytes / 3 + 1) },
        { commandId: `\u0001${"\u6c34".repeat(1_000)}` },
        { correlationId: "x".repeat(1_025) },
        { causationId: "x".repeat(1_025) },
        { traceparent: "x".repeat(1_025) },
        { events: [{ type: "x".repeat(1_025), schemaVersion: 1, data: "1" }] },
        { answer: () => ({ text: `${answer} `, version: 1 }) },
        { answer: () => ({ text: '"a\0b"', version: 1 }) }
      ]
      for (const change of refused) {
        const error = yield* Effect.flip(append(request("a", 3, { ...fits, commandId: "over", ...change })))
        ok(error._tag === "InvalidArgument" && [Object.keys(change)[0], "type"].includes(error.argument))
      }
      strictEqual(yield* head("a"), 3)
    })
  },
  {
    name: "data of 1 MiB is stored, a byte more is refused before any write (ES30)",
    run: Effect.gen(function* () {
      const data = `"${"x".repeat(maxPayloadBytes - 2)}"`
      yield* append(request("a", 0, command("fits", [data])))
      strictEqual(yield* tagOf(append(request("a", 1, command("over", [`${data} `])))), "InvalidArgument")
      strictEqual((yield* read("a"))[0]?.data, data)
      strictEqual(yield* head("a"), 1)
    })
  },
  {
    name: "an answer that cannot be made fails its command, of which nothing is written (NB1)",
    run: Effect.gen(function* () {
      const broken = { ...events("broken", 1), answer: () => JSON.parse("") }
      const error = yield* Effect.flip(append(request("a", 0, events("c", 1), broken)))
      ok(error._tag === "AnswerFailed" && error.commandId === "broken")
      deepStrictEqual(
        (yield* log()).map(({ commandId }) => commandId),
        ["c"]
      )
      yield* append(request("a", 1, events("d", 1)))
    })
  },
  {
    name: "each command of an append has its verdict, and what rests on events that are not written is dropped (NB1)",
    run: Effect.gen(function* () {
      yield* append(request("b", 0, events("elsewhere", 1), events("there", 1)), request("a", 0, events("before", 1)))
      const reused = events("elsewhere", 1)
      const broken = { ...events("broken", 1), answer: () => JSON.parse("") }
      const large = command("large", [`"${"x".repeat(maxPayloadBytes)}"`])
      const refusal: ProposedCommand = { ...events("refusal", 0), outcome: "refusal" }
      const unstored: ProposedCommand = { ...events("unstored", 0), outcome: "unstored" }
      // A command without events does not drop those behind it.
      const quiet: ReadonlyArray<readonly [ProposedCommand, string]> = [
        [{ ...reused, events: [], outcome: "refusal" }, "CommandIdReused"],
        [{ ...broken, events: [] }, "AnswerFailed"],
        [{ ...refusal, commandId: "" }, "InvalidArgument"],
        [{ ...events("before", 1), events: [] }, "StoredBefore"]
      ]
      for (const [index, [poison, tag]] of quiet.entries()) {
        const [first, last] = [`first-${index}`, `last-${index}`]
        deepStrictEqual(yield* verdicts(events(first, 1), poison, events(last, 1)), ["Stored", tag, "Stored"])
      }
      const loud: ReadonlyArray<readonly [ProposedCommand, string]> = [
        [reused, "CommandIdReused"],
        [broken, "AnswerFailed"],
        [large, "InvalidArgument"],
        [{ ...events("long", 1), commandId: "x".repeat(2_000) }, "InvalidArgument"],
        [events("before", 1), "StoredBefore"]
      ]
      for (const [index, [poison, tag]] of loud.entries()) {
        const [before, behind] = [events(`before-${index}`, 1), events(`behind-${index}`, 1)]
        const all = [
          before,
          poison,
          behind,
          refusal,
          unstored,
          events("there", 1),
          { ...large, commandId: `large-${index}` }
        ]
        deepStrictEqual(yield* verdicts(...all), [
          "Stored",
          tag,
          "Dropped",
          "Dropped",
          "Dropped",
          // What is known without the state behind it is said at once.
          "CommandIdReused",
          "InvalidArgument"
        ])
        deepStrictEqual(yield* verdicts(behind), ["Stored"])
      }
      const versions = (yield* read("a")).map(({ version }) => version)
      deepStrictEqual(
        versions,
        Array.from({ length: 1 + 2 * quiet.length + 2 * loud.length }, (_, index) => index + 1)
      )
    })
  },
  {
    name: "a conflict says so once, drops what is new, and answers what was stored before (NB1)",
    run: Effect.gen(function* () {
      const store = yield* EventStore
      yield* append(request("a", 0, events("c", 2)))
      const [result] = yield* store.append([request("a", 1, events("c", 2), events("new", 1))])
      ok(result?.conflict?._tag === "VersionConflict" && result.conflict.actual === 2)
      deepStrictEqual(
        result.verdicts.map(({ _tag }) => _tag),
        ["StoredBefore", "Dropped"]
      )
      strictEqual(result.head.version, 2)
      strictEqual(yield* head("a"), 2)
    })
  },
  {
    name: "one id twice in an append is refused the second time, and the first is stored (NB1)",
    run: Effect.gen(function* () {
      deepStrictEqual(yield* verdicts(events("c", 1), events("c", 1), events("d", 1)), [
        "Stored",
        "InvalidArgument",
        "Dropped"
      ])
      strictEqual(yield* head("a"), 1)
    })
  }
]
