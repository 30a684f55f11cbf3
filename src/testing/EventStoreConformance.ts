/** The promises of `core/EventStore.ts` as cases. A store author runs each with a fresh, empty store. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { hash } from "node:crypto"
import { Clock, Deferred, Effect, Fiber, Queue, Stream } from "effect"
import { noHead } from "../core/AppendPlan.ts"
import * as CommandId from "../core/CommandId.ts"
import * as EventHash from "../core/EventHash.ts"
import {
  type AppendRequest,
  appendOrFail,
  EventStore,
  type ExpectedVersion,
  type ListStreamsOptions,
  type ProposedCommand,
  type ReadStreamOptions,
  storedOf
} from "../core/EventStore.ts"
import { maxAnswerBytes, maxBytes, maxPayloadBytes } from "../core/StoredText.ts"
import { compare, StreamId } from "../core/StreamId.ts"
import type { Case } from "./Conformance.ts"

const command = (commandId: string, data: ReadonlyArray<string>): ProposedCommand => ({
  commandId,
  isNew: false,
  command: "Test",
  fingerprint: hash("sha256", data.join()),
  correlationId: commandId,
  causationId: null,
  traceparent: null,
  events: data.map((text) => ({ type: "Noted", schemaVersion: 1, data: text })),
  outcome: "success",
  answer: (at) => ({ text: JSON.stringify(at), version: 1 })
})
/** One command of `count` events with the data 1, 2, 3, …  */
const events = (commandId: string, count: number): ProposedCommand =>
  command(
    commandId,
    Array.from({ length: count }, (_, index) => String(index + 1))
  )
const request = (id: string, expectedVersion: ExpectedVersion, ...commands: Array<ProposedCommand>): AppendRequest => ({
  streamId: StreamId.make(id),
  expectedVersion,
  commands
})
const append = (...requests: Array<AppendRequest>) =>
  Effect.flatMap(EventStore, (store) => appendOrFail(store, requests))
/** What became of the commands of one request, by their tags and, where they are refused, their errors. */
const verdicts = (...commands: Array<ProposedCommand>) =>
  Effect.flatMap(EventStore, (store) =>
    Effect.map(store.append([request("a", "any", ...commands)]), ([result]) =>
      (result?.verdicts ?? []).map((verdict) => (verdict._tag === "Refused" ? verdict.error._tag : verdict._tag))
    )
  )
/** Runs an effect with the clock stopped at so many milliseconds. */
const at = (millis: number) =>
  Effect.withClock(
    Object.assign(Object.create(Clock.make()) as Clock.Clock, {
      currentTimeMillis: Effect.succeed(millis),
      unsafeCurrentTimeMillis: () => millis
    })
  )
const page = (id: string, options?: ReadStreamOptions) =>
  Effect.flatMap(EventStore, (store) => store.readStream(StreamId.make(id), options))
const read = (id: string, options?: ReadStreamOptions) => Effect.map(page(id, options), ({ events }) => events)
const fullHead = (id: string) => Effect.flatMap(EventStore, (store) => store.head(StreamId.make(id)))
const head = (id: string) => Effect.map(fullHead(id), ({ version }) => version)
const logPage = (after = 0, limit?: number) => Effect.flatMap(EventStore, (store) => store.readAll(after, limit))
const log = (after = 0, limit?: number) => Effect.map(logPage(after, limit), ({ events }) => events)
const streamPage = (options: ListStreamsOptions) => Effect.flatMap(EventStore, (store) => store.listStreams(options))
const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => error._tag)

export const EventStoreConformance: ReadonlyArray<Case<EventStore>> = [
  {
    name: "ES1 appends 3 events to an empty stream and reads them in order, versions 1 to 3",
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
    name: "ES2 ES3 a stale or too high expected version is a typed conflict and writes nothing",
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
    name: "ES4 each expectation holds or conflicts on a missing and on a present stream",
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
    name: "JR8 another event at the expected version is a typed conflict and writes nothing",
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
    name: "ES5 an append without events succeeds, keeps its answer and takes no position",
    run: Effect.gen(function* () {
      yield* append(request("a", "any"), request("a", "any", events("empty", 0)))
      deepStrictEqual(yield* log(), [])
      const stored = storedOf(yield* append(request("a", "any", events("c", 1))))
      strictEqual(stored[0]?.version, 1)
      deepStrictEqual(yield* verdicts(events("empty", 0)), ["StoredBefore"])
    })
  },
  {
    name: "ES6 a batch whose fourth event is refused is wholly absent",
    run: Effect.gen(function* () {
      const batch = command("c", ["1", "2", "3", '"\0"', "5"])
      strictEqual(yield* tagOf(append(request("a", 0, batch))), "InvalidArgument")
      deepStrictEqual(yield* log(), [])
    })
  },
  {
    name: "ES7 an append to two streams is written to both or to neither",
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
    name: "ES10 100 appends of 10 fibers that expect any version give versions 1 to 100",
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
    name: "ES11 what is stored does not change with the caller's objects, nor with the reader's",
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
    name: "ES18 recordedAt is in whole milliseconds and never decreases along the log when the clock goes back",
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
    name: "ES18 after an event further ahead of the clock than the bound, recordedAt is the clock's time again",
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
  },
  {
    name: "ES12 ES13 pages have the bounds, the limit and the direction that were asked for",
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
    name: "ES14 bounds that are no integers from 0 are a typed error",
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
    name: "ES15 ES18 pages of the log and of streams join without gap or double, in order, hashes chained",
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
    name: "ES24 a command id that was stored gives its first answer, whatever version is expected, and adds nothing",
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
    name: "ES25 a command id with another body or for another stream is a typed error and the original stays",
    run: Effect.gen(function* () {
      yield* append(request("a", 0, events("c", 1)))
      strictEqual(yield* tagOf(append(request("b", 0, events("c", 1)))), "CommandIdReused")
      strictEqual(yield* tagOf(append(request("a", 1, events("c", 2)))), "CommandIdReused")
      strictEqual(yield* tagOf(append(request("b", 0, events("c", 2)))), "CommandIdReused")
      strictEqual((yield* log()).length, 1)
    })
  },
  {
    name: "ES28 text comes back byte for byte or is refused, and two forms of one letter are two streams",
    run: Effect.gen(function* () {
      const data = JSON.stringify("😀 e\u0301 ‏שלום \u2028\u2029 \u0000 \ud800")
      yield* append(request("é", 0, command("c", [data])))
      strictEqual((yield* read("é"))[0]?.data, data)
      strictEqual(yield* head("e\u0301"), 0)
      strictEqual(yield* tagOf(append(request("a", 0, command("raw", ['"\ud800"'])))), "InvalidArgument")
    })
  },
  {
    name: "ES29 streams with special characters and with one name inside another stay apart, also when listed by prefix",
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
    name: "ES30 ids, fingerprints and answers have their limits too, and one over them is refused with nothing written",
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
    name: "ES30 data of 1 MiB is stored, a byte more is refused before any write",
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
      const unkept: ProposedCommand = { ...events("unkept", 0), outcome: "unkept" }
      // What has no events drops nobody.
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
          unkept,
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
      yield* append(request("a", "any", events("after", 1)))
      yield* woken.take
      yield* Fiber.interrupt(reader)
    })
  },
  {
    name: "ES24 an unkept command is looked up by its id and otherwise leaves nothing",
    run: Effect.gen(function* () {
      const unkept: ProposedCommand = { ...events("c", 0), outcome: "unkept" }
      deepStrictEqual(yield* append(request("a", 0, unkept)), [
        {
          verdicts: [{ _tag: "Unkept" }],
          head: { version: 0, position: 0, hash: EventHash.genesis },
          conflict: undefined
        }
      ])
      strictEqual(yield* tagOf(append(request("a", 1, unkept))), "VersionConflict")
      const first = yield* append(request("a", 0, events("c", 1)))
      const [again] = yield* append(request("a", 1, { ...events("c", 1), outcome: "unkept" }))
      deepStrictEqual(again?.verdicts, [{ _tag: "StoredBefore", command: storedOf(first)[0] }])
    })
  }
]
